using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;

namespace Engine.Bench;

/// <summary>
/// LoRA steps with lora_dropout beside the same without: <see cref="TrainingBench"/>'s, on query, key and value, whose three maskings of
/// one input are three products where it is one without dropout.
/// </summary>
internal static class DropoutBench
{
    private const double Dropout = 0.05;
    private const int Rounds = 8;

    public static void Run(Device device)
    {
        using TransformerModel whole = TrainingBench.Model(0, "query", "key", "value"),
            masked = TrainingBench.Model(Dropout, "query", "key", "value");
        RaggedBatch batch = TrainingBench.Batch();
        using TrainingSession without = TrainingBench.Started(device, whole, batch), with = TrainingBench.Started(device, masked, batch);
        double bestWith = double.PositiveInfinity, bestWithout = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            bestWith = Math.Min(bestWith, TrainingBench.Seconds(with, batch));
            bestWithout = Math.Min(bestWithout, TrainingBench.Seconds(without, batch));
        }

        Measurement.Report(
            device, "lora-dropout", "roberta-base 8x128 r8 query, key, value", bestWith, TrainingBench.Operations, "without dropout",
            bestWithout);
    }
}

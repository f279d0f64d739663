using System.Diagnostics;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// LoRA steps with lora_dropout beside the same without: RoBERTa-base's size, 8 texts of 128 tokens, rank 8 on query, key and value, whose three maskings of one
/// input are three products where it is one without dropout.
/// </summary>
internal static class DropoutBench
{
    private const double Dropout = 0.05;
    private const int Rounds = 8;

    public static void Run(Device device)
    {
        using TransformerModel whole = TrainingBench.Model(0, "query", "key", "value"), masked = TrainingBench.Model(Dropout, "query", "key", "value");
        RaggedBatch batch = TrainingBench.Batch();
        BatchShape shape = BatchShape.Of(whole.Architecture, batch);
        using TrainingSession without = Session(whole), with = Session(masked);
        double bestWith = double.PositiveInfinity, bestWithout = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            bestWith = Math.Min(bestWith, Seconds(with));
            bestWithout = Math.Min(bestWithout, Seconds(without));
        }

        // Forward and backward through the frozen weights: 2 multiplications and additions per weight and token each.
        double operations = 4.0 * 85.0e6 * batch.TokenCount;
        Measurement.Report(device, "lora-dropout", "roberta-base 8x128 r8 query, key, value", bestWith, operations, "without dropout", bestWithout);

        TrainingSession Session(TransformerModel model)
        {
            model.Allocate(device);
            ModelWeights.InitializeAll(model, seed: 1);
            AdapterInitialization.Start(model, seed: 1);
            var session = new TrainingSession(device, model, new PlainMethod(), new AdamWOptions(), shape, totalSteps: 100, seed: 1);
            session.Allocate([shape], []);
            session.Begin();
            session.Step([batch], 1e-3, "benchmark");
            return session;
        }

        double Seconds(TrainingSession session)
        {
            long start = Stopwatch.GetTimestamp();
            session.Step([batch], 1e-3, "benchmark");
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }
}

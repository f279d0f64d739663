using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// LoRA steps of a RoBERTa-base-sized model with gradient checkpointing beside the same without: what the smaller arena costs in time.
/// </summary>
internal static class CheckpointingBench
{
    private const int Rows = 2;
    private const int Length = 128;
    private const int Rounds = 5;

    public static void Run(Device device)
    {
        Architecture architecture = ModelShapes.RobertaBase;
        using var model = new TransformerModel(architecture, ModelAdapters.Tuning(architecture, ModelShapes.Adapter(architecture)));
        RaggedBatch batch = RaggedBatch.FromRows([.. Enumerable.Range(0, Rows).Select(row =>
            (Enumerable.Range(0, Length).Select(i => 5 + (((row * Length) + i) * 7919 % 50000)).ToArray(), (int[]?)null))]);
        batch = batch with { TokenLabels = [.. batch.InputIds.Select((id, i) => i % 7 == 0 ? id : RaggedBatch.IgnoredLabel)] };
        BatchShape shape = BatchShape.Of(architecture, batch);
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        AdapterInitialization.Start(model, seed: 1);
        using TrainingSession kept = Session(false), repeated = Session(true);
        double bestKept = double.PositiveInfinity, bestRepeated = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            bestRepeated = Math.Min(bestRepeated, Seconds(repeated));
            bestKept = Math.Min(bestKept, Seconds(kept));
        }

        // Forward and backward through the frozen weights: 2 multiplications and additions per weight and token each.
        double operations = 4.0 * 85.0e6 * Rows * Length;
        Measurement.Report(
            device, "checkpointing", $"roberta-base {Rows}x{Length} r8", bestRepeated, operations, "activations kept", bestKept);

        TrainingSession Session(bool checkpointing)
        {
            var session = new TrainingSession(
                device, model, new Plain().CreatePlugIn(), new AdamWOptions(), shape, totalSteps: 100, seed: 1,
                gradientCheckpointing: checkpointing);
            session.Allocate([shape], []);
            session.Begin();
            session.Step([batch], 1e-3, "benchmark");
            return session;
        }

        double Seconds(TrainingSession session)
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            session.Step([batch], 1e-3, "benchmark");
            return System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }
}

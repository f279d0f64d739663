using System.Text.Json;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;

namespace Engine.Bench;

/// <summary>
/// What training steps ask of a card, operator by operator: launches, bytes, operations, and the time that these take at the limits of an H200, beside what the device took. docs/performance-model.md
/// explains it. Where --device is a driver that runs nothing, the last column means nothing and is left out.
/// </summary>
internal static class StepModelBench
{
    /// <summary>NVIDIA's data sheet of the H200 SXM.</summary>
    private const double BytesPerSecond = 4.8e12;
    private const double Float32PerSecond = 67e12;
    private const double TilesPerSecond = 989e12;

    /// <summary>What a node of a graph takes that does nothing: a guess, until a card tells.</summary>
    private const double LaunchSeconds = 1.5e-6;

    public static void Run(Device device, bool measured)
    {
        using (TransformerModel model = TrainingBench.Model())
        {
            Report(device, "roberta-base 8x128 r8, float32", model, TrainingBench.Batch(), Float32PerSecond, measured);
        }

        if (device.Features.MatrixUnits)
        {
            using TransformerModel model = QwenStepBench.Model(ElementType.BFloat16, ElementType.BFloat16);
            Report(device, "qwen2.5-0.5b 512 tokens r8, bfloat16", model, QwenStepBench.Batch(model.Architecture), TilesPerSecond, measured);
        }
    }

    private static void Report(Device device, string size, TransformerModel model, RaggedBatch batch, double operationsPerSecond, bool measured)
    {
        using TrainingSession session = TrainingBench.Started(device, model, batch);
        var profile = new Profile();
        session.Profile = profile;
        session.Step([batch], 1e-3, "benchmark");
        session.Profile = null;
        double computed = profile.Rows.Sum(row => Computed(row, operationsPerSecond));
        foreach (OperatorProfile row in profile.Rows.OrderByDescending(row => Computed(row, operationsPerSecond)))
        {
            Line(row.Operator, row.Calls, row.Cost, Computed(row, operationsPerSecond), row.Time.TotalSeconds);
        }

        Line(
            "all", profile.Rows.Sum(row => row.Calls), profile.Rows.Aggregate(default(NodeCost), (sum, row) => sum + row.Cost), computed,
            measured ? TrainingBench.Seconds(session, batch) : 0);

        void Line(string name, long launches, NodeCost cost, double limit, double seconds) => Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Measurement.Commit,
            device = device.ToString(),
            benchmark = "step-model",
            size,
            @operator = name,
            launches,
            megabytes = Math.Round(cost.Bytes / 1e6, 1),
            gigaoperations = Math.Round(cost.Operations / 1e9, 2),
            h200_microseconds = Math.Round(limit * 1e6, 1),
            microseconds = measured ? Math.Round(seconds * 1e6, 1) : (double?)null,
        }));
    }

    /// <summary>The longer of moving the bytes and computing the products, and the launches.</summary>
    private static double Computed(OperatorProfile row, double operationsPerSecond) =>
        Math.Max(row.Cost.Bytes / BytesPerSecond, row.Cost.Operations / operationsPerSecond) + (row.Calls * LaunchSeconds);
}

using System.Diagnostics;
using System.Text.Json;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// What training steps and a decoded token ask of a card, operator by operator: launches, bytes, operations, and the time that these take
/// at the limits of an H200, beside what the device took. docs/performance-model.md explains it. Where --device is a driver that runs
/// nothing, the last column means nothing and is left out.
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
        foreach (string method in (string[])[Plain.MethodName, FlatLora.MethodName])
        {
            using TransformerModel model = TrainingBench.Model();
            Step($"roberta-base 8x128 r8, float32, {method}", model, TrainingBench.Batch(), method, Float32PerSecond);
        }

        if (device.Features.MatrixUnits)
        {
            using TransformerModel model = QwenStepBench.Model(ElementType.BFloat16, ElementType.BFloat16);
            Step("qwen2.5-0.5b 512 tokens r8, bfloat16", model, QwenStepBench.Batch(model.Architecture), Plain.MethodName, TilesPerSecond);
        }

        using (TransformerModel model = DecodeStepBench.Model(device, ElementType.BFloat16))
        using (DecodingRunner runner = DecodeStepBench.Prepared(device, model, out Action token))
        {
            // Products of one row are not made of tiles.
            token();
            runner.Profile = new Profile();
            token();
            Profile profile = runner.Profile;
            runner.Profile = null;
            Report(device, "qwen2.5-0.5b, a token, bfloat16 weights", profile, Float32PerSecond, measured ? Seconds(token) : null);
        }

        void Step(string size, TransformerModel model, RaggedBatch batch, string method, double operationsPerSecond)
        {
            using TrainingSession session = TrainingBench.Started(device, model, batch, method);
            session.Profile = new Profile();
            session.Step([batch], 1e-3, "benchmark");
            Profile profile = session.Profile;
            session.Profile = null;
            Report(device, size, profile, operationsPerSecond, measured ? TrainingBench.Seconds(session, batch) : null);
        }
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <param name="all">Seconds without a wait behind every launch; null where times mean nothing.</param>
    private static void Report(Device device, string size, Profile profile, double operationsPerSecond, double? all)
    {
        double computed = profile.Rows.Sum(row => Computed(row, operationsPerSecond));
        foreach (OperatorProfile row in profile.Rows.OrderByDescending(row => Computed(row, operationsPerSecond)))
        {
            Line(row.Operator, row.Calls, row.Cost, Computed(row, operationsPerSecond), row.Time.TotalSeconds);
        }

        Line("all", profile.Rows.Sum(row => row.Calls), profile.Rows.Aggregate(default(NodeCost), (sum, row) => sum + row.Cost),
            computed, all ?? 0);

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
            microseconds = all is not null ? Math.Round(seconds * 1e6, 1) : (double?)null,
        }));
    }

    /// <summary>The longer of moving the bytes and computing the products, and the launches.</summary>
    private static double Computed(OperatorProfile row, double operationsPerSecond) =>
        Math.Max(row.Cost.Bytes / BytesPerSecond, row.Cost.Operations / operationsPerSecond) + (row.Calls * LaunchSeconds);
}

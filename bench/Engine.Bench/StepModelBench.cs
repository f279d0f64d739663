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
/// What training steps and a decoded token ask of a card, kernel by kernel and operator by operator: launches, bytes, operations, and the
/// time that these take at the limits of an H200, beside what the device took. docs/performance-model.md explains it. Where --device is a
/// driver that runs nothing, the last column means nothing and is left out.
/// </summary>
internal static class StepModelBench
{
    /// <summary>NVIDIA's data sheet of the H200 SXM.</summary>
    private const double BytesPerSecond = 4.8e12;
    private const double Float32PerSecond = 67e12;
    private const double Tf32PerSecond = 494e12;
    private const double TilesPerSecond = 989e12;

    /// <summary>What a node of a graph takes that does nothing: a guess, until a card tells.</summary>
    private const double LaunchSeconds = 1.5e-6;

    /// <param name="measured">Whether the device's times mean something.</param>
    /// <param name="only">What the name of a step has to hold; null: all steps.</param>
    public static void Run(Device device, bool measured, string? only)
    {
        foreach (string method in (string[])[Plain.MethodName, FlatLora.MethodName, LoraSam.MethodName])
        {
            Step($"roberta-base 8x128 r8, float32, {method}", TrainingBench.Model, _ => TrainingBench.Batch(), method);
        }

        foreach (string method in (string[])[Plain.MethodName, Sam.MethodName])
        {
            Step($"roberta-base 8x128 in full, float32, {method}", TrainingBench.WholeModel, _ => TrainingBench.Batch(), method);
        }

        if (device.Features.MatrixUnits)
        {
            Step(
                "qwen2.5-0.5b 512 tokens r8, bfloat16", () => QwenStepBench.Model(ElementType.BFloat16, ElementType.BFloat16),
                model => QwenStepBench.Batch(model.Architecture), Plain.MethodName);
        }

        const string decoding = "qwen2.5-0.5b, a token, bfloat16 weights";
        if (Wanted(decoding))
        {
            Token(device, decoding, measured);
        }

        bool Wanted(string size) => only is null || size.Contains(only, StringComparison.Ordinal);

        void Step(string size, Func<TransformerModel> made, Func<TransformerModel, RaggedBatch> batchOf, string method)
        {
            if (!Wanted(size))
            {
                return;
            }

            using TransformerModel model = made();
            RaggedBatch batch = batchOf(model);
            using TrainingSession session = TrainingBench.Started(device, model, batch, method);
            session.Profile = new Profile();
            session.Step([batch], 1e-3, "benchmark");
            Profile profile = session.Profile;
            session.Profile = null;
            Report(device, size, profile, measured ? TrainingBench.Seconds(session, batch) : null);
        }
    }

    private static void Token(Device device, string size, bool measured)
    {
        using TransformerModel model = DecodeStepBench.Model(device, ElementType.BFloat16);
        using DecodingRunner runner = DecodeStepBench.Prepared(device, model, out Action token);
        token();
        runner.Profile = new Profile();
        token();
        Profile profile = runner.Profile;
        runner.Profile = null;
        Report(device, size, profile, measured ? Seconds(token) : null);
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <param name="all">Seconds without a wait behind every launch; null where times mean nothing.</param>
    private static void Report(Device device, string size, Profile profile, double? all)
    {
        foreach (KernelProfile row in profile.Kernels.OrderByDescending(Computed))
        {
            Line(row.Operator, row.Kernel, row.Calls, row.Cost, least: null, Computed(row), row.Time.TotalSeconds);
        }

        foreach (var (row, kernels) in profile.Rows
            .Select(row => (Row: row, Kernels: profile.Kernels.Where(kernel => kernel.Operator == row.Operator).ToArray()))
            .OrderByDescending(of => of.Kernels.Sum(Computed)))
        {
            Line(row.Operator, null, row.Calls, Sum(kernels), row.Cost.Bytes, kernels.Sum(Computed), row.Time.TotalSeconds);
        }

        Line(
            "all", null, profile.Rows.Sum(row => row.Calls), Sum(profile.Kernels), profile.Rows.Sum(row => row.Cost.Bytes),
            profile.Kernels.Sum(Computed), all ?? 0);

        // A line of one kernel has its name, one of all that an operator launches the bytes that these could not do without.
        void Line(string name, string? kernel, long launches, WorkCost cost, long? least, double limit, double seconds) =>
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                commit = Measurement.Commit,
                device = device.ToString(),
                products_by = Measurement.ProductsBy(device),
                benchmark = "step-model",
                size,
                @operator = name,
                kernel,
                launches,
                megabytes = Math.Round(cost.Bytes / 1e6, 1),
                least_megabytes = least is { } bytes ? Math.Round(bytes / 1e6, 1) : (double?)null,
                gigaoperations = Math.Round(cost.Operations / 1e9, 2),
                h200_microseconds = Math.Round(limit * 1e6, 1),
                microseconds = all is not null ? Math.Round(seconds * 1e6, 1) : (double?)null,
            }));
    }

    private static WorkCost Sum(IEnumerable<KernelProfile> rows) => rows.Aggregate(default(WorkCost), (sum, row) => sum + row.Cost);

    /// <summary>The longer of moving the bytes and computing the products, and the launches.</summary>
    private static double Computed(KernelProfile row) =>
        Math.Max(row.Cost.Bytes / BytesPerSecond, row.Cost.Operations / OperationsPerSecond(row.Kernel)) + (row.Calls * LaunchSeconds);

    /// <summary>What the units reach that a kernel multiplies on.</summary>
    private static double OperationsPerSecond(string kernel) => kernel switch
    {
        "cublasLt_tf32" => Tf32PerSecond,
        "cublasLt_bf16" or "cublasLt_f16" => TilesPerSecond,
        _ => kernel.Contains("MatrixUnits", StringComparison.Ordinal) ? TilesPerSecond : Float32PerSecond,
    };
}

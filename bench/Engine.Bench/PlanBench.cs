using System.Diagnostics;
using System.Text.Json;
using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Bench;

/// <summary>
/// How many batch shapes a run file's epochs have, and without a bound of rows in the shape; what planning them costs in time and host
/// memory, for LoRA on its model. Nothing is allocated on the device.
/// </summary>
internal static class PlanBench
{
    private const int BlockRows = 64;

    public static void Run(Device device, string runFile)
    {
        RunConfiguration run = RunConfiguration.Load(runFile);
        using RunData data = RunData.Load(run);
        Architecture architecture = data.Architecture;
        RunLength length = RunLength.Of(run, data.Train);
        long start = Stopwatch.GetTimestamp();
        BatchShape[] shapes = [.. data.Train.Shapes(architecture, length.TotalMicroBatches)];
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Tuning tuning = ModelAdapters.Tuning(architecture, ModelShapes.Adapter(architecture));
        using var model = new TransformerModel(architecture, tuning);
        using var inputs = new BatchInputs(architecture, shapes.Aggregate((a, b) => a.Max(b)));
        using var arena = new Arena(device);
        using var runner = new ModelRunner(device, model, inputs, arena, new RunnerOptions { Gradients = true, Dropout = true });
        runner.ArenaBytes(shapes.Take(1));
        long before = GC.GetTotalMemory(forceFullCollection: true);
        start = Stopwatch.GetTimestamp();
        long arenaBytes = runner.ArenaBytes(shapes);
        double planning = Stopwatch.GetElapsedTime(start).TotalSeconds;
        long after = GC.GetTotalMemory(forceFullCollection: true);
        long Groups(Func<BatchShape, int> longest) =>
            Enumerable.Range(0, (int)Math.Min(length.TotalMicroBatches, data.Train.BatchesPerEpoch))
                .Select(index => BatchShape.Of(architecture, data.Train.Batch(0, index)))
                .Sum(shape => (shape.Rows + 1L) * ((Math.Min(architecture.MaxLength, longest(shape)) + BlockRows - 1) / BlockRows));
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Measurement.Commit,
            benchmark = "plans",
            device = device.ToString(),
            run = Path.GetFileNameWithoutExtension(runFile),
            micro_batches = length.TotalMicroBatches,
            shapes = shapes.Length,
            shapes_without_longest_row = shapes.Select(shape => shape with { LongestRow = shape.Tokens }).Distinct().Count(),
            finding_seconds = Math.Round(seconds, 3),
            planning_seconds = Math.Round(planning, 3),
            milliseconds_per_plan = Math.Round(1000 * planning / Math.Max(1, shapes.Length - 1), 3),
            host_bytes_per_plan = (after - before) / Math.Max(1, shapes.Length - 1),
            arena_bytes = arenaBytes,
            attention_groups_per_head_of_an_epoch = Groups(shape => shape.LongestRow),
            without_longest_row = Groups(shape => shape.Tokens),
        }));
    }
}

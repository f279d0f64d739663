using System.Diagnostics;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>
/// The loss over a vocabulary with a frozen head: chunks of rows beside all rows at once, which is what the products reach at their best.
/// </summary>
internal static class VocabularyBench
{
    private const int Rows = 512;
    private const int Rounds = 5;

    public static void Run(Device device)
    {
        foreach ((int vocabulary, int width) in ((int, int)[])[(50265, 768), (151936, 896)])
        {
            using var block = new StorageBlock("benchmark");
            Variable hidden = block.Reserve("hidden", new Shape(Rows, width)),
                weight = block.Reserve("weight", new Shape(vocabulary, width));
            Variable labels = block.Reserve("labels", new Shape(Rows), ElementType.Int32),
                scalars = block.Reserve("scalars", new Shape(StepScalars.Count));
            block.Allocate(device);
            int?[] chunks = [Rows, null, 64, 128, 256];
            PlanLayout[] layouts = [.. chunks.Select(Layout)];
            using DeviceBuffer arena = device.Allocate(layouts.Max(layout => layout.ArenaBytes), "benchmark");
            Plan[] plans = [.. layouts.Select(layout => Plan.Create(device, layout, arena))];
            double[] seconds = [.. plans.Select(_ => double.PositiveInfinity)];
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < plans.Length; i++)
                {
                    seconds[i] = Math.Min(seconds[i], Seconds(plans[i]));
                }
            }

            for (int i = 1; i < plans.Length; i++)
            {
                string shape = $"{Rows}x{vocabulary}x{width}, {(chunks[i] is null ? "rows by the shape" : $"{chunks[i]} rows")} at a time";
                Measurement.Report(
                    device, "vocabulary-loss", shape, seconds[i], 4.0 * Rows * vocabulary * width, "all rows at once", seconds[0]);
            }

            foreach (Plan plan in plans)
            {
                plan.Dispose();
            }

            PlanLayout Layout(int? chunkRows)
            {
                var graph = new GraphBuilder();
                Tensor loss = graph.LinearCrossEntropy(
                    graph.Read(hidden), graph.Read(weight), null, graph.Read(labels), graph.Read(scalars), withGradient: true, chunkRows);
                graph.Output(loss);
                return Planner.Layout(device, graph);
            }
        }

        double Seconds(Plan plan)
        {
            long start = Stopwatch.GetTimestamp();
            plan.Replay();
            device.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }
}

using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>The loss over a vocabulary with a frozen head: chunks of rows beside all rows at once, which is what the products reach at their best.</summary>
internal static class VocabularyBench
{
    private const int Rows = 512;

    public static void Run(Device device)
    {
        foreach ((int vocabulary, int width) in ((int, int)[])[(50265, 768), (151936, 896)])
        {
            using var block = new StorageBlock("benchmark");
            Variable hidden = block.Reserve("hidden", new Shape(Rows, width)), weight = block.Reserve("weight", new Shape(vocabulary, width));
            Variable labels = block.Reserve("labels", new Shape(Rows), ElementType.Int32), scalars = block.Reserve("scalars", new Shape(StepScalars.Count));
            block.Allocate(device);
            foreach (int? chunkRows in (int?[])[null, 64, 128, 256])
            {
                PlanLayout[] layouts = [.. new[] { chunkRows, Rows }.Select(rows => Layout(rows))];
                using DeviceBuffer arena = device.Allocate(layouts.Max(layout => layout.ArenaBytes), "benchmark");
                using Plan chunked = Plan.Create(device, layouts[0], arena), whole = Plan.Create(device, layouts[1], arena);
                (double ours, double peer) = Measurement.Interleave(() => Replay(chunked), () => Replay(whole));
                string shape = $"{Rows}x{vocabulary}x{width}, {(chunkRows is null ? "rows by the shape" : $"{chunkRows} rows")} at a time";
                Measurement.Report(device, "vocabulary-loss", shape, ours, 4.0 * Rows * vocabulary * width, "all rows at once", peer);
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

        void Replay(Plan plan)
        {
            plan.Replay();
            device.Synchronize();
        }
    }
}

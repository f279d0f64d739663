using System.Text.Json;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;

namespace Engine.Bench;

/// <summary>
/// The arena that a training micro-batch needs, with and without gradient checkpointing, and how near it comes to the bytes alive at the
/// worst moment. One text of each length with a label at every token; nothing is allocated.
/// </summary>
internal static class MemoryBench
{
    public static void Run(Device device)
    {
        foreach ((string name, Architecture architecture, int[] lengths) in ((string, Architecture, int[])[])
            [("roberta-base", ModelShapes.RobertaBase, [128, 512]), ("qwen2.5-0.5b", ModelShapes.Qwen25Half, [512, 2048, 8192])])
        {
            foreach ((string tuning, Tuning chosen) in ((string, Tuning)[])
                [("full", new Tuning.Full()), ("lora", ModelAdapters.Tuning(architecture, ModelShapes.Adapter(architecture)))])
            {
                using var model = new TransformerModel(architecture, chosen);
                foreach (int length in lengths)
                {
                    foreach (int rows in (int[])[1, 8])
                    {
                        Report(device, model, $"{name} {tuning}", new BatchShape(rows, rows * length, 0));
                    }
                }
            }
        }
    }

    private static void Report(Device device, TransformerModel model, string name, BatchShape shape)
    {
        PlanLayout kept = Layout(device, model, shape, checkpointing: false), repeated = Layout(device, model, shape, checkpointing: true);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            benchmark = "memory",
            device = device.ToString(),
            model = name,
            rows = shape.Rows,
            tokens = shape.Tokens,
            arena_bytes = kept.ArenaBytes,
            over_live = Math.Round((double)kept.ArenaBytes / kept.LiveBytes, 3),
            checkpointing_arena_bytes = repeated.ArenaBytes,
            checkpointing_over_live = Math.Round((double)repeated.ArenaBytes / repeated.LiveBytes, 3),
            ratio = Math.Round((double)repeated.ArenaBytes / kept.ArenaBytes, 3),
        }));
    }

    private static PlanLayout Layout(Device device, TransformerModel model, BatchShape shape, bool checkpointing)
    {
        using var inputs = new BatchInputs(model.Architecture, shape);
        var options = new RunnerOptions { Gradients = true, Dropout = true, GradientCheckpointing = checkpointing };
        return Planner.Layout(device, model.BuildGraph(inputs, shape, options).Graph);
    }
}

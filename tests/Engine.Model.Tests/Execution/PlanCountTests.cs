using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>How many plans a runner keeps.</summary>
public sealed class PlanCountTests
{
    [Fact]
    public void Plans_for_which_there_is_no_memory_give_way_and_are_made_again_with_the_same_result()
    {
        using var runs = new Runs(5);
        using ModelRunner few = runs.Runner(new RunnerOptions { PlanBytes = 1 }), many = runs.Runner(new RunnerOptions());
        foreach (RaggedBatch batch in runs.Batches.Concat(runs.Batches))
        {
            float[] logits = few.Run(batch, "test").Logits;
            Assert.Equal(many.Run(batch, "test").Logits, logits);
            Assert.All(logits, value => Assert.NotEqual(0, value));
            Assert.Equal(1, few.PlanCount);
        }

        Assert.Equal(5, many.PlanCount);
    }

    [Fact]
    public void Plans_of_a_hundred_shapes_are_kept_as_long_as_there_is_memory()
    {
        const int Shapes = 100;
        using var runs = new Runs(Shapes);
        using ModelRunner runner = runs.Runner(new RunnerOptions());
        long arena = runner.ArenaBytes(runs.Shapes);
        Assert.Equal(Shapes, runner.PlanCount);
        using ModelRunner single = runs.Runner(new RunnerOptions { PlanBytes = 1 });
        Assert.Equal(runs.Shapes.Max(shape => single.ArenaBytes([shape])), arena);
        foreach (RaggedBatch batch in runs.Batches)
        {
            runner.Run(batch, "test");
        }

        Assert.Equal(Shapes, runner.PlanCount);
    }

    /// <summary>A frozen classifier on a device, and batches of 1, 2, 3, ... texts: each a shape of its own.</summary>
    private sealed class Runs : IDisposable
    {
        private readonly GoldenBatch golden = new("roberta-cls");
        private readonly Device device = new CpuDevice();
        private readonly TransformerModel model;
        private readonly BatchInputs inputs;
        private readonly Arena arena;

        public Runs(int shapes)
        {
            model = new TransformerModel(ModelFolder.Open(golden.Folder).CreateArchitecture(), new Tuning.Frozen(null));
            Batches = [.. Enumerable.Range(1, shapes)
                .Select(rows => RaggedBatch.FromRows(
                    [.. Enumerable.Range(0, rows).Select(row => (new[] { 0, 5 + (row % 50), 7, 2 }, (int[]?)null))]))];
            Shapes = [.. Batches.Select(batch => BatchShape.Of(model.Architecture, batch))];
            inputs = new BatchInputs(model.Architecture, Shapes.Aggregate((a, b) => a.Max(b)));
            arena = new Arena(device);
            model.Allocate(device);
            inputs.Block.Allocate(device);
            ModelWeights.InitializeAll(model, seed: 1);
        }

        public RaggedBatch[] Batches { get; }

        public BatchShape[] Shapes { get; }

        public ModelRunner Runner(RunnerOptions options) => new(device, model, inputs, arena, options);

        public void Dispose()
        {
            arena.Dispose();
            inputs.Dispose();
            model.Dispose();
            device.Dispose();
            golden.Dispose();
        }
    }
}

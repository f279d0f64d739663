using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>How many plans a runner keeps.</summary>
public sealed class PlanCountTests
{
    [SharedFact]
    public void Plans_of_shapes_unused_for_longest_give_way_and_are_made_again_with_the_same_result()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using Device device = new CpuDevice();
        ModelFolder folder = ModelFolder.Open(golden.Folder);
        using var model = new TransformerModel(folder.CreateArchitecture(), new Tuning.Frozen(null));
        RaggedBatch[] batches = [.. Enumerable.Range(1, 5).Select(rows => RaggedBatch.FromRows([.. Enumerable.Range(0, rows).Select(row => (new[] { 0, 5 + row, 7, 2 }, (int[]?)null))]))];
        BatchShape capacity = batches.Select(batch => BatchShape.Of(model.Architecture, batch)).Aggregate((a, b) => a.Max(b));
        using var inputs = new BatchInputs(model.Architecture, capacity);
        using var arena = new Arena(device);
        model.Allocate(device);
        inputs.Block.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        using var few = new ModelRunner(device, model, inputs, arena, new RunnerOptions { KeptPlans = 2 });
        using var many = new ModelRunner(device, model, inputs, arena, new RunnerOptions());
        foreach (RaggedBatch batch in batches.Concat(batches))
        {
            Assert.Equal(many.Run(batch, "test").Logits, few.Run(batch, "test").Logits);
            Assert.InRange(few.PlanCount, 1, 2);
        }

        Assert.Equal(5, many.PlanCount);
    }
}

using Engine.Common;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

public sealed class BeamLoraTests
{
    private static readonly BeamLora Settings = new() { Period = 4, TopP = 0.5, ThresholdEnd = 100 };

    private static readonly Tuning Gated = new Tuning.Lora([Target("first"), Target("second")], []);

    /// <summary>Equal gates are factors of 1.</summary>
    [Fact]
    public void With_equal_gates_it_is_lora()
    {
        using var gated = new ToyRun("cpu", new TwoLayerModel(), Gated, Settings.CreatePlugIn());
        using var plain = new ToyRun("cpu", new TwoLayerModel(), ToyRun.UndroppedAdapters, new PlainMethod());
        SetGates(gated, 0.3f);
        int shared = plain.Values.Length;
        plain.Values = gated.Values[..shared];
        Assert.Equal(plain.Step().Loss, gated.Step().Loss, 1e-6);

        // float32 sums of a gate that is 1 to the last bit but one.
        Assert.All(plain.Gradients.Zip(gated.Gradients), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * (1 + Math.Abs(pair.First))));
    }

    [Fact]
    public void The_gates_gradient_is_that_of_finite_differences()
    {
        using var run = new ToyRun("cpu", new TwoLayerModel(), Gated, (Settings with { Temperature = 0.7 }).CreatePlugIn());
        run.Step();
        float[] gradients = run.Gradients, values = run.Values;
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            int gate = TrainableParameters.OffsetOf(BeamForm.GateOf(layer));
            for (int k = gate; k < gate + layer.Rank; k++)
            {
                // The loss is float32: a step of 3e-3 loses 3e-5 of it to round-off, and what the difference leaves out is less.
                const float Step = 3e-3f;
                double Loss(float by)
                {
                    float[] moved = [.. values];
                    moved[k] += by;
                    run.Values = moved;
                    return run.Step().Loss;
                }

                double numeric = (Loss(Step) - Loss(-Step)) / (2 * Step);
                Assert.Equal(numeric, gradients[k], 2e-3 * (1 + Math.Abs(numeric)));
            }
        }
    }

    /// <summary>Of 2 layers with 4 ranks 8 is the whole; ties go by layer and rank, and no layer loses more than half.</summary>
    [Fact]
    public void Ties_are_pruned_from_the_end_and_half_of_a_layer_stays()
    {
        double[][] equal = [[1, 1, 1, 1], [1, 1, 1, 1]];
        Assert.Equal([new PrunedRank(1, 2, 0), new PrunedRank(1, 3, 1)], BeamLoraMethod.Decide(equal, 0.5));
        Assert.Equal([new PrunedRank(1, 3, 0)], BeamLoraMethod.Decide(equal, 0.9));
        Assert.Empty(BeamLoraMethod.Decide(equal, 1));

        // Rank 2 of layer 0 is its most important; 1 and 3 are beyond the share and become ranks 2 and 0 as they were.
        double[][] importance = [[1.2, 0.2, 2.4, 0.2], [1, 1, 1, 1]];
        Assert.Equal([new PrunedRank(0, 1, 2), new PrunedRank(0, 3, 0)], BeamLoraMethod.Decide(importance, 0.96));
    }

    [Fact]
    public void More_is_kept_as_the_threshold_rises()
    {
        var generator = new Random(3);
        double[][] importance =
            [.. Enumerable.Range(0, 5).Select(_ => Enumerable.Range(0, 8).Select(_ => generator.NextDouble()).ToArray())];
        foreach (double[] layer in importance)
        {
            double sum = layer.Sum();
            for (int k = 0; k < layer.Length; k++)
            {
                layer[k] *= layer.Length / sum;
            }
        }

        int[] pruned = [.. Enumerable.Range(0, 20).Select(i => BeamLoraMethod.Decide(importance, i / 19.0).Count)];
        Assert.Equal(pruned.OrderDescending(), pruned);
        Assert.Equal(0, pruned[^1]);
        var method = new BeamLoraMethod(Settings);
        Assert.Equal(0.5, method.TopPAt(0));
        Assert.Equal(0.75, method.TopPAt(50), 1e-12);
        Assert.Equal(1, method.TopPAt(100));
    }

    /// <summary>A pruned rank is to the bit its parent as it was half a period before, moments included.</summary>
    [Fact]
    public void A_pruned_rank_becomes_its_parents_snapshot()
    {
        using var run = new ToyRun("cpu", new TwoLayerModel(), Gated, Settings.CreatePlugIn());
        float[] values = run.Values;
        LoraLinear layer = run.Model.Adapters[0];
        int gate = TrainableParameters.OffsetOf(BeamForm.GateOf(layer)), a = TrainableParameters.OffsetOf(layer.A),
            b = TrainableParameters.OffsetOf(layer.B);
        SetGates(run, 0f);
        values = run.Values;
        values[gate] = 0.5f;
        run.Values = values;
        float[] snapshot = [], moments = [];
        for (int step = 0; step < 4; step++)
        {
            run.Step(1e-3);
            if (step == 2)
            {
                snapshot = run.Values;
                moments = run.Session.Moments.Second.View<float>().ToArray();
            }
        }

        float[] after = run.Values, momentsAfter = run.Session.Moments.Second.View<float>().ToArray();
        int columns = layer.A.Shape.Columns;
        Assert.Equal(snapshot[a..(a + columns)], after[(a + columns)..(a + (2 * columns))]);
        Assert.Equal(moments[a..(a + columns)], momentsAfter[(a + columns)..(a + (2 * columns))]);
        for (int row = 0; row < layer.B.Shape.Rows; row++)
        {
            Assert.Equal(snapshot[b + (2 * row)], after[b + (2 * row) + 1]);
        }

        Assert.Equal(after[gate], after[gate + 1]);
        Assert.Equal([0f, 0f], momentsAfter[gate..(gate + 2)]);
    }

    /// <summary>The steps of a snapshot and a pruning without a label update nothing: those that follow take them up.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void A_step_that_updates_nothing_puts_a_pruning_off(int unlabelled)
    {
        using var run = new ToyRun("cpu", new TwoLayerModel(), Gated, Settings.CreatePlugIn());
        LoraLinear layer = run.Model.Adapters[0];
        int gate = TrainableParameters.OffsetOf(BeamForm.GateOf(layer)), a = TrainableParameters.OffsetOf(layer.A);
        SetGates(run, 0f);
        float[] values = run.Values;
        values[gate] = 0.5f;
        run.Values = values;
        int columns = layer.A.Shape.Columns;
        float[] snapshot = [];
        for (int step = 0; step < 5; step++)
        {
            run.Step(1e-3, step == unlabelled ? ToyRun.Batch(_ => float.NaN) with { ClassLabels = null } : null);
            snapshot = step == (unlabelled == 2 ? 3 : 2) ? run.Values[a..(a + columns)] : snapshot;
            bool pruned = run.Values[gate] == run.Values[gate + 1];
            Assert.Equal(step >= (unlabelled == 3 ? 4 : 3), pruned);
            if (step == (unlabelled == 3 ? 4 : 3))
            {
                Assert.Equal(snapshot, run.Values[(a + columns)..(a + (2 * columns))]);
                break;
            }
        }
    }

    [Fact]
    public void It_goes_with_methods_that_take_no_weight_for_the_product()
    {
        using var sam = new ToyRun("cpu", new TwoLayerModel(), Gated, new Together(Settings, new LoraSam(), new LoraPlus()).CreatePlugIn());
        Assert.True(double.IsFinite(sam.Step(1e-3).Loss));
        foreach (Method other in (Method[])[new FlatLora(), new FmLora(), new BiLora(), new NBar()])
        {
            var refusal = Assert.Throws<ConfigurationException>(
                () => new ToyRun("cpu", new TwoLayerModel(), Gated, new Together(Settings, other).CreatePlugIn()));
            Assert.Contains($"beamlora and {other.Name} do not go together", refusal.Message, StringComparison.Ordinal);
        }

        var odd = Assert.Throws<ConfigurationException>(() => (Settings with { Period = 5 }).CreatePlugIn());
        Assert.Contains("method.period is '5'", odd.Message, StringComparison.Ordinal);
        Assert.Throws<ConfigurationException>(() => new ToyRun("cpu", new TwoLayerModel(), ToyRun.Adapters, Settings.CreatePlugIn()));
        Assert.Throws<ConfigurationException>(() => new ToyRun("cpu", new TwoLayerModel(), ToyRun.Layers, Settings.CreatePlugIn()));
    }

    private static LoraTarget Target(string module) => new(module, 2, 2f, 0f) { Form = Settings.Form };

    private static void SetGates(ToyRun run, float value)
    {
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            BeamForm.GateOf(layer).View<float>().Write([.. Enumerable.Repeat(value, layer.Rank)]);
        }
    }
}

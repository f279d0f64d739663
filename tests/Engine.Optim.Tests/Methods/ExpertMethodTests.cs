using Engine.Common;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Closed forms of adapters whose experts and heads a router mixes.</summary>
public sealed class ExpertMethodTests
{
    /// <summary>A reducer that from step 3 on trains the heads of one layer of two.</summary>
    private static readonly EffiLora Reduced = new() { Heads = 2, ActiveShare = 0.5, ReducerInterval = 3, ReducerTemperature = 1e-3 };

    /// <summary>
    /// One expert that every token is sent to, all of which is taken out of the weight: PiSSA, which starts as the model was.
    /// </summary>
    [Fact]
    public void Goat_with_one_expert_starts_as_the_model_was()
    {
        var goat = new Goat { Experts = 1, TopK = 1, AuxLossCoefficient = 0, RhoInit = 1, Scaling = 2 };
        using var run = new ToyRun("cpu", new TwoLayerModel(), Tuning(goat, rank: 1), goat.CreatePlugIn());
        using var plain = new ToyRun("cpu", new TwoLayerModel(), ToyRun.UndroppedAdapters, new PlainMethod());
        plain.Values = new float[plain.Values.Length];
        double expected = plain.Step().Loss;
        AdapterInitialization.Start(run.Model, seed: 3);
        Assert.Equal(expected, run.Step().Loss, 1e-5 * expected);
        Assert.True(double.IsNaN(run.Step().AdapterLoss));
    }

    /// <summary>
    /// With every expert chosen all shares are 1 and the probabilities sum to 1: the term is the number of experts, which is k.
    /// </summary>
    [Fact]
    public void Goats_balance_term_is_k_where_every_expert_is_chosen()
    {
        var goat = new Goat { Experts = 2, TopK = 2, AuxLossCoefficient = 0.25, Scaling = 2 };
        using var run = new ToyRun("cpu", new TwoLayerModel(), Tuning(goat, rank: 2), goat.CreatePlugIn());
        StepReport report = run.Step();
        Assert.Equal(run.Model.Adapters.Count * 0.25 * 2, report.AdapterLoss, 1e-6);
    }

    [Fact]
    public void Goats_scale_is_alpha_over_an_experts_rank_or_the_theorys_or_what_is_given()
    {
        var config = new Engine.Model.Peft.AdapterConfig { Rank = 8, LoraAlpha = 16 };
        Assert.Equal(8, ScaleOf(new Goat { Experts = 4 }));
        Assert.Equal(Math.Sqrt(3 * 6 * 0.5 / 2), ScaleOf(new Goat { Experts = 4, Eta = 0.5 }), 1e-12);
        Assert.Equal(5, ScaleOf(new Goat { Experts = 4, Scaling = 5 }));

        double ScaleOf(Goat goat) => goat.Form.ScaleOf(config, new LinearSpec("first", OutFeatures: 5, InFeatures: 6));
    }

    /// <summary>One head that nobody shares its A with is mixed with weight 1 / (1 + 1e-6).</summary>
    [Fact]
    public void Effilora_with_one_head_is_lora()
    {
        var effilora = new EffiLora { Heads = 1 };
        using var run = new ToyRun("cpu", new TwoLayerModel(), Tuning(effilora, rank: 2), effilora.CreatePlugIn());
        using var plain = new ToyRun("cpu", new TwoLayerModel(), ToyRun.UndroppedAdapters, new PlainMethod());
        plain.Values = run.Values[..plain.Values.Length];
        double expected = plain.Step().Loss;
        Assert.Equal(expected, run.Step().Loss, 1e-5 * expected);
        Assert.All(plain.Gradients.Zip(run.Gradients), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * (1 + Math.Abs(pair.First))));
    }

    /// <summary>Frozen heads keep their bits and moments, and others move.</summary>
    [Fact]
    public void The_reducer_holds_the_heads_of_half_of_the_layers_still()
    {
        var method = new EffiLoraMethod(Reduced);
        using var run = new ToyRun("cpu", new TwoLayerModel(), Tuning(Reduced, rank: 2), method);
        for (int step = 0; step < 3; step++)
        {
            run.Step(1e-2);
            Assert.All(run.Model.Adapters, layer => Assert.True(method.Trains(layer)));
        }

        float[][] before = [.. run.Model.Adapters.Select(layer => layer.B.View<float>().ToArray())];
        run.Step(1e-2);
        run.Step(1e-2);
        Assert.Single(run.Model.Adapters, method.Trains);
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            Assert.Equal(!method.Trains(layer), before[layer.Index].SequenceEqual(layer.B.View<float>().ToArray()));
        }
    }

    /// <summary>The step of a draw without a label trains nothing: the next one draws.</summary>
    [Fact]
    public void A_step_that_updates_nothing_puts_the_reducers_draw_off()
    {
        var method = new EffiLoraMethod(Reduced);
        using var run = new ToyRun("cpu", new TwoLayerModel(), Tuning(Reduced, rank: 2), method);
        for (int step = 0; step < 4; step++)
        {
            run.Step(1e-2, step == 3 ? ToyRun.Batch(_ => float.NaN) with { ClassLabels = null } : null);
        }

        Assert.All(run.Model.Adapters, layer => Assert.True(method.Trains(layer)));
        run.Step(1e-2);
        Assert.Single(run.Model.Adapters, method.Trains);
    }

    [Fact]
    public void What_does_not_go_together_is_refused()
    {
        Refused("method.top_k", () => new Goat { Experts = 2, TopK = 3 }.CreatePlugIn());
        Refused("method.eta", () => new Goat { Scaling = 1, Eta = 1 }.CreatePlugIn());
        Refused("goat and beamlora do not go together", () => new Together(new Goat(), new BeamLora()).CreatePlugIn());
        Refused("effilora and lora-sam do not go together", () =>
            new Together(new EffiLora { ActiveShare = 0.5 }, new LoraSam()).CreatePlugIn());

        static void Refused(string part, Action action) =>
            Assert.Contains(part, Assert.Throws<ConfigurationException>(action).Message, StringComparison.Ordinal);
    }

    private static Tuning Tuning(Method method, int rank) =>
        new Tuning.Lora(
            [new LoraTarget("first", rank, 2f, 0f) { Form = method.Form }, new LoraTarget("second", rank, 2f, 0f) { Form = method.Form }],
            []);
}

using Engine.Common;
using Engine.Graph;
using Engine.Kernels;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>
/// What ScaLoRA's steps do to a model, as far as it is not the kernels' (ColumnScalingTests) or the goldens' (MergingTrajectoryTests).
/// </summary>
public sealed class ScaLoraTests
{
    private static readonly AdamWOptions Optimizer = new() { LearningRate = 0.1, WeightDecay = 0.1 };

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>
    /// At a rate of 0 AdamW stands still, so that what a due step leaves are the scaled factors with the scaled gradients. A second
    /// backward pass there gives the same ones: the chain rule is exact, up to float32's rounding of the merged weight and of sums of some
    /// tens of products.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_merge_leaves_the_function_and_scaled_gradients_are_those_of_the_scaled_factors(string device)
    {
        var method = new ScaLoraMethod(new ScaLora { Interval = 2, L = 3 });
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.UndroppedAdapters, method, Optimizer);
        float[] start = run.Values, weight = run.Model.Adapters[0].Weight.View<float>().ToArray();
        double[][] before = [.. run.Model.Adapters.Select(Whole)];
        double loss = run.Step().Loss;
        float[] scales = method.Scales.View<float>().ToArray();
        ScalingBranch branch = new ColumnScales(method.Table, scales, 0).Branch;
        Assert.True(branch is ScalingBranch.Columns or ScalingBranch.Scalars, $"the first layer was not scaled: {branch}");
        Assert.NotEqual(start, run.Values);
        Assert.NotEqual(weight, run.Model.Adapters[0].Weight.View<float>().ToArray());
        foreach ((double[] old, LoraLinear layer) in before.Zip(run.Model.Adapters))
        {
            Numbers.Near(old, [.. Whole(layer).Select(value => (float)value)], 1e-5, 1e-5);
        }

        float[] scaled = run.Gradients, factors = run.Values;
        Assert.Equal(loss, run.Step().Loss, 1e-5);
        Assert.Equal(factors, run.Values);
        float largest = scaled.Max(MathF.Abs);
        Numbers.Near(scaled.Double(), run.Gradients, 1e-4, 1e-5 * largest);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Where_b_is_zero_in_every_due_step_it_is_lora_bit_for_bit(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod(), Optimizer);
        using var run = new ToyRun(
            device, new TwoLayerModel(), ToyRun.Adapters, new ScaLoraMethod(new ScaLora { Interval = 1000 }), Optimizer);
        foreach (ToyRun either in (ToyRun[])[plain, run])
        {
            foreach (LoraLinear layer in either.Model.Adapters)
            {
                layer.B.View<float>().Write(new float[layer.B.Shape.Count]);
            }

            for (int step = 0; step < 4; step++)
            {
                either.Step(0.1);
            }
        }

        Assert.Equal(plain.Values, run.Values);
        Assert.Equal(plain.Model.Adapters[0].Weight.View<float>().ToArray(), run.Model.Adapters[0].Weight.View<float>().ToArray());
    }

    /// <summary>The default L sets columns that nothing couples to 1 / sqrt(3) whatever the rate and the scale.</summary>
    [Theory]
    [InlineData(0.1)]
    [InlineData(0.003)]
    public void The_default_smoothness_is_three_over_the_squared_scale_and_the_rate(double rate)
    {
        AdamWOptions optimizer = Optimizer with { LearningRate = rate };
        using var given = new ToyRun(
            "cpu", new TwoLayerModel(), ToyRun.Adapters, new ScaLoraMethod(new ScaLora { L = 3 / (2 * 2 * rate) }), optimizer);
        using var run = new ToyRun("cpu", new TwoLayerModel(), ToyRun.Adapters, new ScaLoraMethod(new ScaLora()), optimizer);
        given.Step();
        run.Step();
        Numbers.Near(given.Values.Double(), run.Values, 1e-6, 1e-6);
    }

    [Fact]
    public void Weights_in_16_bits_and_perturbing_methods_are_refused()
    {
        var together = Assert.Throws<ConfigurationException>(() => new Together(new ScaLora(), new Sam()).CreatePlugIn());
        Assert.Contains("scalora and sam do not go together", together.Message, StringComparison.Ordinal);
        var narrow = Assert.Throws<ArgumentException>(() =>
        {
            using var model = new TransformerModel(new TwoLayerModel(), ToyRun.Adapters, Engine.Devices.ElementType.BFloat16);
            new ScaLora().CreatePlugIn().Attach(new MethodContext(
                model, new SessionReports(adapterLoss: false), model.Trainables!.Values, model.Trainables.Values, Optimizer, default,
                totalSteps: 1));
        });
        Assert.Contains("WritesBaseWeights", narrow.Message, StringComparison.Ordinal);
        new Together(new ScaLora(), new LoraPlus()).CreatePlugIn();
    }

    /// <summary>W + s B A in float64.</summary>
    private static double[] Whole(LoraLinear layer)
    {
        double[,] a = LowRankReference.Matrix(layer.A.View<float>().ToArray(), layer.Rank, layer.A.Shape.Columns);
        double[,] b = LowRankReference.Matrix(layer.B.View<float>().ToArray(), layer.B.Shape.Rows, layer.Rank);
        return
        [
            .. LowRankReference.Scale(LowRankReference.Multiply(b, a), layer.Scale).Cast<double>()
                .Zip(layer.Weight.View<float>().ToArray(), (product, weight) => weight + product),
        ];
    }
}

using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>XGBLoRA's boundaries and boosters on toy models.</summary>
public sealed class XgbLoraTests
{
    private static readonly AdamWOptions Optimizer = new() { LearningRate = 0.05, WeightDecay = 0.1 };

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void One_booster_of_all_layers_is_lora_bit_for_bit(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod(), Optimizer, totalSteps: 5);
        using var run = Start(device, new XgbLora { Kappa = 5 }, totalSteps: 5);
        for (int step = 0; step < 5; step++)
        {
            plain.Step(0.05);
            run.Step(0.05);
        }

        Assert.Equal(plain.Values, run.Values);
        Assert.All(run.Model.Adapters, layer => Assert.Empty(layer.Merged));
    }

    /// <summary>
    /// A step at a rate of 0 after a boundary moves nothing but the booster: the loss is the one of a step before it. Sums of some tens of
    /// products in float32.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_boundary_leaves_the_function_and_starts_a_fresh_booster_without_moments(string device)
    {
        using var run = Start(device, new XgbLora { Kappa = 3 }, totalSteps: 9, ToyRun.UndroppedAdapters);
        float[][] weights = [.. run.Model.Adapters.Select(Weight)];
        for (int step = 0; step < 2; step++)
        {
            run.Step(0.05);
        }

        double before = run.Step().Loss;
        float[] ended = run.Values;
        double after = run.Step().Loss;
        Assert.Equal(before, after, 1e-5 * before);
        foreach ((float[] weight, LoraLinear layer) in weights.Zip(run.Model.Adapters))
        {
            Assert.All(layer.B.View<float>().ToArray(), value => Assert.Equal(0f, value));
            double bound = 1 / Math.Sqrt(layer.A.Shape.Columns);
            Assert.All(layer.A.View<float>().ToArray(), value => Assert.InRange(value, -bound, bound));
            LoraFactors merged = layer.Merged[0];
            Assert.Equal(Part(ended, layer.A), merged.A.View<float>().ToArray());
            Assert.Equal(Part(ended, layer.B), merged.B.View<float>().ToArray());
            Assert.All(layer.Merged[1].B.View<float>().ToArray(), value => Assert.Equal(0f, value));
            double[,] a = LowRankReference.Matrix(merged.A.View<float>().ToArray(), layer.Rank, merged.A.Shape.Columns);
            double[,] b = LowRankReference.Matrix(merged.B.View<float>().ToArray(), merged.B.Shape.Rows, layer.Rank);
            double[] expected = [.. LowRankReference.Scale(LowRankReference.Multiply(b, a), layer.Scale)
                .Cast<double>().Zip(weight, (product, old) => old + product)];
            Numbers.Near(expected, Weight(layer), 1e-6, 1e-6);

            // One step from zero: m = (1 - beta1) g.
            double[] firstMoment = [.. layer.A.Gradient!.View<float>().ToArray().Select(g => 0.1 * g)];
            Numbers.Near(firstMoment, Part(run.Session.Moments.First.View<float>().ToArray(), layer.A), 1e-5, 1e-9);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Layers_that_a_booster_does_not_train_stay_to_the_bit_and_draws_reach_each(string device)
    {
        const int Kappa = 2, Boosters = 6;
        using var run = Start(device, new XgbLora { Kappa = Kappa, Layers = 1 }, totalSteps: Kappa * Boosters);
        run.Step(0.05);
        var trained = new HashSet<string>();
        for (int step = 1; step < Kappa * Boosters; step++)
        {
            float[] before = run.Values;
            float[][] weights = [.. run.Model.Adapters.Select(Weight)];
            run.Step(0.05);
            if (step % Kappa == 0)
            {
                continue;
            }

            string[] moved = [.. run.Model.Adapters.Where(layer => !Part(before, layer.A).SequenceEqual(Part(run.Values, layer.A))
                || !Part(before, layer.B).SequenceEqual(Part(run.Values, layer.B))).Select(layer => layer.Module)];
            trained.Add(Assert.Single(moved));
            Assert.Equal(weights, run.Model.Adapters.Select(Weight));
        }

        Assert.Equal(2, trained.Count);
        foreach (LoraLinear layer in run.Model.Adapters)
        {
            int zero = layer.Merged.Skip(1).Count(pair => pair.B.View<float>().ToArray().All(value => value == 0));
            Assert.InRange(zero, 1, Boosters - 3);
        }
    }

    private static ToyRun Start(string device, XgbLora settings, int totalSteps, Model.Execution.Tuning? tuning = null) =>
        new(device, new TwoLayerModel(), tuning ?? ToyRun.Adapters, settings.CreatePlugIn(), Optimizer, totalSteps);

    private static float[] Weight(LoraLinear layer) => layer.Weight.View<float>().ToArray();

    private static float[] Part(float[] values, Graph.Variable tensor) =>
        values[TrainableParameters.OffsetOf(tensor)..][..(int)tensor.Shape.Count];
}

using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Flat-LoRA's invariants, on a loss quadratic in the adapted weight.</summary>
public sealed class FlatLoraTests
{
    private const double Rho = 0.4;
    private const int TotalSteps = 1 << 22;
    private const int Draws = 4000;

    /// <summary>The first of two linear layers: the prediction is linear in its weight.</summary>
    private static readonly Tuning First = new Tuning.Lora([new LoraTarget("first", 2, 2f, 0f)], []);

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Without_rho_and_in_the_first_step_it_is_lora_to_the_bit(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        using var silent = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new FlatLoraMethod(new() { Rho = 0, NoiseSeed = 1 }));
        using var flat = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new FlatLoraMethod(new() { Rho = Rho, NoiseSeed = 1 }));
        Assert.Equal(plain.Step(0.01) with { LossRise = 0 }, flat.Step(0.01));
        Assert.Equal(plain.Values, flat.Values);
        silent.Step(0.01);
        for (int step = 0; step < 4; step++)
        {
            Assert.Equal(plain.Step(0.01), silent.Step(0.01));
        }

        flat.Step(0.01);
        Assert.Equal(plain.Values, silent.Values);
        Assert.NotEqual(plain.Values, flat.Values);
    }

    /// <summary>Five standard errors of the mean over the draws; the loss's are a few per cent of what is measured.</summary>
    [Fact]
    public void On_a_quadratic_the_noise_raises_the_mean_loss_by_its_trace_and_leaves_the_mean_gradient()
    {
        using var plain = new ToyRun("cpu", new TwoLayerModel(), First, new PlainMethod());
        var method = new FlatLoraMethod(new() { Rho = Rho, NoiseSeed = 7 });
        using var flat = new ToyRun("cpu", new TwoLayerModel(), First, method, totalSteps: TotalSteps);
        double clean = plain.Step().Loss;
        double[] gradient = plain.Gradients.Double();
        var losses = new double[Draws];
        var sums = new double[gradient.Length];
        var squares = new double[gradient.Length];
        for (int draw = 0; draw < Draws; draw++)
        {
            // Near the end of a long run the factor is 1 to 1e-5.
            flat.Session.StepsTaken = TotalSteps - Draws + draw;
            losses[draw] = flat.Step().Loss - clean;
            float[] noisy = flat.Gradients;
            for (int i = 0; i < noisy.Length; i++)
            {
                double difference = noisy[i] - gradient[i];
                sums[i] += difference;
                squares[i] += difference * difference;
            }
        }

        double expected = MeanRise(flat);
        double error = Math.Sqrt(losses.Sum(value => value * value) / Draws / Draws);
        Assert.InRange(error, 0, 0.05 * expected);
        Assert.InRange(losses.Average(), expected - (5 * error), expected + (5 * error));
        for (int i = 0; i < sums.Length; i++)
        {
            Assert.InRange(Math.Abs(sums[i] / Draws), 0, 5 * Math.Sqrt(squares[i]) / Draws);
        }
    }

    /// <summary>
    /// 1/2 sum of std_ij^2 H_ij,ij for the mean of (second . W x - t)^2: the mean over texts of sum_i second_i^2 std_i^2 ||x||^2.
    /// </summary>
    private static double MeanRise(ToyRun run)
    {
        LoraLinear layer = run.Model.Adapters[0];
        int rows = layer.Weight.Shape.Rows, columns = layer.Weight.Shape.Columns;
        double[,] whole = LowRankReference.Add(
            LowRankReference.Matrix(layer.Weight.View<float>().ToArray(), rows, columns),
            LowRankReference.Scale(
                LowRankReference.Multiply(
                    LowRankReference.Matrix(layer.B.View<float>().ToArray(), rows, layer.Rank),
                    LowRankReference.Matrix(layer.A.View<float>().ToArray(), layer.Rank, columns)),
                layer.Scale));
        float[] second = run.Model.Parameter("second.weight").View<float>().ToArray(),
            table = run.Model.Parameter("table.weight").View<float>().ToArray();
        double variance = Enumerable.Range(0, rows).Sum(i =>
            Math.Pow(second[i], 2) * Rho * Rho / columns * Enumerable.Range(0, columns).Sum(j => whole[i, j] * whole[i, j]));
        return ToyRun.Tokens.Average(token => variance * Enumerable.Range(0, columns).Sum(j => Math.Pow(table[(token * columns) + j], 2)));
    }
}

using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>SAM in the space of the factors.</summary>
public sealed class LoraSamTests
{
    /// <summary>A perturbation is the difference of two float32 numbers below 1 and 10 to 1000 times smaller than these.</summary>
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Both_factors_move_along_their_gradients_by_one_norm_over_all_layers(string device)
    {
        const double Rho = 0.1;
        (float[] values, double[] perturbation, float[] gradients) = Perturb(device, Rho, zeroB: false);
        Assert.Equal(values.Length, perturbation.Length);
        Assert.Equal(Rho, Norm(perturbation), Rho * Tolerance);
        double norm = Norm(gradients.Double());
        Numbers.Near([.. gradients.Select(g => Rho * g / norm)], [.. perturbation.Select(e => (float)e)], Tolerance, 1e-7);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Where_b_is_zero_a_stays_to_the_bit(string device)
    {
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        bool[] isA = FactorA(run);
        (_, double[] perturbation, _) = Perturb(device, 0.1, zeroB: true);
        Assert.All(perturbation.Where((_, i) => isA[i]), e => Assert.Equal(0, e));
        Assert.Equal(0.1, Norm([.. perturbation.Where((_, i) => !isA[i])]), 0.1 * Tolerance);
    }

    /// <summary>
    /// e_W = s (B e_A + e_B A + e_B e_A): the last term's share falls with rho. At the 0.003 that Flat-LoRA's authors found best it is
    /// below a thousandth.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void In_the_full_weight_the_cross_term_is_a_thousandth_of_the_linear_ones(string device)
    {
        double[] shares = [.. ((double[])[0.003, 0.03]).Select(Share)];
        Assert.InRange(shares[0], 0, 1e-3);

        // Linear in rho, as far as float32 resolves the small perturbation.
        Assert.InRange(shares[1] / shares[0], 9.9, 10.1);

        double Share(double rho)
        {
            using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.UndroppedAdapters, new PlainMethod());
            (float[] values, double[] perturbation, _) = Perturb(device, rho, zeroB: false, ToyRun.UndroppedAdapters);
            double linear = 0, cross = 0;
            foreach (LoraLinear layer in run.Model.Adapters)
            {
                double[,] a = Part(values.Double(), layer.A), b = Part(values.Double(), layer.B), moveA = Part(perturbation, layer.A),
                    moveB = Part(perturbation, layer.B);
                linear += Square(LowRankReference.Add(LowRankReference.Multiply(b, moveA), LowRankReference.Multiply(moveB, a)));
                cross += Square(LowRankReference.Multiply(moveB, moveA));
            }

            return Math.Sqrt(cross / linear);
        }

        static double[,] Part(double[] values, Graph.Variable factor)
        {
            int first = (int)(factor.ByteOffset / sizeof(float)), columns = factor.Shape.Columns;
            var part = new double[factor.Shape.Rows, columns];
            for (int i = 0; i < part.Length; i++)
            {
                part[i / columns, i % columns] = values[first + i];
            }

            return part;
        }

        static double Square(double[,] x) => Math.Pow(LowRankReference.Norm(x), 2);
    }

    /// <summary>The values before, how the second pass sees them moved, and the first pass's gradients.</summary>
    private static (float[] Values, double[] Perturbation, float[] Gradients) Perturb(
        string device, double rho, bool zeroB, Tuning? adapters = null)
    {
        adapters ??= ToyRun.Adapters;
        var recorder = new Recorder();
        using var plain = new ToyRun(device, new TwoLayerModel(), adapters, new PlainMethod());
        using var sam = new ToyRun(device, new TwoLayerModel(), adapters, recorder.Beside(new LoraSamMethod(new LoraSam(), rho)));
        if (zeroB)
        {
            bool[] isA = FactorA(sam);
            sam.Values = plain.Values = [.. sam.Values.Select((value, i) => isA[i] ? value : 0)];
        }

        float[] values = sam.Values;
        plain.Step();
        sam.Step();
        return (values, [.. recorder.Seen.Select((value, i) => (double)value - values[i])], plain.Gradients);
    }

    private static bool[] FactorA(ToyRun run) => [.. run.Model.Trainables!.Entries.SelectMany(entry =>
        Enumerable.Repeat(entry.Name.Contains("lora_A", StringComparison.Ordinal), (int)entry.Value.Shape.Count))];

    private static double Norm(double[] x) => Math.Sqrt(x.Sum(value => value * value));
}

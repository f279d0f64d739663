using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>
/// HaLoRA's regulariser: norms against a reference of another kind, gradients against finite differences of these and closed forms.
/// </summary>
public sealed class FactorPenaltyTests
{
    private const float Mu = 0.3f;

    /// <summary>Norms keep 48 bits and are rounded to float32 once, and so is what is added to a gradient.</summary>
    private const double Tolerance = 1e-6;

    public static TheoryData<string, bool> Norms() => TestDevices.With(true, false);

    public static TheoryData<string, int> Ranks() => TestDevices.With(1, 2, 5, 8, 33, 64);

    /// <summary>
    /// Central differences in float64 along a random direction, of norms by power iteration or by the sum of squares: with a step of 1e-5
    /// they are right to 1e-9, and the kernels' gradients to float32.
    /// </summary>
    [Theory]
    [MemberData(nameof(Norms))]
    public void Gradients_are_the_slope_of_the_norms(string deviceName, bool spectral)
    {
        LowRankTable table = Table((23, 17, 4), (9, 40, 7), (70, 31, 8));
        float[] values = Numbers.Values(1, (int)table.RunCount), before = Numbers.Values(2, values.Length, 0.1);
        (float[] gradients, float[] norms) = Add(deviceName, table, spectral, values, before);
        double[] direction = Numbers.Values(3, values.Length).Double(), at = values.Double();
        const double Step = 1e-5;
        double Sum(double step) => Expected(table, [.. at.Zip(direction, (value, d) => value + (step * d))], spectral).Sum();
        double slope = Mu * (Sum(Step) - Sum(-Step)) / (2 * Step);
        double found = gradients.Zip(before, (after, old) => (double)after - old).Zip(direction, (g, d) => g * d).Sum();
        Assert.Equal(slope, found, 1e-5 * Math.Abs(slope));
        Numbers.Near(Expected(table, at, spectral), norms, Tolerance, 0);
    }

    [Theory]
    [MemberData(nameof(Ranks))]
    public void Every_rank_up_to_the_largest_is_taken(string deviceName, int rank)
    {
        LowRankTable table = Table((90, 75, rank));
        float[] values = Numbers.Values(4, (int)table.RunCount);
        foreach (bool spectral in (bool[])[true, false])
        {
            (float[] gradients, float[] norms) = Add(deviceName, table, spectral, values, new float[values.Length]);
            Numbers.Near(Expected(table, values.Double(), spectral), norms, Tolerance, 0);

            // Norms of degree 2: the gradient along the point is twice the value (Euler).
            double slope = gradients.Zip(values, (g, value) => (double)g * value).Sum();
            Assert.Equal(2 * Mu * norms.Sum(norm => (double)norm), slope, 1e-5 * slope);
        }
    }

    /// <summary>Of rank 1 both norms are ||a||^2 + ||b||^2.</summary>
    [Theory]
    [MemberData(nameof(Norms))]
    public void Of_one_column_it_is_the_square_of_the_length(string deviceName, bool spectral)
    {
        LowRankTable table = Table((6, 5, 1));
        float[] values = Numbers.Values(5, (int)table.RunCount);
        float[] gradients = Add(deviceName, table, spectral, values, new float[values.Length]).Gradients;
        Numbers.Near([.. values.Select(value => 2.0 * Mu * value)], gradients, Tolerance, 0);
    }

    /// <summary>A new adapter's B.</summary>
    [Theory]
    [MemberData(nameof(Norms))]
    public void Zeros_have_no_norm_and_no_gradient(string deviceName, bool spectral)
    {
        LowRankTable table = Table((6, 5, 3));
        LowRankPair pair = table.Pairs[0];
        float[] values = Numbers.Values(6, (int)table.RunCount), before = Numbers.Values(7, values.Length);
        values.AsSpan(pair.B).Clear();
        (float[] gradients, float[] norms) = Add(deviceName, table, spectral, values, before);
        Assert.Equal(0f, norms[1]);
        Assert.Equal(before[pair.B..], gradients[pair.B..]);
        Assert.NotEqual(before[..pair.B], gradients[..pair.B]);
    }

    private static (float[] Gradients, float[] Norms) Add(
        string deviceName, LowRankTable table, bool spectral, float[] values, float[] gradients)
    {
        using var run = new KernelRun(TestDevices.Open(deviceName));
        BufferView<float> sum = run.Put(gradients), norms = run.Output(FactorPenalty.NormCount(table));
        run.Run(FactorPenalty.Add(
            run.Device, table, spectral, Mu, run.Put(table.Data), run.Put(values), sum,
            run.Output(FactorPenalty.Workspace(run.Device, table)), norms));
        return (sum.ToArray(), norms.ToArray());
    }

    private static LowRankTable Table(params (int Rows, int Columns, int Rank)[] shapes)
    {
        var pairs = new List<LowRankPair>();
        int at = 0;
        foreach ((int rows, int columns, int rank) in shapes)
        {
            pairs.Add(new LowRankPair(at, at + (rank * columns), 0, rows, columns, rank, 2f));
            at += rank * (rows + columns);
        }

        return new LowRankTable(pairs);
    }

    /// <summary>||A A^T|| and ||B^T B|| layer by layer.</summary>
    private static double[] Expected(LowRankTable table, double[] values, bool spectral) =>
    [
        .. table.Pairs.SelectMany(pair => (double[])
        [
            Norm(pair, spectral, k => values.AsSpan(pair.A + (k * pair.Columns), pair.Columns).ToArray()),
            Norm(pair, spectral, k => [.. Enumerable.Range(0, pair.Rows).Select(i => values[pair.B + (i * pair.Rank) + k])]),
        ]),
    ];

    /// <summary>Of the Gram matrix of a factor's vectors.</summary>
    private static double Norm(LowRankPair pair, bool spectral, Func<int, double[]> vector)
    {
        double[][] vectors = [.. Enumerable.Range(0, pair.Rank).Select(vector)];
        double[][] gram = [.. vectors.Select(left => vectors.Select(right => left.Zip(right, (l, r) => l * r).Sum()).ToArray())];
        if (!spectral)
        {
            return Math.Sqrt(gram.Sum(row => row.Sum(value => value * value)));
        }

        // Power iteration: the quotient's error falls with the square of the ratio of eigenvalues.
        double[] v = [.. Enumerable.Range(0, gram.Length).Select(i => 1.0 + (0.1 * i))];
        double value = 0;
        for (int iteration = 0; iteration < 4000; iteration++)
        {
            double[] product = [.. gram.Select(row => row.Zip(v, (g, x) => g * x).Sum())];
            double length = Math.Sqrt(product.Sum(x => x * x));
            value = product.Zip(v, (p, x) => p * x).Sum() / v.Sum(x => x * x);
            v = [.. product.Select(x => x / length)];
        }

        return value;
    }
}

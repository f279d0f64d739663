using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>The filters against what they solve, plane waves and their edges; all of it in float64.</summary>
public sealed class GradientFilterTests
{
    /// <summary>
    /// Weights are rounded to float32, and their products summed in it: rounding of some hundred terms of at most 1 whose weights sum to 1.
    /// </summary>
    private const double Tolerance = 1e-6;

    public static TheoryData<string, (int Ranks, int Length, bool IsTransposed)> Shapes() =>
        TestDevices.With(
            (4, 64, false), (4, 64, true), (3, 7, false), (1, 301, false), (2, 40, true), (5, 2, true), (2, 2, false), (1, 2, false),
            (16, 150, false));

    /// <summary>
    /// What comes out solves y - sigma (sum of its neighbours - as many times y) = x. An axis of two has one neighbour that counts once
    /// while y itself counts twice, as the public code has it; an axis of one has none.
    /// </summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Laplacian_smoothing_solves_its_equation(string device, (int Ranks, int Length, bool IsTransposed) of)
    {
        foreach (double sigma in (double[])[1, 0.25, 10])
        {
            float[] x = Numbers.Values(3, of.Ranks * of.Length);
            double[] y = Apply(device, LowPass.Laplacian(of.Ranks, of.Length, of.IsTransposed, sigma), x).Double();
            var again = new double[x.Length];
            for (int rank = 0; rank < of.Ranks; rank++)
            {
                for (int place = 0; place < of.Length; place++)
                {
                    double sum = At(y, of, rank, place) * (1 + (sigma * ((of.Ranks == 1 ? 0 : 2) + (of.Length == 1 ? 0 : 2))));
                    foreach (int step in Steps(of.Ranks))
                    {
                        sum -= sigma * At(y, of, rank + step, place);
                    }

                    foreach (int step in Steps(of.Length))
                    {
                        sum -= sigma * At(y, of, rank, place + step);
                    }

                    again[Index(of, rank, place)] = sum;
                }
            }

            // The equation adds up to 1 + 8 sigma times what y is off.
            Numbers.Near(x.Double(), [.. again.Select(value => (float)value)], 0, Tolerance * (1 + (8 * sigma)));
        }

        static int[] Steps(int size) => size switch { 1 => [], 2 => [1], _ => [1, -1] };
    }

    /// <summary>Gain 1 / (1 + 2 sigma (2 - cos u - cos v)) of a wave, 1 of a constant.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_wave_is_damped_by_its_frequencies(string device)
    {
        const int Ranks = 8, Length = 48;
        foreach ((int rank, int along, double sigma) in ((int, int, double)[])[(0, 0, 1), (1, 5, 1), (4, 24, 2), (3, 0, 0.5)])
        {
            double u = 2 * Math.PI * rank / Ranks, v = 2 * Math.PI * along / Length;
            float[] wave = [.. Enumerable.Range(0, Ranks * Length).Select(i => (float)Math.Cos((u * (i / Length)) + (v * (i % Length))))];
            double gain = 1 / (1 + (2 * sigma * (2 - Math.Cos(u) - Math.Cos(v))));
            Numbers.Near(
                [.. wave.Select(value => gain * value)], Apply(device, LowPass.Laplacian(Ranks, Length, false, sigma), wave), 0, Tolerance);
        }
    }

    /// <summary>Of two numbers the code divides the mean by 1 + sigma and the difference by 1 + 3 sigma.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Two_places_have_the_codes_gains(string device) => Numbers.Near(
        [(2.0 / 1.5) + (1 / 2.5), (2.0 / 1.5) - (1 / 2.5)], Apply(device, LowPass.Laplacian(1, 2, false, 0.5), [3f, 1f]), Tolerance, 0);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_binomial_filter_weighs_neighbours_and_mirrors_the_edges(string device, (int Ranks, int Length, bool IsTransposed) of)
    {
        float[] x = Numbers.Values(4, of.Ranks * of.Length);
        double[] weights = [1, 4, 6, 4, 1], expected = new double[x.Length];
        for (int rank = 0; rank < of.Ranks; rank++)
        {
            // x1 x0 | x0 x1 ... and the same at the end.
            List<double> row = [.. Enumerable.Range(0, of.Length).Select(place => At(x.Double(), of, rank, place))];
            List<double> turned = [.. row.AsEnumerable().Reverse()];
            double[] line = [.. turned, .. row, .. turned];
            for (int place = 0; place < of.Length; place++)
            {
                expected[Index(of, rank, place)] =
                    Enumerable.Range(-2, 5).Sum(step => weights[step + 2] / 16 * line[of.Length + place + step]);
            }
        }

        Numbers.Near(expected, Apply(device, LowPass.Binomial(of.Ranks, of.Length, of.IsTransposed), x), 0, Tolerance);
    }

    /// <summary>Sixteenths of whole numbers are exact: a constant stays, and what alternates vanishes two places from the edges.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_binomial_filter_passes_constants_and_stops_the_highest_frequency(string device)
    {
        float[] constant = [.. Enumerable.Repeat(3f, 60)], alternating = [.. Enumerable.Range(0, 60).Select(i => i % 2 == 0 ? 1f : -1f)];
        MatrixFilter filter = LowPass.Binomial(2, 30, false);
        Assert.Equal(constant, Apply(device, filter, constant));
        float[] stopped = Apply(device, filter, alternating);
        Assert.All(Enumerable.Range(2, 26), i => Assert.Equal((0f, 0f), (stopped[i], stopped[30 + i])));
        Assert.NotEqual(0f, stopped[0]);
    }

    /// <summary>Several tensors of a run, one of more than a chunk, one outside the mask, and gaps that belong to nobody.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Tensors_of_a_run_have_filters_of_their_own(string device)
    {
        MatrixFilter[] filters =
        [
            LowPass.Binomial(4, 5000, true), MatrixFilter.None(7), LowPass.Laplacian(3, 9, false, 1), LowPass.Laplacian(1, 300, false, 2),
        ];
        Segment[] segments = [new(2, 20_000), new(20_010, 7), new(20_020, 27), new(20_050, 300)];
        float[] mask = [1, 1, 0, 1], x = Numbers.Values(5, 20_360), before = Numbers.Values(6, x.Length);
        float[] actual = Apply(device, new FilterTable(segments, filters), mask, x, before);
        float[] expected = [.. before];
        for (int s = 0; s < segments.Length; s++)
        {
            float[] from = x.AsSpan(segments[s].First, segments[s].Count).ToArray();
            float[] own = mask[s] == 0 ? new float[from.Length] : Apply(device, filters[s], from);
            own.CopyTo(expected, segments[s].First);
        }

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Filters_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new FilterTable([new(0, 4)], []));
        Assert.Throws<ArgumentException>(() => new FilterTable([new(0, 4)], [MatrixFilter.None(5)]));
        Assert.Throws<ArgumentException>(() => new FilterTable([new(0, 4)], [new MatrixFilter(2, 2, false, [1f, 2f, 3f], 2, 0, true)]));
    }

    private static float[] Apply(string device, MatrixFilter filter, float[] x) =>
        Apply(device, new FilterTable([new Segment(0, filter.Count)], [filter]), [1f], x, Numbers.Values(9, x.Length));

    private static float[] Apply(string device, FilterTable table, float[] mask, float[] x, float[] before)
    {
        using var run = new KernelRun(TestDevices.Open(device));
        BufferView<float> y = run.Put(before);
        run.Run(GradientFilter.Apply(
            run.Device, table, run.Put(table.Segments.Encode()), run.Put(table.Data), run.Put(table.Kernels), run.Put(mask), run.Put(x),
            y));
        return y.ToArray();
    }

    private static int Index((int Ranks, int Length, bool IsTransposed) of, int rank, int place) =>
        of.IsTransposed ? (place * of.Ranks) + rank : (rank * of.Length) + place;

    private static double At(double[] values, (int Ranks, int Length, bool IsTransposed) of, int rank, int place) =>
        values[Index(of, (rank + of.Ranks) % of.Ranks, (place + of.Length) % of.Length)];
}

namespace Engine.Kernels.Tests;

/// <summary>Seeded test data and comparisons.</summary>
internal static class Numbers
{
    /// <summary>Uniform in [0, 1): element i of stream <paramref name="seed"/>, by a hash of both (SplitMix64).</summary>
    public static double Uniform(int seed, int i)
    {
        ulong z = ((ulong)(uint)seed << 32) + ((ulong)(uint)i * 0x9E3779B97F4A7C15UL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Values in [-scale, scale).</summary>
    public static float[] Values(int seed, long count, double scale = 1, double center = 0) =>
        [.. Enumerable.Range(0, checked((int)count)).Select(i => (float)(center + (scale * ((2 * Uniform(seed, i)) - 1))))];

    /// <summary>Whole numbers from 0 to limit - 1.</summary>
    public static int[] Indices(int seed, int count, int limit) =>
        [.. Enumerable.Range(0, count).Select(i => (int)(Uniform(seed, i) * limit))];

    /// <summary>|actual - expected| at most absolute + relative |expected| everywhere; NaN fails.</summary>
    public static void Near(IReadOnlyList<double> expected, IReadOnlyList<float> actual, double relative, double absolute)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            double limit = absolute + (relative * Math.Abs(expected[i]));

            // A sentence for every element that is right would take longer than the kernel.
            if (!(Math.Abs(actual[i] - expected[i]) <= limit))
            {
                Assert.Fail(
                    $"element {i} of {expected.Count}: {actual[i]:R} where {expected[i]:R} was expected, "
                        + $"off by {actual[i] - expected[i]:E2}, allowed {limit:E2}");
            }
        }
    }

    /// <summary>
    /// Finds numbers that something computed: finite, and not all 0. Two runs that must agree to the bit agree where neither wrote its
    /// output, too.
    /// </summary>
    public static void RequireComputed(float[] values)
    {
        Assert.True(Array.TrueForAll(values, float.IsFinite), "something else than numbers was computed");
        Assert.Contains(values, value => value != 0);
    }

    /// <summary>Central differences of a scalar function of a vector: the gradient, to about h^2.</summary>
    public static double[] Gradient(Func<double[], double> f, double[] at, double h = 1e-5)
    {
        var gradient = new double[at.Length];
        for (int i = 0; i < at.Length; i++)
        {
            double kept = at[i];
            at[i] = kept + h;
            double up = f(at);
            at[i] = kept - h;
            gradient[i] = (up - f(at)) / (2 * h);
            at[i] = kept;
        }

        return gradient;
    }

    /// <summary>The error function by its series (below 3) or the continued fraction of erfc, both to double precision.</summary>
    public static double Erf(double x)
    {
        double t = Math.Abs(x);
        if (t < 3)
        {
            double term = t, sum = t;
            for (int n = 1; Math.Abs(term) > 1e-20; n++)
            {
                term *= -t * t / n;
                sum += term / ((2 * n) + 1);
            }

            return Math.CopySign(2 / Math.Sqrt(Math.PI) * sum, x);
        }

        double fraction = t;
        for (int n = 60; n > 0; n--)
        {
            fraction = t + (n / 2.0 / fraction);
        }

        return Math.CopySign(1 - (Math.Exp(-t * t) / (Math.Sqrt(Math.PI) * fraction)), x);
    }

    public static double[] Double(this IEnumerable<float> values) => [.. values.Select(value => (double)value)];
}

using Engine.Kernels.Host;

namespace Engine.Kernels.Tests.Host;

/// <summary>Elementary functions against double precision, at every register width.</summary>
public sealed unsafe class VectorMathTests
{
    [Fact]
    public void Exp_is_within_its_stated_error() => Check(-87, 88.7, Math.Exp, 1.5e-7, new ExpCase());

    [Fact]
    public void Erf_is_within_its_stated_error() => Check(-6, 6, Erf, 2e-7, new ErfCase());

    [Fact]
    public void Tanh_is_within_its_stated_error() => Check(-12, 12, Math.Tanh, 2e-7, new TanhCase());

    [Fact]
    public void Small_arguments_keep_their_relative_precision()
    {
        Check(-1e-3, 1e-3, Erf, 2e-7, new ErfCase());
        Check(-1e-3, 1e-3, Math.Tanh, 2e-7, new TanhCase());
    }

    [Fact]
    public void Limits_are_exact()
    {
        float[] x = [float.NegativeInfinity, -200f, 0f, 89f, float.PositiveInfinity, float.NaN];
        Assert.Equal([0f, 0f, 1f, float.PositiveInfinity, float.PositiveInfinity, float.NaN], Each<Simd512>(x, new ExpCase()));
        Assert.Equal([-1f, -1f, 0f, 1f, 1f, float.NaN], Each<Simd512>(x, new ErfCase()));
        Assert.Equal([-1f, -1f, 0f, 1f, 1f, float.NaN], Each<Simd256>(x, new TanhCase()));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Partial_loads_and_stores_touch_only_their_lanes(int count)
    {
        CheckPart<Simd512>(count);
        CheckPart<Simd512>(count + 12);
        CheckPart<Simd256>(count + 4);
        CheckPart<Simd128>(count);
    }

    private static void CheckPart<T>(int count)
        where T : struct, ISimd<T>
    {
        float[] source = [.. Enumerable.Range(1, 16).Select(i => (float)i)];
        var loaded = new float[16];
        var stored = new float[16];
        fixed (float* from = source, whole = loaded, part = stored)
        {
            T.LoadPart(from, count).Store(whole);
            T.Load(from).StorePart(part, count);
        }

        float[] expected = [.. source.Select((x, i) => i < count ? x : 0f)];
        Assert.Equal(expected, loaded);
        Assert.Equal(expected, stored);
    }

    private static void Check<TCase>(double low, double high, Func<double, double> reference, double tolerance, TCase function)
        where TCase : ICase
    {
        const int Points = 20011;
        float[] x = [.. Enumerable.Range(0, Points).Select(i => (float)(low + ((high - low) * i / (Points - 1))))];
        foreach (float[] y in new[] { Each<Simd512>(x, function), Each<Simd256>(x, function), Each<Simd128>(x, function) })
        {
            double worst = 0;
            for (int i = 0; i < Points; i++)
            {
                double expected = reference(x[i]);
                worst = Math.Max(worst, Math.Abs(y[i] - expected) / Math.Max(Math.Abs(expected), 1e-30));
            }

            Assert.True(worst <= tolerance, $"relative error {worst} is above {tolerance}");
        }
    }

    private static float[] Each<T>(float[] x, ICase function)
        where T : struct, ISimd<T>
    {
        var y = new float[x.Length];
        fixed (float* from = x, to = y)
        {
            for (int i = 0; i < x.Length; i += T.Count)
            {
                int count = Math.Min(T.Count, x.Length - i);
                function.Apply(T.LoadPart(from + i, count)).StorePart(to + i, count);
            }
        }

        return y;
    }

    /// <summary>The error function by its series (below 3) or the continued fraction of erfc, both to double precision.</summary>
    private static double Erf(double x)
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

    private interface ICase
    {
        T Apply<T>(T x)
            where T : struct, ISimd<T>;
    }

    private sealed class ExpCase : ICase
    {
        public T Apply<T>(T x)
            where T : struct, ISimd<T> => VectorMath.Exp(x);
    }

    private sealed class ErfCase : ICase
    {
        public T Apply<T>(T x)
            where T : struct, ISimd<T> => VectorMath.Erf(x);
    }

    private sealed class TanhCase : ICase
    {
        public T Apply<T>(T x)
            where T : struct, ISimd<T> => VectorMath.Tanh(x);
    }
}

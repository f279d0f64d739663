using Engine.Devices.Kernels;

namespace Engine.Kernels.Tests.Functions;

/// <summary>
/// Elementary functions of kernels against float64, in units in the last place of the result, over floats of every size and densely where a
/// polynomial ends or results cancel.
/// </summary>
public sealed class FunctionAccuracyTests
{
    /// <summary>Every so many bit patterns; a prime, so that low bits vary.</summary>
    private const int Sparse = 2003, Dense = 251;

    public static TheoryData<string, double> Functions => new()
    {
        { "Exp", 1.1 }, { "Log", 1 }, { "Tanh", 1.4 }, { "Erf", 1.1 }, { "Sin", 1 }, { "Cos", 1 }, { "Logistic", 2.6 },
    };

    /// <summary>
    /// Bounds are the largest errors of runs over twenty times as many numbers, rounded up. The test of bits holds the forms of devices and
    /// registers to these numbers.
    /// </summary>
    [Theory]
    [MemberData(nameof(Functions))]
    public void A_function_is_within_its_stated_error(string name, double bound)
    {
        (Func<float, float> function, Func<double, double> exact, (float Low, float High, int Step)[] ranges) = Case(name);
        foreach ((float low, float high, int step) in ranges)
        {
            (double worst, float at) = Worst(function, exact, low, high, step);
            Assert.True(worst <= bound, $"{name}({at:R}) errs by {worst:F3} units in the last place, {bound} are allowed");
        }
    }

    [Fact]
    public void Limits_are_exact()
    {
        float[] x = [float.NegativeInfinity, -200f, -0f, 0f, 89f, float.PositiveInfinity, float.NaN];
        Same([0f, 0f, 1f, 1f, float.PositiveInfinity, float.PositiveInfinity, float.NaN], x.Select(KernelMath.Exp));
        Same([-1f, -1f, -0f, 0f, 1f, 1f, float.NaN], x.Select(KernelMath.Erf));
        Same([-1f, -1f, 0f, 0f, 1f, 1f, float.NaN], x.Select(KernelMath.Tanh));
        Same([float.NaN, float.NaN, float.NegativeInfinity, float.NegativeInfinity, MathF.Log(89f), float.PositiveInfinity, float.NaN],
            x.Select(KernelMath.Log));
        Same([0f, 0f, 0.5f, 0.5f, 1f, 1f, float.NaN], x.Select(KernelMath.Logistic));
        Same([float.NaN, -0f, 0f, float.NaN], new[] { float.NegativeInfinity, -0f, 0f, 1e7f }.Select(KernelMath.Sin));
        Same([float.NaN, 1f, 1f, float.NaN], new[] { float.NegativeInfinity, -0f, 0f, 1e7f }.Select(KernelMath.Cos));
        Same([-0f, -0f, float.PositiveInfinity], new[] { float.NegativeInfinity, -200f, float.PositiveInfinity }.Select(KernelMath.Gelu));
        Same([0f, 0f, 1f], new[] { float.NegativeInfinity, -200f, float.PositiveInfinity }.Select(
            x => Math.Abs(KernelMath.GeluDerivative(x))));
        Assert.Equal(0f, KernelMath.Exp(-87.33655f));
        Assert.InRange(KernelMath.Exp(-87.33654f), 1.17549435e-38f, 1.1756e-38f);
        Assert.InRange(KernelMath.Exp(88.72283f), 3.4e38f, float.MaxValue);
    }

    /// <summary>Absolute error below 1e-7, and next to zero below 2 units in the last place: the angle itself is exact.</summary>
    [Fact]
    public void Angles_in_turns_are_exact_at_any_word()
    {
        for (long word = 0; word <= uint.MaxValue; word += 40009)
        {
            foreach (float offset in new[] { 0f, 0.5f })
            {
                (double sine, double cosine) = Math.SinCos(2 * Math.PI * ((int)(uint)word + (double)offset) / 4294967296.0);
                Assert.InRange(Math.Abs(KernelMath.SinTurns((uint)word, offset) - sine), 0, Math.Min(1e-7, 2.5e-7 * Math.Abs(sine)));
                Assert.InRange(
                    Math.Abs(KernelMath.CosTurns((uint)word, offset) - cosine), 0, Math.Min(1e-7, 1e-30 + (2.5e-7 * Math.Abs(cosine))));
            }
        }
    }

    private static (Func<float, float> Function, Func<double, double> Exact, (float Low, float High, int Step)[] Ranges) Case(
        string name) => name switch
        {
            "Exp" => (KernelMath.Exp, Math.Exp, [(-87.33654f, 88.72283f, Sparse), (0.3f, 88.72283f, Dense), (-87.33654f, -0.3f, Dense)]),
            "Log" => (KernelMath.Log, Math.Log, [(1.17549435e-38f, float.MaxValue, Sparse), (0.5f, 2f, Dense)]),
            "Tanh" => (KernelMath.Tanh, Math.Tanh, [(-float.MaxValue, float.MaxValue, 2 * Sparse), (0.1f, 10f, Dense)]),
            "Erf" => (KernelMath.Erf, Numbers.Erf, [(-10f, 10f, 4 * Sparse), (0.1f, 4.5f, 4 * Dense)]),
            "Sin" => (KernelMath.Sin, Math.Sin, [(-1048576f, 1048576f, 2 * Sparse), (0.1f, 1048576f, Dense)]),
            "Cos" => (KernelMath.Cos, Math.Cos, [(-1048576f, 1048576f, 2 * Sparse), (0.1f, 1048576f, Dense)]),
            _ => (KernelMath.Logistic, x => 1 / (1 + Math.Exp(-x)), [(-87f, 87f, Sparse)]),
        };

    /// <summary>
    /// The largest error over every so many floats from low to high. Results below the normal numbers do not count: functions may flush
    /// them.
    /// </summary>
    private static (double Worst, float At) Worst(Func<float, float> function, Func<double, double> exact, float low, float high, int step)
    {
        (double worst, float at) = (0, 0);
        for (long key = Key(low); key <= Key(high); key += step)
        {
            float x = BitConverter.Int32BitsToSingle((int)(key < 0 ? int.MinValue - key : key));
            double expected = exact(x);
            double error = Math.Abs(function(x) - expected) / Math.ScaleB(1, Math.ILogB(expected) - 23);
            if (Math.Abs(expected) >= 1.1754944e-38 && !(error <= worst))
            {
                (worst, at) = (error, x);
            }
        }

        return (worst, at);
    }

    /// <summary>An integer that grows with the float.</summary>
    private static long Key(float x) => BitConverter.SingleToInt32Bits(x) is var bits && bits < 0 ? int.MinValue - (long)bits : bits;

    private static void Same(float[] expected, IEnumerable<float> actual) =>
        Assert.Equal(
            expected.Select(x => float.IsNaN(x) ? -1 : BitConverter.SingleToInt32Bits(x)),
            actual.Select(x => float.IsNaN(x) ? -1 : BitConverter.SingleToInt32Bits(x)));
}

using Engine.Devices.Kernels;
using Engine.Kernels.Host;
using Engine.Tests;

namespace Engine.Kernels.Tests.Functions;

/// <summary>Functions of registers are those of numbers, bit for bit, at every width.</summary>
public sealed unsafe class LaneMathTests
{
    [Fact]
    public void Functions_give_the_same_bits_at_every_width()
    {
        float[] x = [.. BitPatterns(), .. Enumerable.Range(0, 100_000).Select(i => (i - 50_000) * 4e-4f)];
        float[][] expected = Each<Simd128>(x);
        Same(expected, Each<Simd256>(x), x);
        Same(expected, Each<Simd512>(x), x);
        float[][] numbers = [.. expected.Select(_ => new float[x.Length])];
        for (int i = 0; i < x.Length; i++)
        {
            uint word = BitConverter.SingleToUInt32Bits(x[i]);
            float[] values =
            [
                KernelMath.Exp(x[i]), KernelMath.Log(x[i]), KernelMath.Tanh(x[i]), KernelMath.Erf(x[i]), KernelMath.Sin(x[i]),
                KernelMath.Cos(x[i]), KernelMath.Logistic(x[i]),
                KernelMath.Gelu(x[i]), KernelMath.GeluDerivative(x[i]), KernelMath.GeluTanh(x[i]), KernelMath.GeluTanhDerivative(x[i]),
                KernelMath.TanhDerivative(x[i]),
                KernelMath.LogUniform(word), KernelMath.CosTurns(word, 0.5f), KernelMath.SinTurns(word, 0.5f),
            ];
            for (int function = 0; function < values.Length; function++)
            {
                numbers[function][i] = values[function];
            }
        }

        Same(expected, numbers, x);
    }

    private static IEnumerable<float> BitPatterns()
    {
        for (long bits = 0; bits <= uint.MaxValue; bits += WantedDevices.Long ? 20_011 : 200_003)
        {
            yield return BitConverter.UInt32BitsToSingle((uint)bits);
        }
    }

    private static float[][] Each<T>(float[] x)
        where T : struct, ISimd<T> =>
    [
        Map<T>(x, LaneMath.Exp), Map<T>(x, LaneMath.Log), Map<T>(x, LaneMath.Tanh), Map<T>(x, LaneMath.Erf), Map<T>(x, LaneMath.Sin),
        Map<T>(x, LaneMath.Cos), Map<T>(x, LaneMath.Logistic),
        Map<T>(x, LaneMath.Gelu), Map<T>(x, LaneMath.GeluDerivative), Map<T>(x, LaneMath.GeluTanh), Map<T>(x, LaneMath.GeluTanhDerivative),
        Map<T>(x, LaneMath.TanhDerivative),
        Map<T>(x, LaneMath.LogUniform), Map<T>(x, word => LaneMath.CosTurns(word, 0.5f, out _)), Map<T>(x, Sine),
    ];

    private static T Sine<T>(T word)
        where T : struct, ISimd<T>
    {
        LaneMath.CosTurns(word, 0.5f, out T sine);
        return sine;
    }

    private static float[] Map<T>(float[] x, Func<T, T> function)
        where T : struct, ISimd<T>
    {
        var y = new float[x.Length];
        fixed (float* from = x, to = y)
        {
            for (int i = 0; i < x.Length; i += T.Count)
            {
                int count = Math.Min(T.Count, x.Length - i);
                function(T.LoadPart(from + i, count)).StorePart(to + i, count);
            }
        }

        return y;
    }

    private static void Same(float[][] expected, float[][] actual, float[] x)
    {
        for (int function = 0; function < expected.Length; function++)
        {
            for (int i = 0; i < x.Length; i++)
            {
                (float a, float b) = (expected[function][i], actual[function][i]);
                bool same = BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b) || (float.IsNaN(a) && float.IsNaN(b));
                if (!same)
                {
                    Assert.Fail($"function {function} of {x[i]:R}: {a:R} and {b:R}");
                }
            }
        }
    }
}

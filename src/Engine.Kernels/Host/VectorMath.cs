using System.Runtime.CompilerServices;

namespace Engine.Kernels.Host;

/// <summary>
/// Elementary functions over registers of float32. The polynomials are interpolants at Chebyshev nodes of the stated
/// interval, fitted in double precision for this file; errors are against double-precision references.
/// </summary>
internal static class VectorMath
{
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>1.5 * 2^23: adding it rounds to a whole number, which then lies in the low bits.</summary>
    private const float RoundShift = 12582912f;

    /// <summary>e^x, relative error below 1.5e-7; 0 below -87 (results under 1.7e-38), infinity above 88.72, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : struct, ISimd<T>
    {
        T shift = T.Broadcast(RoundShift);
        T shifted = T.MultiplyAdd(x, T.Broadcast(Log2E), shift);
        T whole = shifted - shift;
        T r = T.MultiplyAdd(whole, T.Broadcast(-Ln2High), x);
        r = T.MultiplyAdd(whole, T.Broadcast(-Ln2Low), r);

        // e^r = 1 + r + r^2 q(r) on [-ln 2 / 2, ln 2 / 2].
        T q = T.Broadcast(0.00139262508f);
        q = T.MultiplyAdd(q, r, T.Broadcast(0.00836323288f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.0416665542f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.166665767f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.5f));
        T power = T.MultiplyAdd(q, r * r, r) + T.Broadcast(1f);

        // 2^n as 2 * 2^(n - 1): n = 128 has no float of its own.
        T scaled = (power + power) * T.PowerOfTwo(shifted - T.Broadcast(1f));
        scaled = T.Select(T.Less(T.Broadcast(88.722839f), x), T.Broadcast(float.PositiveInfinity), scaled);
        return T.Select(T.Less(x, T.Broadcast(-87f)), T.Zero, scaled);
    }

    /// <summary>The error function, relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Erf<T>(T x)
        where T : struct, ISimd<T>
    {
        // Up to 1: erf x = x p(x^2).
        T square = x * x;
        T p = T.Broadcast(7.87587504e-05f);
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.000801686428f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.00518908742f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.026854212f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.112835947f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.376126267f));
        p = T.MultiplyAdd(p, square, T.Broadcast(1.12837917f));

        // From 1 to 4: erf |x| = 1 - e^q(|x|), q the logarithm of erfc; at 4 the rest is below half an ulp of 1.
        T magnitude = T.Abs(x);
        T t = T.Select(T.Less(T.Broadcast(4f), magnitude), T.Broadcast(4f), magnitude);
        T q = T.Broadcast(1.63715142e-06f);
        q = T.MultiplyAdd(q, t, T.Broadcast(-4.60580427e-05f));
        q = T.MultiplyAdd(q, t, T.Broadcast(0.000596805626f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.00475959629f));
        q = T.MultiplyAdd(q, t, T.Broadcast(0.026421136f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.110080083f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.631826052f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-1.13023343f));
        q = T.MultiplyAdd(q, t, T.Broadcast(0.00032013805f));
        T tail = T.CopySign(T.Broadcast(1f) - Exp(q), x);
        return T.Select(T.Less(T.Broadcast(1f), magnitude), tail, p * x);
    }

    /// <summary>The hyperbolic tangent, relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : struct, ISimd<T>
    {
        // Up to 0.625: tanh x = x + x^3 p(x^2), where 1 - 2 / (e^2x + 1) would cancel.
        T square = x * x;
        T p = T.Broadcast(-0.00609671417f);
        p = T.MultiplyAdd(p, square, T.Broadcast(0.020997179f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.0538509096f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.133327697f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.333333289f));
        T near = T.MultiplyAdd(p * square, x, x);

        T magnitude = T.Abs(x);
        T power = Exp(magnitude + magnitude);
        T far = T.CopySign(T.Broadcast(1f) - (T.Broadcast(2f) / (power + T.Broadcast(1f))), x);
        return T.Select(T.Less(T.Broadcast(0.625f), magnitude), far, near);
    }

    /// <summary>1 / (1 + e^-x), relative error below 3e-7; 0 below -88.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Logistic<T>(T x)
        where T : struct, ISimd<T> =>
        T.Broadcast(1f) / (T.Broadcast(1f) + Exp(T.Zero - x));

    /// <summary>x Phi(x) with the exact error function.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T GeluErf<T>(T x)
        where T : struct, ISimd<T>
    {
        T half = T.Broadcast(0.5f) * x;
        return T.MultiplyAdd(half, Erf(x * T.Broadcast(0.707106781f)), half);
    }

    /// <summary>x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T GeluTanh<T>(T x)
        where T : struct, ISimd<T>
    {
        T half = T.Broadcast(0.5f) * x;
        T inner = T.MultiplyAdd(T.Broadcast(0.0356774081f) * (x * x), x, T.Broadcast(0.797884561f) * x);
        return T.MultiplyAdd(half, Tanh(inner), half);
    }
}

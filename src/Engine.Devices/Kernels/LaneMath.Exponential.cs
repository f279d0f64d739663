using System.Runtime.CompilerServices;

namespace Engine.Devices.Kernels;

/// <summary>
/// Elementary functions, the same bits on every device and in the host forms. Polynomials are minimax fits in float64 made for these files,
/// their coefficients rounded one after another; errors are stated in units in the last place (ulp) of the result.
/// </summary>
internal static partial class LaneMath
{
    private const float Ln2 = 0.693147181f;

    /// <summary>1.5 * 2^23: adding it rounds to a whole number, which then lies in the low bits.</summary>
    private const float RoundShift = 12582912f;

    /// <summary>The bits of sqrt(1/2).</summary>
    private const int RootHalf = 0x3F3504F3;

    /// <summary>e^x within 1.1 ulp; 0 below ln 2^-126 (results that float32 holds as subnormals), infinity above 88.72284.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        // x = n ln 2 + r.
        T shifted = T.MultiplyAdd(x, T.Broadcast(1.44269504f), T.Broadcast(RoundShift));
        T n = shifted - T.Broadcast(RoundShift);
        T r = T.MultiplyAdd(n, T.Broadcast(-0.693359375f), x);
        r = T.MultiplyAdd(n, T.Broadcast(2.12194440e-4f), r);

        // e^r = 1 + r + r^2 q(r) on [-ln 2 / 2, ln 2 / 2].
        T q = T.Broadcast(0.001382011f);
        q = T.MultiplyAdd(q, r, T.Broadcast(0.008368685f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.041668274f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.16666521f));
        q = T.MultiplyAdd(q, r, T.Broadcast(0.49999994f));
        T power = T.MultiplyAdd(q, r * r, r) + T.Broadcast(1f);

        // n goes to the exponent as it is: at 128 the power is below 1, at -126 above it. A NaN's bits would not survive that.
        T scaled = T.AddBits(power, T.ShiftLeft(shifted, 23));
        T bounded = T.SelectLess(x, T.Broadcast(88.72284f), scaled, x * T.Broadcast(float.MaxValue));
        return T.SelectLess(x, T.Broadcast(-87.33654f), T.Broadcast(0f), bounded);
    }

    /// <summary>
    /// The natural logarithm within 1 ulp; subnormal arguments count as 0, whose logarithm is minus infinity; NaN below 0.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        T bits = T.AddBits(x, -RootHalf);
        T y = LogOfParts(Exponent(bits), Fraction(bits));
        y = T.SelectLess(x, T.Broadcast(float.PositiveInfinity), y, x);
        T outside = T.SelectLess(x, T.Broadcast(0f), T.Broadcast(float.NaN), T.Broadcast(float.NegativeInfinity));
        return T.SelectLess(x, T.Broadcast(1.17549435e-38f), outside, y);
    }

    /// <summary>The hyperbolic tangent within 1.4 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        // Up to 0.625: tanh x = x + x^3 p(x^2), where 1 - 2 / (e^2x + 1) would cancel.
        T square = x * x;
        T p = T.Broadcast(-0.005692296f);
        p = T.MultiplyAdd(p, square, T.Broadcast(0.020628167f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.053736515f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.13331406f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.3333328f));
        T near = T.MultiplyAdd(p * square, x, x);

        T magnitude = T.Abs(x);
        T power = Exp(magnitude + magnitude);
        T far = T.CopySign(T.Broadcast(1f) - (T.Broadcast(2f) / (power + T.Broadcast(1f))), x);
        return T.SelectLess(T.Broadcast(0.625f), magnitude, far, near);
    }

    /// <summary>1 / (1 + e^-x) within 2.6 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Logistic<T>(T x)
        where T : struct, IFloatLanes<T> =>
        T.Broadcast(1f) / (T.Broadcast(1f) + Exp(-x));

    /// <summary>e where x = 2^e (1 + f) with 1 + f from sqrt(1/2) to sqrt(2), of x's bits less those of sqrt(1/2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Exponent<T>(T bits)
        where T : struct, IFloatLanes<T> => T.IntegerToFloat(T.ShiftRight(bits, 23));

    /// <summary>f of the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Fraction<T>(T bits)
        where T : struct, IFloatLanes<T> => T.AddBits(T.And(bits, 0x007FFFFF), RootHalf) - T.Broadcast(1f);

    /// <summary>exponent ln 2 + ln(1 + f).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T LogOfParts<T>(T exponent, T f)
        where T : struct, IFloatLanes<T>
    {
        // ln(1 + f) = f - f^2 / 2 + f^3 p(f).
        T p = T.Broadcast(-0.07636433f);
        p = T.MultiplyAdd(p, f, T.Broadcast(0.12762219f));
        p = T.MultiplyAdd(p, f, T.Broadcast(-0.13159612f));
        p = T.MultiplyAdd(p, f, T.Broadcast(0.1420158f));
        p = T.MultiplyAdd(p, f, T.Broadcast(-0.16623409f));
        p = T.MultiplyAdd(p, f, T.Broadcast(0.20001242f));
        p = T.MultiplyAdd(p, f, T.Broadcast(-0.2500082f));
        p = T.MultiplyAdd(p, f, T.Broadcast(0.3333333f));
        T square = f * f;
        T tail = T.MultiplyAdd(p, f * square, square * T.Broadcast(-0.5f));
        return T.MultiplyAdd(exponent, T.Broadcast(Ln2), f + tail);
    }
}

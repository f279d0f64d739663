using System.Runtime.CompilerServices;

namespace Engine.Devices.Kernels;

/// <summary>The error function, the normal distribution, and the activations made of them.</summary>
internal static partial class LaneMath
{
    /// <summary>The error function within 1.1 ulp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Erf<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        // Up to 1: erf x = x + x p(x^2).
        T square = x * x;
        T p = T.Broadcast(7.806904e-05f);
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.0007997853f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.005187162f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.026853347f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.11283579f));
        p = T.MultiplyAdd(p, square, T.Broadcast(-0.37612626f));
        p = T.MultiplyAdd(p, square, T.Broadcast(0.12837917f));

        // From 1 to 4: erf |x| = 1 - e^q(|x|), q the logarithm of erfc; at 4 the rest is below half an ulp of 1.
        T magnitude = T.Abs(x);
        T t = T.Min(T.Broadcast(4f), magnitude);
        T q = T.Broadcast(-2.1697751e-05f);
        q = T.MultiplyAdd(q, t, T.Broadcast(0.00044146835f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.004205245f));
        q = T.MultiplyAdd(q, t, T.Broadcast(0.02521021f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.10842189f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-0.63321656f));
        q = T.MultiplyAdd(q, t, T.Broadcast(-1.1295803f));
        q = T.MultiplyAdd(q, t, T.Broadcast(0.00018846647f));
        T far = T.CopySign(T.Broadcast(1f) - Exp(q), x);
        return T.SelectLess(T.Broadcast(1f), magnitude, far, T.MultiplyAdd(p, x, x));
    }

    /// <summary>GELU, x Phi(x) with Phi the normal distribution: with p = |x| Phi(-|x|), -p left of zero and x - p right of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Gelu<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        T magnitude = NormalMagnitude(x);
        T product = magnitude * (NormalTail(magnitude) * NormalPower(magnitude));
        return T.SelectLess(x, T.Broadcast(0f), -product, x - product);
    }

    /// <summary>
    /// The derivative of <see cref="Gelu"/>, Phi(x) + x phi(x) with phi the normal density: with d = |x| phi(x) - Phi(-|x|), -d left of
    /// zero and 1 + d right of it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T GeluDerivative<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        T magnitude = NormalMagnitude(x);
        T d = T.MultiplyAdd(magnitude, T.Broadcast(0.39894228f), -NormalTail(magnitude)) * NormalPower(magnitude);
        return T.SelectLess(x, T.Broadcast(0f), -d, T.Broadcast(1f) + d);
    }

    /// <summary>GELU's approximation x s(u), with s the logistic function and u = 2 sqrt(2 / pi) (x + 0.044715 x^3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T GeluTanh<T>(T x)
        where T : struct, IFloatLanes<T> => x * Logistic(GeluTanhArgument(x, x * x));

    /// <summary>The derivative of <see cref="GeluTanh"/>: s + x s (1 - s) u'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T GeluTanhDerivative<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        // Beyond 15 s is 0 or 1 and its derivative 0; with e = e^-|u|, s is 1 / (1 + e) or e / (1 + e).
        T near = T.CopySign(T.Min(T.Broadcast(15f), T.Abs(x)), x);
        T square = near * near;
        T u = GeluTanhArgument(near, square);
        T e = Exp(-T.Abs(u));
        T large = T.Broadcast(1f) / (T.Broadcast(1f) + e);
        T small = e * large;
        T slope = T.MultiplyAdd(square, T.Broadcast(0.21406445f), T.Broadcast(1.5957691f));
        return T.MultiplyAdd(near * (small * large), slope, T.SelectLess(u, T.Broadcast(0f), small, large));
    }

    /// <summary>The derivative of <see cref="Tanh"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhDerivative<T>(T x)
        where T : struct, IFloatLanes<T>
    {
        T t = Tanh(x);
        return (T.Broadcast(1f) - t) * (T.Broadcast(1f) + t);
    }

    /// <summary>ln((word + 0.5) 2^-32), relative error below 3e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LogUniform<T>(T word)
        where T : struct, IFloatLanes<T>
    {
        // The upper half by its distance from 1: u = 1 - w, w = (~word + 0.5) 2^-32. Either way the integer is below 2^31 and therefore
        // exact as a signed number.
        T distance = T.Xor(word, T.ShiftRight(word, 31));
        T scaled = (T.IntegerToFloat(distance) + T.Broadcast(0.5f)) * T.Broadcast(TwoToMinus32);
        T bits = T.AddBits(T.SelectNegative(word, T.Broadcast(1f) - scaled, scaled), -RootHalf);

        // Near 1 the subtraction 1 - w has rounded: there f = -w itself.
        T f = Fraction(bits);
        T near = T.SelectLess(scaled, T.Broadcast(0.25f), -scaled, f);
        return LogOfParts(Exponent(bits), T.SelectNegative(word, near, f));
    }

    /// <summary>|x|, at most 15, where e^(-x^2 / 2) is 0: an infinite x must not meet it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T NormalMagnitude<T>(T x)
        where T : struct, IFloatLanes<T> => T.Min(T.Broadcast(15f), T.Abs(x));

    /// <summary>e^(-x^2 / 2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T NormalPower<T>(T magnitude)
        where T : struct, IFloatLanes<T> => Exp(magnitude * magnitude * T.Broadcast(-0.5f));

    /// <summary>
    /// What <see cref="NormalPower"/> is to be multiplied by to give the normal distribution beyond |x|, with an error of 3e-8 in the
    /// product near zero and 1 % of it at |x| = 5.7: half the scaled complementary error function, a polynomial in |x| / sqrt 2 - 2 from -2
    /// to 2; beyond, the power is below 2e-7 and what it is multiplied by stays.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T NormalTail<T>(T magnitude)
        where T : struct, IFloatLanes<T>
    {
        T t = T.Min(T.Broadcast(2f), T.MultiplyAdd(magnitude, T.Broadcast(0.70710678f), T.Broadcast(-2f)));
        T r = T.Broadcast(1.771868e-06f);
        r = T.MultiplyAdd(r, t, T.Broadcast(2.667529e-06f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-5.6973863e-06f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-3.406597e-05f));
        r = T.MultiplyAdd(r, t, T.Broadcast(3.0279938e-05f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-3.3619377e-05f));
        r = T.MultiplyAdd(r, t, T.Broadcast(0.0003283937f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-0.0009582767f));
        r = T.MultiplyAdd(r, t, T.Broadcast(0.0026826607f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-0.007725353f));
        r = T.MultiplyAdd(r, t, T.Broadcast(0.02091081f));
        r = T.MultiplyAdd(r, t, T.Broadcast(-0.053397313f));
        return T.MultiplyAdd(r, t, T.Broadcast(0.1276976f));
    }

    /// <summary>2 sqrt(2 / pi) (x + 0.044715 x^3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T GeluTanhArgument<T>(T x, T square)
        where T : struct, IFloatLanes<T> => T.MultiplyAdd(square, T.Broadcast(0.0713548163f), T.Broadcast(1.5957691f)) * x;
}

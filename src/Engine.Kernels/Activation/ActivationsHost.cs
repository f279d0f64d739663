using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>x Phi(x).</summary>
internal readonly struct GeluErfMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => VectorMath.GeluErf<Simd512>(x);
}

/// <summary>The tanh approximation of x Phi(x).</summary>
internal readonly struct GeluTanhMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => VectorMath.GeluTanh<Simd512>(x);
}

internal readonly struct TanhMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x) => VectorMath.Tanh<Simd512>(x);
}

/// <summary>
/// dy (Phi(x) + x phi(x)), phi the normal density. Phi's tail is written as e^(-x^2/2) r(|x| / sqrt 2), so that one exponential
/// serves both; r, half the scaled complementary error function, is a polynomial fitted in float64 for this file.
/// </summary>
internal readonly struct GeluErfGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x, Vector512<float> dy)
    {
        // Beyond 15 the exponential is 0; an infinite x must not meet it. A NaN is the second operand and stays.
        Vector512<float> magnitude = Vector512.MinNative(Vector512.Create(15f), Vector512.Abs(x));
        Vector512<float> power = VectorMath.Exp<Simd512>(magnitude * magnitude * Vector512.Create(-0.5f));

        // On [0, 4.25], with an error of 9e-8 in the product; beyond, the exponential is below 2e-8.
        Vector512<float> t = Vector512.MinNative(Vector512.Create(4.25f), magnitude * Vector512.Create(0.70710678f));
        Vector512<float> r = Vector512.Create(-5.58443389e-06f);
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.000119941658f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(-0.00113780331f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.00636527315f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(-0.0238344092f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.0649632588f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(-0.138367712f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.244876966f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(-0.374840677f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.499833912f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(-0.564181209f));
        r = Vector512.FusedMultiplyAdd(r, t, Vector512.Create(0.49999994f));

        // The derivative is 1 + d right of zero and -d left of it.
        Vector512<float> d = Vector512.FusedMultiplyAdd(magnitude, Vector512.Create(0.39894228f), -r) * power;
        Vector512<float> derivative = Vector512.ConditionalSelect(
            Vector512.LessThan(x, Vector512<float>.Zero), -d, Vector512<float>.One + d);
        return dy * derivative;
    }
}

/// <summary>dy times the derivative of the tanh approximation.</summary>
internal readonly struct GeluTanhGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x, Vector512<float> dy)
    {
        // t = tanh(a x + b x^3); y' = (1 + t) / 2 + x / 2 (1 - t^2) (a + 3 b x^2), a = sqrt(2 / pi), b = 0.044715 a.
        Vector512<float> a = Vector512.Create(0.79788456f);
        Vector512<float> half = Vector512.Create(0.5f);
        Vector512<float> square = x * x;
        Vector512<float> t = VectorMath.Tanh<Simd512>(Vector512.FusedMultiplyAdd(square, Vector512.Create(0.035677408f), a) * x);
        Vector512<float> sech = (Vector512<float>.One - t) * (Vector512<float>.One + t);
        Vector512<float> inner = Vector512.FusedMultiplyAdd(square, Vector512.Create(0.10703222f), a);
        Vector512<float> bend = half * x * sech * inner;

        // Far out, where 1 - t^2 is 0, the inner derivative may be infinite and does not count.
        bend = Vector512.ConditionalSelect(Vector512.Equals(sech, Vector512<float>.Zero), Vector512<float>.Zero, bend);
        return dy * (Vector512.FusedMultiplyAdd(half, t, half) + bend);
    }
}

/// <summary>dy (1 - tanh(x)^2).</summary>
internal readonly struct TanhGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x, Vector512<float> dy)
    {
        Vector512<float> t = VectorMath.Tanh<Simd512>(x);
        return dy * (Vector512<float>.One - t) * (Vector512<float>.One + t);
    }
}

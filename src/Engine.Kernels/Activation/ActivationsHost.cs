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

/// <summary>dy (Phi(x) + x phi(x)), phi the normal density.</summary>
internal readonly struct GeluErfGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> x, Vector512<float> dy)
    {
        Vector512<float> half = Vector512.Create(0.5f);
        Vector512<float> erf = VectorMath.Erf<Simd512>(x * Vector512.Create(0.70710678f));
        Vector512<float> power = VectorMath.Exp<Simd512>(x * x * Vector512.Create(-0.5f));
        Vector512<float> density = power * Vector512.Create(0.39894228f);

        // Where the density is 0 its product with x is taken as 0, infinite x included.
        Vector512<float> slope = Vector512.FusedMultiplyAdd(half, erf, half);
        Vector512<float> bend = Vector512.ConditionalSelect(
            Vector512.Equals(density, Vector512<float>.Zero), Vector512<float>.Zero, density * x);
        return dy * (slope + bend);
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

using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>x Phi(x).</summary>
internal readonly struct GeluErfMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => LaneMath.Gelu(x);
}

/// <summary>The tanh approximation of x Phi(x).</summary>
internal readonly struct GeluTanhMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => LaneMath.GeluTanh(x);
}

internal readonly struct TanhMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => LaneMath.Tanh(x);
}

/// <summary>max(x, 0); what is not a number stays so.</summary>
internal readonly struct ReluMap : IUnaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x)
        where T : struct, ISimd<T> => T.SelectLess(x, T.Zero, T.Zero, x);
}

/// <summary>dy where x is above 0.</summary>
internal readonly struct ReluGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x, T dy)
        where T : struct, ISimd<T> => dy * T.SelectLess(T.Zero, x, T.Broadcast(1f), T.Zero);
}

/// <summary>dy (Phi(x) + x phi(x)), phi the normal density.</summary>
internal readonly struct GeluErfGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x, T dy)
        where T : struct, ISimd<T> => dy * LaneMath.GeluDerivative(x);
}

/// <summary>dy times the derivative of the tanh approximation.</summary>
internal readonly struct GeluTanhGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x, T dy)
        where T : struct, ISimd<T> => dy * LaneMath.GeluTanhDerivative(x);
}

/// <summary>dy (1 - tanh(x)^2).</summary>
internal readonly struct TanhGradientMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T x, T dy)
        where T : struct, ISimd<T> => dy * LaneMath.TanhDerivative(x);
}

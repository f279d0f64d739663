using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>gelu(gate) up.</summary>
internal readonly struct GeGluErfMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up)
        where T : struct, ISimd<T> => LaneMath.Gelu(gate) * up;
}

/// <summary>The tanh approximation of gelu(gate), times up.</summary>
internal readonly struct GeGluTanhMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up)
        where T : struct, ISimd<T> => LaneMath.GeluTanh(gate) * up;
}

/// <summary>dGate = dy up gelu'(gate), dUp = dy gelu(gate).</summary>
internal readonly struct GeGluErfGradient : IGatedGradient
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up, T dy, out T byUp)
        where T : struct, ISimd<T>
    {
        byUp = dy * LaneMath.Gelu(gate);
        return dy * up * LaneMath.GeluDerivative(gate);
    }
}

/// <summary>The same of the tanh approximation.</summary>
internal readonly struct GeGluTanhGradient : IGatedGradient
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up, T dy, out T byUp)
        where T : struct, ISimd<T>
    {
        byUp = dy * LaneMath.GeluTanh(gate);
        return dy * up * LaneMath.GeluTanhDerivative(gate);
    }
}

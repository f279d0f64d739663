using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>silu(gate) up.</summary>
internal readonly struct SwiGluMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up)
        where T : struct, ISimd<T> => gate * LaneMath.Logistic(gate) * up;
}

/// <summary>With s the logistic function of the gate: dGate = dy up s (1 + gate (1 - s)), dUp = dy gate s.</summary>
internal readonly struct SwiGluGradient : IGatedGradient
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public T Apply<T>(T gate, T up, T dy, out T byUp)
        where T : struct, ISimd<T>
    {
        T s = LaneMath.Logistic(gate);
        T scaled = dy * s;
        byUp = scaled * gate;
        return scaled * up * T.MultiplyAdd(gate, T.Broadcast(1f) - s, T.Broadcast(1f));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>silu(gate) up.</summary>
internal readonly struct SwiGluMap : IBinaryMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> gate, Vector512<float> up)
    {
        Vector512<float> s = VectorMath.Logistic<Simd512>(gate);
        return gate * s * up;
    }
}

/// <summary>With s the logistic function of the gate: dGate = dy up s (1 + gate (1 - s)), dUp = dy gate s.</summary>
internal sealed unsafe class SwiGluBackwardHost(
    CpuDevice device, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> dy, BufferView<float> dGate, BufferView<float> dUp)
    : RangeHost(device, count)
{
    private readonly float* gate = CpuDevice.Pointer(gate);
    private readonly float* up = CpuDevice.Pointer(up);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* dGate = CpuDevice.Pointer(dGate);
    private readonly float* dUp = CpuDevice.Pointer(dUp);

    public override string Name => "SwiGlu_Backward";

    protected override void Range(long start, int length, int worker)
    {
        long end = start + length;
        long i = start;
        for (; i <= end - Lanes.Count; i += Lanes.Count)
        {
            (Vector512<float> byGate, Vector512<float> byUp) = Gradients(Vector512.Load(gate + i), Vector512.Load(up + i), Vector512.Load(dy + i));
            byGate.Store(dGate + i);
            byUp.Store(dUp + i);
        }

        if (i < end)
        {
            int rest = (int)(end - i);
            (Vector512<float> byGate, Vector512<float> byUp) = Gradients(
                Lanes.LoadPartial(gate + i, rest), Lanes.LoadPartial(up + i, rest), Lanes.LoadPartial(dy + i, rest));
            Lanes.StorePartial(byGate, dGate + i, rest);
            Lanes.StorePartial(byUp, dUp + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> ByGate, Vector512<float> ByUp) Gradients(Vector512<float> g, Vector512<float> u, Vector512<float> d)
    {
        Vector512<float> s = VectorMath.Logistic<Simd512>(g);
        Vector512<float> scaled = d * s;
        return (scaled * u * Vector512.FusedMultiplyAdd(g, Vector512<float>.One - s, Vector512<float>.One), scaled * g);
    }
}

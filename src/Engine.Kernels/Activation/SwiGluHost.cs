using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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
internal sealed unsafe class SwiGluBackwardHost(
    CpuDevice device, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> dy, BufferView<float> dGate,
    BufferView<float> dUp)
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
        if (Vector512.IsHardwareAccelerated)
        {
            Range<Simd512>(start, length);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Range<Simd256>(start, length);
        }
        else
        {
            Range<Simd128>(start, length);
        }
    }

    private void Range<T>(long start, int length)
        where T : struct, ISimd<T>
    {
        long end = start + length;
        long i = start;
        for (; i <= end - T.Count; i += T.Count)
        {
            T byGate = Gradients(T.Load(gate + i), T.Load(up + i), T.Load(dy + i), out T byUp);
            byGate.Store(dGate + i);
            byUp.Store(dUp + i);
        }

        if (i < end)
        {
            int rest = (int)(end - i);
            T byGate = Gradients(T.LoadPart(gate + i, rest), T.LoadPart(up + i, rest), T.LoadPart(dy + i, rest), out T byUp);
            byGate.StorePart(dGate + i, rest);
            byUp.StorePart(dUp + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Gradients<T>(T g, T u, T d, out T byUp)
        where T : struct, ISimd<T>
    {
        T s = LaneMath.Logistic(g);
        T scaled = d * s;
        byUp = scaled * g;
        return scaled * u * T.MultiplyAdd(g, T.Broadcast(1f) - s, T.Broadcast(1f));
    }
}

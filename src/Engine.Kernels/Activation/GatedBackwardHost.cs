using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The gradients of a gated unit, a register at a time.</summary>
internal interface IGatedGradient
{
    /// <param name="byUp">The gradient by up.</param>
    /// <returns>The gradient by the gate.</returns>
    T Apply<T>(T gate, T up, T dy, out T byUp)
        where T : struct, ISimd<T>;
}

/// <summary>Both gradients of a gated unit; either may take the place of an input.</summary>
internal sealed unsafe class GatedBackwardHost<TGradient>(
    string name, CpuDevice device, long count, BufferView<float> gate, BufferView<float> up, BufferView<float> dy, BufferView<float> dGate,
    BufferView<float> dUp)
    : RangeHost(device, count)
    where TGradient : struct, IGatedGradient
{
    private readonly float* gate = CpuDevice.Pointer(gate);
    private readonly float* up = CpuDevice.Pointer(up);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* dGate = CpuDevice.Pointer(dGate);
    private readonly float* dUp = CpuDevice.Pointer(dUp);

    public override string Name => name;

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
        TGradient gradient = default;
        long end = start + length;
        long i = start;
        for (; i <= end - T.Count; i += T.Count)
        {
            T byGate = gradient.Apply(T.Load(gate + i), T.Load(up + i), T.Load(dy + i), out T byUp);
            byGate.Store(dGate + i);
            byUp.Store(dUp + i);
        }

        if (i < end)
        {
            int rest = (int)(end - i);
            T byGate = gradient.Apply(T.LoadPart(gate + i, rest), T.LoadPart(up + i, rest), T.LoadPart(dy + i, rest), out T byUp);
            byGate.StorePart(dGate + i, rest);
            byUp.StorePart(dUp + i, rest);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Counter-based dropout: 64 words are made at a time, compared, and put in the order of the elements as factors.</summary>
internal sealed unsafe class DropoutHost(
    CpuDevice device, long count, float probability, uint stream, BufferView<float> x, BufferView<float>? residual, BufferView<uint> random,
    BufferView<float> y)
    : RangeHost(device, count)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* residual = residual is { } present ? CpuDevice.Pointer(present) : null;
    private readonly uint* random = CpuDevice.Pointer(random);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Dropouts_Apply";

    [SkipLocalsInit]
    protected override void Range(long start, int length, int worker)
    {
        var mask = new DropoutMask(probability, stream, random);
        ulong group = (ulong)start / PhiloxLanes.Elements;
        float* factors = stackalloc float[PhiloxLanes.Elements];
        for (int done = 0; done < length; done += PhiloxLanes.Elements)
        {
            mask.Factors(group++, factors);
            int size = Math.Min(PhiloxLanes.Elements, length - done);
            Multiply(start + done, size, factors);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Multiply(long start, int length, float* factors)
    {
        float* from = x + start;
        float* extra = residual == null ? null : residual + start;
        float* to = y + start;
        int i = 0;
        for (; i <= length - Lanes.Count; i += Lanes.Count)
        {
            Vector512<float> kept = Kept(Vector512.Load(from + i), Vector512.Load(factors + i));
            (extra == null ? kept : kept + Vector512.Load(extra + i)).Store(to + i);
        }

        if (i < length)
        {
            int rest = length - i;
            Vector512<float> kept = Kept(Lanes.LoadPartial(from + i, rest), Vector512.Load(factors + i));
            Lanes.StorePartial(extra == null ? kept : kept + Lanes.LoadPartial(extra + i, rest), to + i, rest);
        }
    }

    /// <summary>x * factor, and 0 where the factor is 0 even if x is infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Kept(Vector512<float> value, Vector512<float> factors) =>
        Vector512.AndNot(value * factors, Vector512.Equals(factors, Vector512<float>.Zero));
}

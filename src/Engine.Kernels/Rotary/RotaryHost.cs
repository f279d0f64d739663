using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Cosines and sines token by token: made once a step for all layers, they do not show in its time.</summary>
internal sealed unsafe class RotaryAnglesHost(
    CpuDevice device, int tokens, int half, float scale, BufferView<int> positions, BufferView<ulong> frequencies, BufferView<float> angles)
    : RowHost(device, tokens, 2 * half)
{
    private readonly int* positions = CpuDevice.Pointer(positions);
    private readonly ulong* frequencies = CpuDevice.Pointer(frequencies);
    private readonly float* angles = CpuDevice.Pointer(angles);

    public override string Name => "Rotary_Angles";

    protected override void Row(int row, int worker)
    {
        float* to = angles + ((long)row * Columns);
        for (int j = 0; j < half; j++)
        {
            uint turns = (uint)(((ulong)positions[row] * frequencies[j]) >> 32);
            to[j] = scale * KernelMath.CosTurns(turns, 0f);
            to[half + j] = scale * KernelMath.SinTurns(turns, 0f);
        }
    }
}

/// <summary>Turns the heads of a token, one after another, by the same angles; what lies behind a head's pairs is copied.</summary>
internal sealed unsafe class RotaryApplyHost(
    CpuDevice device, int tokens, int heads, int half, int rest, BufferView<float> x, BufferView<float> angles, float direction,
    BufferView<float> y)
    : RowHost(device, tokens, heads * ((2 * half) + rest))
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* angles = CpuDevice.Pointer(angles);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Rotary_Apply";

    protected override void Row(int row, int worker)
    {
        float* cosines = angles + (2L * row * half);
        for (int j = 0; j < half; j += Lanes.Count)
        {
            int count = Math.Min(Lanes.Count, half - j);
            Vector512<float> cosine = Load(cosines + j, count);
            Vector512<float> sine = Load(cosines + half + j, count) * Vector512.Create(direction);
            long at = ((long)row * Columns) + j;
            for (int head = 0; head < heads; head++, at += (2 * half) + rest)
            {
                Vector512<float> x1 = Load(x + at, count);
                Vector512<float> x2 = Load(x + at + half, count);
                Store((x1 * cosine) - (x2 * sine), y + at, count);
                Store((x2 * cosine) + (x1 * sine), y + at + half, count);
            }
        }

        for (int head = 0; rest > 0 && head < heads; head++)
        {
            long at = ((long)row * Columns) + (head * ((2 * half) + rest)) + (2 * half);
            new Span<float>(x + at, rest).CopyTo(new Span<float>(y + at, rest));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Load(float* from, int count) =>
        count == Lanes.Count ? Vector512.Load(from) : Lanes.LoadPartial(from, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> lanes, float* to, int count)
    {
        if (count == Lanes.Count)
        {
            lanes.Store(to);
        }
        else
        {
            Lanes.StorePartial(lanes, to, count);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>What each group of 64 elements gets of its Philox words.</summary>
internal unsafe interface INoiseGroup
{
    static abstract void Group(PhiloxLanes philox, ulong group, float* to);
}

/// <summary>Standard normals.</summary>
internal readonly unsafe struct NormalGroup : INoiseGroup
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Group(PhiloxLanes philox, ulong group, float* to)
    {
        philox.Words(group, out Vector512<uint> word0, out Vector512<uint> word1, out Vector512<uint> word2, out Vector512<uint> word3);
        BoxMuller.Normals(&word0, &word1);
        BoxMuller.Normals(&word2, &word3);
        PhiloxLanes.Store(word0.AsSingle(), word1.AsSingle(), word2.AsSingle(), word3.AsSingle(), to);
    }
}

/// <summary>1 with the top bit of its word as sign.</summary>
internal readonly unsafe struct SignGroup : INoiseGroup
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Group(PhiloxLanes philox, ulong group, float* to)
    {
        philox.Words(group, out Vector512<uint> word0, out Vector512<uint> word1, out Vector512<uint> word2, out Vector512<uint> word3);
        PhiloxLanes.Store(Sign(word0), Sign(word1), Sign(word2), Sign(word3), to);
    }

    private static Vector512<float> Sign(Vector512<uint> word) =>
        ((word & Vector512.Create(0x80000000u)) | Vector512.Create(1f).AsUInt32()).AsSingle();
}

/// <summary>y[e] = the noise of element e, in groups of 64 elements.</summary>
internal abstract unsafe class NoiseHost<TNoise>(CpuDevice device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    : RangeHost(device, count)
    where TNoise : struct, INoiseGroup
{
    private readonly uint* random = CpuDevice.Pointer(random);
    private readonly float* y = CpuDevice.Pointer(y);

    /// <summary>Writes the noise of elements <paramref name="start"/> (a multiple of 64) to start + length.</summary>
    [SkipLocalsInit]
    public static void Fill(uint* random, uint stream, long start, int length, float* to)
    {
        var philox = new PhiloxLanes(random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
        ulong group = (ulong)start / PhiloxLanes.Elements;
        int i = 0;
        for (; i <= length - PhiloxLanes.Elements; i += PhiloxLanes.Elements)
        {
            TNoise.Group(philox, group++, to + i);
        }

        if (i < length)
        {
            float* last = stackalloc float[PhiloxLanes.Elements];
            TNoise.Group(philox, group, last);
            new ReadOnlySpan<float>(last, length - i).CopyTo(new Span<float>(to + i, length - i));
        }
    }

    protected override void Range(long start, int length, int worker) => Fill(random, stream, start, length, y + start);
}

/// <summary>y[e] = z(e).</summary>
internal sealed class NormalsHost(CpuDevice device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    : NoiseHost<NormalGroup>(device, count, stream, random, y)
{
    public override string Name => "Noise_Normals";
}

/// <summary>y[e] = 1 or -1.</summary>
internal sealed class SignsHost(CpuDevice device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    : NoiseHost<SignGroup>(device, count, stream, random, y)
{
    public override string Name => "Noise_Signs";
}

/// <summary>y = w + deviation[row] z: normals go through a buffer that stays in the first-level cache.</summary>
internal sealed unsafe class PerturbHost<TStored>(
    CpuDevice device, int rows, int columns, uint stream, BufferView<TStored> w, BufferView<float> deviation, BufferView<uint> random,
    BufferView<float> y)
    : RangeHost(device, (long)rows * columns)
    where TStored : unmanaged
{
    /// <summary>Normals made at a time; a multiple of 64.</summary>
    private const int Chunk = 1024;

    private readonly TStored* w = CpuDevice.Pointer(w);
    private readonly float* deviation = CpuDevice.Pointer(deviation);
    private readonly uint* random = CpuDevice.Pointer(random);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Noise_Perturb";

    protected override void Range(long start, int length, int worker)
    {
        var normals = (float*)Device.Scratch(worker);
        for (int done = 0; done < length; done += Chunk)
        {
            int size = Math.Min(Chunk, length - done);
            NormalsHost.Fill(random, stream, start + done, size, normals);
            long row = (start + done) / columns;
            var column = (int)((start + done) % columns);
            for (int i = 0; i < size; row++, column = 0)
            {
                int width = Math.Min(size - i, columns - column);
                long at = start + done + i;
                AddScaled(w + at, deviation[row], normals + i, y + at, width);
                i += width;
            }
        }
    }

    private static void AddScaled(TStored* weights, float factor, float* normals, float* to, int width)
    {
        Vector512<float> factors = Vector512.Create(factor);
        int j = 0;
        for (; j <= width - Lanes.Count; j += Lanes.Count)
        {
            Vector512.FusedMultiplyAdd(factors, Vector512.Load(normals + j), Stored.Load<Simd512, TStored>(weights + j)).Store(to + j);
        }

        for (; j < width; j++)
        {
            to[j] = MathF.FusedMultiplyAdd(factor, normals[j], Stored.Load(weights + j));
        }
    }
}

/// <summary>
/// Flat-LoRA's deviations; the squared norm cancels where an adapter undoes its weight, and is therefore added in float64.
/// </summary>
internal sealed unsafe class FlatDeviationHost(
    CpuDevice device, int slot, int rows, int columns, int rank, float rho, float loraScale,
    BufferView<float> aw, BufferView<float> b, BufferView<float> gram, BufferView<float> scalars, BufferView<float> deviation)
    : RowHost(device, rows, (rank + 2) * rank)
{
    private readonly float* aw = CpuDevice.Pointer(aw);
    private readonly float* b = CpuDevice.Pointer(b);
    private readonly float* gram = CpuDevice.Pointer(gram);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* deviation = CpuDevice.Pointer(deviation);

    public override string Name => "Noise_FlatDeviation";

    protected override void Row(int row, int worker)
    {
        float* factors = b + ((long)row * rank);
        double square = 0, cross = 0;
        for (int k = 0; k < rank; k++)
        {
            square += factors[k] * Lanes.Dot(gram + ((long)k * rank), factors, rank);
            cross += (double)factors[k] * aw[((long)k * Rows) + row];
        }

        double norm = deviation[row] + (2.0 * loraScale * cross) + ((double)loraScale * loraScale * square);
        deviation[row] = (float)(scalars[slot] * rho / Math.Sqrt(columns) * Math.Sqrt(Math.Max(0, norm)));
    }
}

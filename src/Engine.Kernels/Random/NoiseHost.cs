using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>y[e] = z(e), in groups of 64 elements.</summary>
internal sealed unsafe class NormalsHost(CpuDevice device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    : RangeHost(device, count)
{
    private readonly uint* random = CpuDevice.Pointer(random);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Noise_Normals";

    /// <summary>Writes the normals of elements <paramref name="start"/> (a multiple of 64) to start + length.</summary>
    [SkipLocalsInit]
    public static void Fill(uint* random, uint stream, long start, int length, float* to)
    {
        var philox = new PhiloxLanes(random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
        ulong group = (ulong)start / PhiloxLanes.Elements;
        int i = 0;
        for (; i <= length - PhiloxLanes.Elements; i += PhiloxLanes.Elements)
        {
            Group(philox, group++, to + i);
        }

        if (i < length)
        {
            float* last = stackalloc float[PhiloxLanes.Elements];
            Group(philox, group, last);
            new ReadOnlySpan<float>(last, length - i).CopyTo(new Span<float>(to + i, length - i));
        }
    }

    protected override void Range(long start, int length, int worker) => Fill(random, stream, start, length, y + start);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Group(PhiloxLanes philox, ulong group, float* to)
    {
        philox.Words(group, out Vector512<uint> word0, out Vector512<uint> word1, out Vector512<uint> word2, out Vector512<uint> word3);
        (Vector512<float> z0, Vector512<float> z1) = BoxMuller.Normals(word0, word1);
        (Vector512<float> z2, Vector512<float> z3) = BoxMuller.Normals(word2, word3);
        PhiloxLanes.Store(z0, z1, z2, z3, to);
    }
}

/// <summary>y = w + deviation[row] z: normals go through a buffer that stays in the first-level cache.</summary>
internal sealed unsafe class PerturbHost<TStored>(
    CpuDevice device, int rows, int columns, uint stream, BufferView<TStored> w, BufferView<float> deviation, BufferView<uint> random, BufferView<float> y)
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

/// <summary>Flat-LoRA's deviations; the squared norm cancels where an adapter undoes its weight, and is therefore added in float64.</summary>
internal sealed unsafe class FlatDeviationHost(
    CpuDevice device, int rows, int columns, int rank, float rho, float loraScale,
    BufferView<float> baseNorm, BufferView<float> aw, BufferView<float> b, BufferView<float> gram, BufferView<float> scalars, BufferView<float> deviation)
    : RowHost(device, rows, (rank + 2) * rank)
{
    private readonly float* baseNorm = CpuDevice.Pointer(baseNorm);
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

        double norm = baseNorm[row] + (2.0 * loraScale * cross) + ((double)loraScale * loraScale * square);
        deviation[row] = (float)(scalars[StepScalars.MethodFactor] * rho / Math.Sqrt(columns) * Math.Sqrt(Math.Max(0, norm)));
    }
}

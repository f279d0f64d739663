using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Host work on the chunks of a table, a chunk a piece.</summary>
internal abstract class SegmentHost(CpuDevice device, SegmentTable table) : HostLaunch(device), IHostBody
{
    protected SegmentTable Table => table;

    void IHostBody.Run(int piece, int worker) => Chunk(piece, table.Chunks[piece]);

    protected override void Execute(HostThreads threads) => threads.For(table.Chunks.Length, this);

    protected abstract void Chunk(int index, SegmentChunk chunk);
}

/// <summary>A float64 partial sum for each chunk, then each segment's in their order.</summary>
internal abstract unsafe class SegmentSumHost(CpuDevice device, SegmentTable table, BufferView<float> workspace, BufferView<float> result)
    : SegmentHost(device, table)
{
    private readonly float* partial = CpuDevice.Pointer(workspace);
    private readonly float* result = CpuDevice.Pointer(result);

    protected sealed override void Execute(HostThreads threads)
    {
        base.Execute(threads);
        for (int segment = 0; segment < Table.SegmentCount; segment++)
        {
            double sum = 0;
            for (int chunk = Table.ChunkStart[segment]; chunk < Table.ChunkStart[segment + 1]; chunk++)
            {
                sum += ((double*)partial)[chunk];
            }

            result[segment] = (float)sum;
        }
    }

    protected sealed override void Chunk(int index, SegmentChunk chunk) => ((double*)partial)[index] = Sum(chunk);

    protected abstract double Sum(SegmentChunk chunk);
}

internal sealed unsafe class SegmentDotsHost(
    CpuDevice device,
    SegmentTable table,
    BufferView<float> x,
    bool xPacked,
    BufferView<float> y,
    bool yPacked,
    BufferView<float> workspace,
    BufferView<float> result)
    : SegmentSumHost(device, table, workspace, result)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* y = CpuDevice.Pointer(y);

    public override string Name => "Segments_Dots";

    protected override double Sum(SegmentChunk chunk) =>
        Lanes.Dot(x + (xPacked ? chunk.Packed : chunk.First), y + (yPacked ? chunk.Packed : chunk.First), chunk.Count);
}

internal sealed unsafe class AdaptiveNormsHost(
    CpuDevice device, SegmentTable table, float eta, BufferView<float> w, BufferView<float> g, BufferView<float> workspace,
    BufferView<float> result)
    : SegmentSumHost(device, table, workspace, result)
{
    private readonly float* w = CpuDevice.Pointer(w);
    private readonly float* g = CpuDevice.Pointer(g);

    public override string Name => "Segments_AdaptiveNorms";

    protected override double Sum(SegmentChunk chunk)
    {
        float* from = g + chunk.First;
        if (!chunk.Scaled)
        {
            return Lanes.Dot(from, from, chunk.Count);
        }

        float* weights = w + chunk.First;
        double sum = 0;
        for (int i = 0; i < chunk.Count; i += Lanes.Count)
        {
            int rest = Math.Min(Lanes.Count, chunk.Count - i);
            Vector512<float> term =
                (Vector512.Abs(Lanes.LoadPartial(weights + i, rest)) + Vector512.Create(eta)) * Lanes.LoadPartial(from + i, rest);
            sum += Lanes.Sum(term * term);
        }

        return sum;
    }
}

/// <summary>A map of sixteen elements at a time; what it does not write it leaves as it is.</summary>
internal interface ISegmentMap
{
    static virtual bool ReadsGradient => false;

    static virtual bool UsesPacked => true;

    static abstract void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed);
}

/// <summary>One pass over run, packed and gradient, as far as the map uses them.</summary>
internal sealed unsafe class SegmentMapHost<TMap>(
    CpuDevice device, SegmentTable table, float eta, BufferView<float> factors, BufferView<float> run, BufferView<float> packed,
    BufferView<float> gradient)
    : SegmentHost(device, table)
    where TMap : struct, ISegmentMap
{
    private readonly float* factors = Pointer(factors);
    private readonly float* run = CpuDevice.Pointer(run);
    private readonly float* packed = Pointer(packed);
    private readonly float* gradient = Pointer(gradient);

    public override string Name => $"Segments_{typeof(TMap).Name}";

    protected override void Chunk(int index, SegmentChunk chunk)
    {
        Vector512<float> factor = Vector512.Create(factors == null ? 0f : factors[chunk.Segment]);
        for (int i = 0; i < chunk.Count; i += Lanes.Count)
        {
            int rest = Math.Min(Lanes.Count, chunk.Count - i);
            float* to = run + chunk.First + i;
            float* copy = packed + chunk.Packed + i;
            Vector512<float> values = Lanes.LoadPartial(to, rest);
            Vector512<float> saved = TMap.UsesPacked ? Lanes.LoadPartial(copy, rest) : default;
            Vector512<float> slope = TMap.ReadsGradient ? Lanes.LoadPartial(gradient + chunk.First + i, rest) : default;
            Vector512<float> t = chunk.Scaled ? Vector512.Abs(values) + Vector512.Create(eta) : Vector512<float>.One;
            TMap.Apply(factor, t, slope, ref values, ref saved);
            Lanes.StorePartial(values, to, rest);
            if (TMap.UsesPacked)
            {
                Lanes.StorePartial(saved, copy, rest);
            }
        }
    }

    private static float* Pointer(BufferView<float> view) => view.Buffer is null ? null : CpuDevice.Pointer(view);
}

internal readonly struct PerturbSegments : ISegmentMap
{
    public static bool ReadsGradient => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed)
    {
        packed = run;
        run = Vector512.FusedMultiplyAdd(factor, gradient, run);
    }
}

internal readonly struct PerturbAdaptiveSegments : ISegmentMap
{
    public static bool ReadsGradient => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed)
    {
        packed = run;
        run = Vector512.FusedMultiplyAdd(factor, t * t * gradient, run);
    }
}

internal readonly struct RestoreSegments : ISegmentMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed) =>
        run = packed;
}

internal readonly struct SaveSegments : ISegmentMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed) =>
        packed = run;
}

internal readonly struct CombineSegments : ISegmentMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed) =>
        packed = Vector512.FusedMultiplyAdd(factor, packed, run);
}

internal readonly struct AddPackedSegments : ISegmentMap
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed) =>
        run = Vector512.FusedMultiplyAdd(factor, packed, run);
}

internal readonly struct ScaleSegments : ISegmentMap
{
    public static bool UsesPacked => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Apply(
        Vector512<float> factor, Vector512<float> t, Vector512<float> gradient, ref Vector512<float> run, ref Vector512<float> packed) =>
        run *= factor;
}

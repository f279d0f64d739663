namespace Engine.Kernels;

/// <summary>What <see cref="Segments.Map"/> does to every element, with its segment's factor f.</summary>
public enum SegmentMap
{
    /// <summary>packed = run; run += f gradient: saves the weights and perturbs them.</summary>
    Perturb,

    /// <summary>packed = run; run += f t^2 gradient with ASAM's t = |run| + eta (1 where the segment is not scaled).</summary>
    PerturbAdaptive,

    /// <summary>run = packed.</summary>
    Restore,

    /// <summary>packed = run.</summary>
    Save,

    /// <summary>packed = run + f packed.</summary>
    Combine,

    /// <summary>run += f packed.</summary>
    AddPacked,

    /// <summary>run *= f.</summary>
    Scale,
}

/// <summary>
/// Work on many tensors of a run of memory in one launch. A run's operand is indexed as the table says; a packed operand holds the segments
/// alone, one after another.
/// </summary>
internal static class Segments
{
    /// <summary>Elements of workspace of <see cref="Dots"/> and <see cref="AdaptiveNorms"/>.</summary>
    public static long Workspace(SegmentTable table) => 2L * table.Chunks.Length;

    /// <summary>result[s] = sum over segment s of x y. x and y are runs, or packed. words: the device's table.</summary>
    public static Launch[] Dots(
        Device device, SegmentTable table, BufferView<int> words, BufferView<float> x, bool xPacked, BufferView<float> y, bool yPacked,
        BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(words, table.WordCount);
        Operand.Require(x, xPacked ? table.PackedCount : table.RunCount);
        Operand.Require(y, yPacked ? table.PackedCount : table.RunCount);
        Operand.Require(workspace, Workspace(table));
        Operand.Require(result, table.SegmentCount);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new SegmentDotsHost(cpu, table, x, xPacked, y, yPacked, workspace, result)];
        }

        return
        [
            SegmentsKernels.DotChunksKernel.Bind(
                device, new LaunchShape(table.Chunks.Length, LaunchShapes.SingleGroup), words, x, y, workspace, table.SegmentCount, xPacked,
                yPacked, LaunchShapes.SingleGroup)
                .Moves(ChunkBytes(table, x.Buffer == y.Buffer && x.ByteOffset == y.ByteOffset ? 1 : 2)),
            SegmentsKernels.TotalsKernel.Bind(
                device, LaunchShapes.Elements(device, table.SegmentCount), words, workspace, result, table.SegmentCount),
        ];
    }

    /// <summary>
    /// result[s] = sum over segment s of ((|w| + eta) g)^2, ASAM's squared norm; sum of g^2 where the segment is not scaled. w, g are runs.
    /// </summary>
    public static Launch[] AdaptiveNorms(
        Device device, SegmentTable table, BufferView<int> words, float eta, BufferView<float> w, BufferView<float> g,
        BufferView<float> workspace, BufferView<float> result)
    {
        Operand.Require(words, table.WordCount);
        Operand.Require(w, table.RunCount);
        Operand.Require(g, table.RunCount);
        Operand.Require(workspace, Workspace(table));
        Operand.Require(result, table.SegmentCount);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return [new AdaptiveNormsHost(cpu, table, eta, w, g, workspace, result)];
        }

        return
        [
            SegmentsKernels.AdaptiveNormChunksKernel.Bind(
                device, new LaunchShape(table.Chunks.Length, LaunchShapes.SingleGroup), words, w, g, workspace, table.SegmentCount,
                eta, LaunchShapes.SingleGroup)
                .Moves(ChunkBytes(table, 2)),
            SegmentsKernels.TotalsKernel.Bind(
                device, LaunchShapes.Elements(device, table.SegmentCount), words, workspace, result, table.SegmentCount),
        ];
    }

    /// <summary>Bytes of the segments' elements that a map reads and writes.</summary>
    internal static long MapBytes(SegmentTable table, SegmentMap map) => sizeof(float) * (long)table.PackedCount * map switch
    {
        SegmentMap.Perturb or SegmentMap.PerturbAdaptive => 4,
        SegmentMap.Combine or SegmentMap.AddPacked => 3,
        _ => 2,
    };

    /// <summary>What the sums of chunks read of the table and of this many operands, and the sums.</summary>
    private static long ChunkBytes(SegmentTable table, long operands) =>
        sizeof(float) * ((operands * table.PackedCount) + table.Chunks.Length + table.WordCount);

    /// <summary>
    /// What <paramref name="map"/> says, for every element of every segment. factors [segments]; operands that the map does not read may be
    /// <c>default</c>.
    /// </summary>
    public static Launch Map(
        Device device, SegmentTable table, BufferView<int> words, SegmentMap map, float eta,
        BufferView<float> factors, BufferView<float> run, BufferView<float> packed, BufferView<float> gradient)
    {
        Operand.Require(words, table.WordCount);
        Operand.Require(run, table.RunCount);
        if (map is not (SegmentMap.Restore or SegmentMap.Save))
        {
            Operand.Require(factors, table.SegmentCount);
        }

        if (map != SegmentMap.Scale)
        {
            Operand.Require(packed, table.PackedCount);
        }

        if (map is SegmentMap.Perturb or SegmentMap.PerturbAdaptive)
        {
            Operand.Require(gradient, table.RunCount);
        }

        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return map switch
            {
                SegmentMap.Perturb => new SegmentMapHost<PerturbSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.PerturbAdaptive => new SegmentMapHost<PerturbAdaptiveSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.Restore => new SegmentMapHost<RestoreSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.Save => new SegmentMapHost<SaveSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.Combine => new SegmentMapHost<CombineSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.AddPacked => new SegmentMapHost<AddPackedSegments>(cpu, table, eta, factors, run, packed, gradient),
                SegmentMap.Scale => new SegmentMapHost<ScaleSegments>(cpu, table, eta, factors, run, packed, gradient),
                _ => throw new ArgumentOutOfRangeException(nameof(map), map, "unknown map"),
            };
        }

        return SegmentsKernels.MapKernel.Bind(
            device, new LaunchShape(table.Chunks.Length, LaunchShapes.SingleGroup), words, factors, run, packed, gradient,
            table.SegmentCount, eta, map)
            .Moves(MapBytes(table, map) + (sizeof(float) * ((long)table.SegmentCount + table.WordCount)));
    }
}

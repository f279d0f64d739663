namespace Engine.Kernels;

/// <summary>Work on many tensors at once, one group a chunk of the table.</summary>
internal static partial class SegmentsKernels
{
    /// <summary>workspace[chunk] = the sum of its x y.</summary>
    [Kernel]
    public static void DotChunks(
        ArrayView<int> words, ArrayView<float> x, ArrayView<float> y, ArrayView<float> workspace, int segments,
        [Specialize] bool xPacked, [Specialize] bool yPacked, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        long entry = segments + 1 + ((long)SegmentTable.ChunkWords * Grid.IdxX);
        int first = words[entry + 1];
        int count = words[entry + 2];
        int packed = words[entry + 3];
        int xFirst = xPacked ? packed : first;
        int yFirst = yPacked ? packed : first;
        float terms = 0f;
        for (int i = Group.IdxX; i < count; i += groupSize)
        {
            terms += x[(long)xFirst + i] * y[(long)yFirst + i];
        }

        float sum = GroupReductions.Sum(tile, terms, groupSize);
        if (Group.IdxX == 0)
        {
            workspace[Grid.IdxX] = sum;
        }
    }

    /// <summary>workspace[chunk] = the sum of its ((|w| + eta) g)^2, or g^2 where the segment is not scaled.</summary>
    [Kernel]
    public static void AdaptiveNormChunks(
        ArrayView<int> words, ArrayView<float> w, ArrayView<float> g, ArrayView<float> workspace, int segments, float eta,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        long entry = segments + 1 + ((long)SegmentTable.ChunkWords * Grid.IdxX);
        int first = words[entry + 1];
        int count = words[entry + 2];
        int scaled = words[entry + 4];
        float terms = 0f;
        for (int i = Group.IdxX; i < count; i += groupSize)
        {
            float t = scaled == 0 ? 1f : MathF.Abs(w[(long)first + i]) + eta;
            float term = t * g[(long)first + i];
            terms += term * term;
        }

        float sum = GroupReductions.Sum(tile, terms, groupSize);
        if (Group.IdxX == 0)
        {
            workspace[Grid.IdxX] = sum;
        }
    }

    /// <summary>One item a segment: the sum of its chunks' sums, in their order.</summary>
    [Kernel]
    public static void Totals(ArrayView<int> words, ArrayView<float> workspace, ArrayView<float> result, int segments)
    {
        int segment = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (segment < segments)
        {
            int last = words[segment + 1];
            float sum = 0f;
            for (int chunk = words[segment]; chunk < last; chunk++)
            {
                sum += workspace[chunk];
            }

            result[segment] = sum;
        }
    }

    /// <summary>The map of every element of a chunk.</summary>
    [Kernel]
    public static void Map(
        ArrayView<int> words, ArrayView<float> factors, ArrayView<float> run, ArrayView<float> packed, ArrayView<float> gradient,
        int segments, float eta, [Specialize] SegmentMap map)
    {
        long entry = segments + 1 + ((long)SegmentTable.ChunkWords * Grid.IdxX);
        int segment = words[entry];
        int count = words[entry + 2];
        long first = words[entry + 1];
        long copy = words[entry + 3];
        int scaled = words[entry + 4];
        float factor = 0f;
        if (map != SegmentMap.Restore && map != SegmentMap.Save)
        {
            factor = factors[segment];
        }

        for (int i = Group.IdxX; i < count; i += Group.DimX)
        {
            if (map == SegmentMap.Perturb)
            {
                float w = run[first + i];
                packed[copy + i] = w;
                run[first + i] = KernelMath.FusedMultiplyAdd(factor, gradient[first + i], w);
            }

            if (map == SegmentMap.PerturbAdaptive)
            {
                float w = run[first + i];
                float t = scaled == 0 ? 1f : MathF.Abs(w) + eta;
                packed[copy + i] = w;
                run[first + i] = KernelMath.FusedMultiplyAdd(factor, t * t * gradient[first + i], w);
            }

            if (map == SegmentMap.Restore)
            {
                run[first + i] = packed[copy + i];
            }

            if (map == SegmentMap.Save)
            {
                packed[copy + i] = run[first + i];
            }

            if (map == SegmentMap.Combine)
            {
                packed[copy + i] = KernelMath.FusedMultiplyAdd(factor, packed[copy + i], run[first + i]);
            }

            if (map == SegmentMap.AddPacked)
            {
                run[first + i] = KernelMath.FusedMultiplyAdd(factor, packed[copy + i], run[first + i]);
            }

            if (map == SegmentMap.Scale)
            {
                run[first + i] = factor * run[first + i];
            }
        }
    }
}

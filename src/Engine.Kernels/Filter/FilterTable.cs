namespace Engine.Kernels;

/// <summary>A low-pass filter of a matrix: y[i, j] = sum over (a, b) of kernel[a, b] x[i + a, j + first + b].</summary>
/// <param name="Ranks">Rows i of the matrix, which are periodic; the kernel has one of them, or as many.</param>
/// <param name="Length">Places j of the matrix.</param>
/// <param name="IsTransposed">The matrix lies in memory as [length, ranks], else as [ranks, length].</param>
/// <param name="Kernel">The weights, [1 or ranks, taps].</param>
/// <param name="Taps">Places of j that a sum reads.</param>
/// <param name="First">The first of them, as seen from j.</param>
/// <param name="IsPeriodic">
/// Beyond its ends the matrix goes on from the other one, else by its mirror image, the edge twice: x1 x0 | x0 x1.
/// </param>
internal sealed record MatrixFilter(int Ranks, int Length, bool IsTransposed, float[] Kernel, int Taps, int First, bool IsPeriodic)
{
    /// <summary>Leaves a vector as it is.</summary>
    public static MatrixFilter None(int count) => new(1, count, false, [1f], 1, 0, true);

    /// <summary>Elements of the matrix.</summary>
    public int Count => checked(Ranks * Length);
}

/// <summary>The filters of the tensors of a run of memory, one a segment, so that one launch serves all of them.</summary>
internal sealed class FilterTable
{
    /// <summary>int32 of a segment's row.</summary>
    internal const int Width = 10;

    internal const int FirstSlot = 0;
    internal const int RanksSlot = 1;
    internal const int LengthSlot = 2;
    internal const int RankStrideSlot = 3;
    internal const int LengthStrideSlot = 4;
    internal const int KernelSlot = 5;
    internal const int KernelRowsSlot = 6;
    internal const int TapsSlot = 7;
    internal const int OffsetSlot = 8;
    internal const int PeriodicSlot = 9;

    /// <param name="segments">Where each tensor lies in the run.</param>
    /// <param name="filters">One for each segment, of as many elements.</param>
    public FilterTable(IReadOnlyList<Segment> segments, IReadOnlyList<MatrixFilter> filters)
    {
        if (segments.Count != filters.Count)
        {
            throw new ArgumentException(
                $"There are {segments.Count} segments and {filters.Count} filters; one for each was expected.", nameof(filters));
        }

        Segments = new SegmentTable(segments);
        Filters = filters;
        var data = new List<int>(Width * filters.Count);
        var kernels = new List<float>();
        foreach ((Segment segment, MatrixFilter filter) in segments.Zip(filters))
        {
            int rows = filter.Taps > 0 ? filter.Kernel.Length / filter.Taps : 0;
            if (filter.Count != segment.Count || (rows != 1 && rows != filter.Ranks) || rows * filter.Taps != filter.Kernel.Length)
            {
                throw new ArgumentException(
                    $"A filter of [{filter.Ranks}, {filter.Length}] with {filter.Kernel.Length} weights in {filter.Taps} taps does not fit "
                    + $"a segment of {segment.Count} elements.", nameof(filters));
            }

            data.AddRange(
            [
                segment.First, filter.Ranks, filter.Length,
                filter.IsTransposed ? 1 : filter.Length, filter.IsTransposed ? filter.Ranks : 1,
                kernels.Count, rows, filter.Taps, filter.First, filter.IsPeriodic ? 1 : 0,
            ]);
            kernels.AddRange(filter.Kernel);
        }

        Data = [.. data];
        Kernels = [.. kernels];
    }

    /// <summary>The tensors.</summary>
    public SegmentTable Segments { get; }

    /// <summary>The filters by segment.</summary>
    public IReadOnlyList<MatrixFilter> Filters { get; }

    /// <summary>What kernels read of the filters, int32 [segments, <see cref="Width"/>].</summary>
    public int[] Data { get; }

    /// <summary>The weights of all filters.</summary>
    public float[] Kernels { get; }
}

namespace Engine.Kernels;

/// <summary>One pair of low-rank factors in a run of parameters: B [rows, rank], A [rank, columns], their product scaled.</summary>
/// <param name="A">Offset of A in the run, in elements.</param>
/// <param name="B">Offset of B in the run.</param>
/// <param name="Direction">Offset of the pair's [rows, rank] in a run that holds a matrix of B's shape for every pair.</param>
/// <param name="Rows">m, the layer's outputs.</param>
/// <param name="Columns">n, the layer's inputs.</param>
/// <param name="Rank">r, at most <see cref="LowRank.LargestRank"/>.</param>
/// <param name="Scale">s of s B A.</param>
internal readonly record struct LowRankPair(int A, int B, int Direction, int Rows, int Columns, int Rank, float Scale);

/// <summary>
/// Where the pairs of all layers lie, as kernels read it: a row of <see cref="Width"/> int32 for each, so that one launch serves every
/// layer whatever the shapes.
/// </summary>
internal sealed class LowRankTable
{
    /// <summary>int32 of a row.</summary>
    public const int Width = 8;

    internal const int ASlot = 0;
    internal const int BSlot = 1;
    internal const int DirectionSlot = 2;
    internal const int RowsSlot = 3;
    internal const int ColumnsSlot = 4;
    internal const int RankSlot = 5;
    internal const int ScaleSlot = 6;

    /// <param name="pairs">One or more pairs.</param>
    public LowRankTable(IReadOnlyList<LowRankPair> pairs)
    {
        if (pairs.Count == 0 || pairs.Any(pair => pair.Rank < 1 || pair.Rank > LowRank.LargestRank))
        {
            throw new ArgumentException($"A table needs pairs of ranks from 1 to {LowRank.LargestRank}.", nameof(pairs));
        }

        Pairs = pairs;
        LargestRank = pairs.Max(pair => pair.Rank);
        LargestFactor = pairs.Max(pair => Math.Max((long)pair.Rows, pair.Columns) * pair.Rank);
        DirectionCount = pairs.Max(pair => pair.Direction + ((long)pair.Rows * pair.Rank));
        RunCount = pairs.Max(pair => Math.Max(pair.A + ((long)pair.Rank * pair.Columns), pair.B + ((long)pair.Rows * pair.Rank)));
        Data = [.. pairs.SelectMany(pair => (int[])
            [pair.A, pair.B, pair.Direction, pair.Rows, pair.Columns, pair.Rank, BitConverter.SingleToInt32Bits(pair.Scale), 0])];
    }

    public IReadOnlyList<LowRankPair> Pairs { get; }

    /// <summary>The table's content, int32 [pairs, <see cref="Width"/>].</summary>
    public int[] Data { get; }

    /// <summary>Elements of a run that holds a matrix of B's shape for every pair.</summary>
    public long DirectionCount { get; }

    /// <summary>Elements the run of parameters has at least.</summary>
    public long RunCount { get; }

    internal int LargestRank { get; }

    /// <summary>Elements of the largest A or B.</summary>
    internal long LargestFactor { get; }
}

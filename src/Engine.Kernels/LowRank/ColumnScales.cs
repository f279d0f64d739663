namespace Engine.Kernels;

/// <summary>How a layer's columns were scaled, as <see cref="ColumnScaling.Solve"/> decides it.</summary>
internal enum ScalingBranch
{
    /// <summary>Not at all: B is zero, the learning rate is, or the step's gradients are not finite.</summary>
    Skipped,

    /// <summary>Every column of B and every row of A by a factor of its own.</summary>
    Columns,

    /// <summary>B by one factor and A by another.</summary>
    Scalars,

    /// <summary>Not at all: neither system has a positive solution.</summary>
    NoSolution,
}

/// <summary>
/// What <see cref="ColumnScaling.Solve"/> writes of every layer, R the table's largest rank: alpha [R], beta [R], what each column's
/// product b_k a_k is multiplied by when it is merged [R], the solution v [2 R], of which the first 2 r are used, and the branch.
/// </summary>
/// <param name="values">The scales of all layers as they were read.</param>
/// <param name="layer">The layer's place in the table.</param>
internal readonly ref struct ColumnScales(LowRankTable table, ReadOnlySpan<float> values, int layer)
{
    internal const int AlphaSlot = 0;
    internal const int BetaSlot = 1;
    internal const int MergeSlot = 2;
    internal const int SolutionSlot = 3;
    internal const int BranchSlot = 5;

    private readonly ReadOnlySpan<float> values = values.Slice(
        checked((int)Offset(layer, AlphaSlot, table.LargestRank)), (int)Stride(table.LargestRank));
    private readonly int rank = table.Pairs[layer].Rank;
    private readonly int largestRank = table.LargestRank;

    /// <summary>What B's columns are multiplied by [r].</summary>
    public ReadOnlySpan<float> Alpha => values.Slice(AlphaSlot * largestRank, rank);

    /// <summary>What A's rows are multiplied by [r].</summary>
    public ReadOnlySpan<float> Beta => values.Slice(BetaSlot * largestRank, rank);

    /// <summary>v of the column system [2 r], whether or not it was taken.</summary>
    public ReadOnlySpan<float> Solution => values.Slice(SolutionSlot * largestRank, 2 * rank);

    public ScalingBranch Branch => (ScalingBranch)values[BranchSlot * largestRank];

    /// <summary>Elements of the scales of all layers.</summary>
    public static long Count(LowRankTable table) => Stride(table.LargestRank) * table.Pairs.Count;

    /// <summary>Where a part of a layer's scales starts.</summary>
    internal static long Offset(int layer, int slot, int largestRank) => (layer * Stride(largestRank)) + ((long)slot * largestRank);

    private static long Stride(int largestRank) => (BranchSlot * (long)largestRank) + 1;
}

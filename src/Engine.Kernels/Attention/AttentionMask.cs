namespace Engine.Kernels;

/// <summary>What attention's kernels share: which keys a query sees, and the dropout of its weights.</summary>
internal static class AttentionMask
{
    /// <summary>Keys of the segment that a query sees.</summary>
    public static int VisibleKeys(ArrayView<int> queryPosition, int query, int keys, [Specialize] bool causal) =>
        causal ? Math.Min(Math.Max(queryPosition[query] + 1, 0), keys) : keys;

    /// <summary>Keys of the segment that any of these queries sees.</summary>
    public static int VisibleKeys(ArrayView<int> queryPosition, int firstQuery, int queries, int keys, [Specialize] bool causal)
    {
        if (!causal)
        {
            return keys;
        }

        int visible = 0;
        for (int i = 0; i < queries; i++)
        {
            visible = Math.Max(visible, VisibleKeys(queryPosition, firstQuery + i, keys, causal));
        }

        return visible;
    }

    /// <summary>The dropout factor of one element of the mask.</summary>
    public static float Factor(long element, AttentionInputs of)
    {
        PhiloxWords words = Philox.Block(
            (ulong)(element / 4), of.Random[RandomState.SeedLow], of.Random[RandomState.SeedHigh], of.Stream, of.Random[RandomState.Step]);
        int lane = (int)(element % 4);
        uint word = lane == 0 ? words.X : lane == 1 ? words.Y : lane == 2 ? words.Z : words.W;
        return word >= of.Threshold ? of.Factor : 0f;
    }
}

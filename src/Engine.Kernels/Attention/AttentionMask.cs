namespace Engine.Kernels;

/// <summary>
/// What attention's kernels share: which keys a query sees, the cap of its scores, where their bias lies, and the dropout of its weights.
/// </summary>
internal static class AttentionMask
{
    /// <summary>The first key of the segment that a query sees; those behind it see none before, since positions rise.</summary>
    public static int FirstKey(ArrayView<int> queryPosition, int query, [Specialize] int window) =>
        window > 0 ? Math.Max(queryPosition[query] - window + 1, 0) : 0;

    /// <summary>The end of the keys of the segment that a query sees.</summary>
    public static int VisibleKeys(
        ArrayView<int> queryPosition, int query, int keys, [Specialize] bool causal, [Specialize] int window) =>
        causal ? Math.Min(Math.Max(queryPosition[query] + 1, 0), keys)
        : window > 0 ? Math.Min(Math.Max(queryPosition[query] + window, 0), keys)
        : keys;

    /// <summary>The end of the keys of the segment that any of these queries sees.</summary>
    public static int VisibleKeys(
        ArrayView<int> queryPosition, int firstQuery, int queries, int keys, [Specialize] bool causal, [Specialize] int window)
    {
        if (!causal && window == 0)
        {
            return keys;
        }

        int visible = 0;
        for (int i = 0; i < queries; i++)
        {
            visible = Math.Max(visible, VisibleKeys(queryPosition, firstQuery + i, keys, causal, window));
        }

        return visible;
    }

    /// <summary>A soft cap as kernels take it, a constant: the bits of its float32; 0 for none.</summary>
    public static int CapBits(float cap) => BitConverter.SingleToInt32Bits(cap);

    /// <summary>A scaled score under the cap: cap tanh(score / cap).</summary>
    public static float Capped(float score, [Specialize] int softCap)
    {
        if (softCap == 0)
        {
            return score;
        }

        float cap = BitConverter.Int32BitsToSingle(softCap);
        return cap * KernelMath.Tanh(score / cap);
    }

    /// <summary>The derivative of a capped score by the score: 1 - tanh^2.</summary>
    public static float CapSlope(float capped, [Specialize] int softCap)
    {
        float tanh = capped / BitConverter.Int32BitsToSingle(softCap);
        return KernelMath.FusedMultiplyAdd(-tanh, tanh, 1f);
    }

    /// <summary>The element of the bias that a query of a head has for its segment's first key.</summary>
    public static long BiasRow(AttentionInputs of, int head, int query) =>
        (((long)head * of.BiasQueries) + of.BiasPosition[query]) * of.BiasKeys;

    /// <summary>Of a segment's queries from <paramref name="from"/> on the first at a position or behind it.</summary>
    public static int FirstAt(ArrayView<int> positions, int from, int end, int position)
    {
        while (from < end)
        {
            int middle = from + ((end - from) / 2);
            if (positions[middle] < position)
            {
                from = middle + 1;
            }
            else
            {
                end = middle;
            }
        }

        return from;
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

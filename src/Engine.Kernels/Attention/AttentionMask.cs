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

    /// <summary>The dropout factors of a query's weights of keys first to first + count - 1, each to factors[i * step].</summary>
    /// <param name="element">The mask's element of key 0.</param>
    public static void Factors(
        long element, int first, int count, ArrayView<uint> random, uint stream, uint threshold, float factor, ArrayView<float> factors, int at, int step)
    {
        long from = element + first;
        long end = from + count;
        for (long block = from / 4; block * 4 < end; block++)
        {
            PhiloxWords words = Philox.Block((ulong)block, random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
            for (int lane = 0; lane < 4; lane++)
            {
                long i = (block * 4) + lane - from;
                if (i >= 0 && i < count)
                {
                    uint word = lane == 0 ? words.X : lane == 1 ? words.Y : lane == 2 ? words.Z : words.W;
                    factors[at + ((int)i * step)] = word >= threshold ? factor : 0f;
                }
            }
        }
    }

    /// <summary>The dropout factor of one element of the mask.</summary>
    public static float Factor(long element, ArrayView<uint> random, uint stream, uint threshold, float factor)
    {
        PhiloxWords words = Philox.Block((ulong)(element / 4), random[RandomState.SeedLow], random[RandomState.SeedHigh], stream, random[RandomState.Step]);
        int lane = (int)(element % 4);
        uint word = lane == 0 ? words.X : lane == 1 ? words.Y : lane == 2 ? words.Z : words.W;
        return word >= threshold ? factor : 0f;
    }
}

namespace Engine.Kernels;

/// <summary>The forward pass on GPUs: a group is a block of 64 queries of one head, which meets the segment's keys 64 at a time.</summary>
internal static partial class AttentionForwardGroups
{
    public static Launch Bind(Device device, AttentionShape shape, AttentionViews views)
    {
        return ForwardKernel.Bind(
            device,
            new LaunchShape(
                Math.Max(1, (shape.MaxQueryLength + GroupTiles.Tile - 1) / GroupTiles.Tile), shape.Heads, shape.Rows + 1,
                GroupTiles.GroupSize),
            AttentionInputs.Of(shape, views), views.Output, views.LogSumExp,
            shape.HeadSize, Columns(shape), shape.Causal, shape.Dropout > 0f,
            shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
            .Computes(2 * shape.PairOperations);
    }

    /// <summary>Columns of a result's row that one item holds.</summary>
    public static int Columns(AttentionShape shape) => (shape.HeadSize + GroupTiles.Side - 1) / GroupTiles.Side;

    /// <summary>A block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Forward(
        AttentionInputs of,
        ArrayView<float> output,
        ArrayView<float> logSumExp,
        [Specialize] int headSize,
        [Specialize(Most = GroupTiles.MostColumns)] int columns,
        [Specialize] bool causal,
        [Specialize] bool dropout,
        [Specialize] int window,
        [Specialize] int softCap,
        [Specialize] bool bias)
    {
        ArrayView<float> left = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> right = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> values = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Side * columns);
        ArrayView<float> weights = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> partial = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Side);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> result = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        ArrayView<float> maximum = LocalMemory.Allocate<float>(GroupTiles.Sums);
        ArrayView<float> sum = LocalMemory.Allocate<float>(GroupTiles.Sums);
        int heads = Grid.DimY;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        GroupQueries block = GroupQueries.Of(of, GroupTiles.Tile, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(output, of.QueryStart[of.Rows], of.QueryTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(logSumExp, of.QueryStart[of.Rows], of.QueryTokens, heads, block.Head, 1);
        }

        for (int i = 0; i < GroupTiles.Sums; i++)
        {
            maximum[i] = float.NegativeInfinity;
            sum[i] = 0f;
        }

        for (int i = 0; i < GroupTiles.Sums * columns; i++)
        {
            result[i] = 0f;
        }

        for (int first = block.FirstKey; first < block.Visible; first += GroupTiles.Tile)
        {
            int count = Math.Min(GroupTiles.Tile, block.Visible - first);
            long at = block.KeyAt + (first * block.KeyStride);
            GroupTiles.RowProducts(
                of.Q, block.At, block.Stride, block.Count, of.K, at, block.KeyStride, count, left, right, scores, headSize);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                int query = itemRow + (i * GroupTiles.Side);
                int seen = query < block.Count
                    ? AttentionMask.VisibleKeys(of.QueryPosition, block.First + query, block.Keys, causal, window) - first
                    : 0;
                int from = query < block.Count && window > 0
                    ? AttentionMask.FirstKey(of.QueryPosition, block.First + query, window) - first
                    : 0;
                long row = bias && query < block.Count ? AttentionMask.BiasRow(of, block.Head, block.First + query) : 0;
                float largest = float.NegativeInfinity;
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    int key = itemColumn + (j * GroupTiles.Side);
                    int at4 = (i * GroupTiles.Sums) + j;
                    scores[at4] = key < seen && key < count
                        ? AttentionMask.Capped(of.Scale * scores[at4], softCap)
                        : float.NegativeInfinity;
                    if (bias && key < seen && key < count)
                    {
                        scores[at4] += of.Bias[row + first + key];
                    }

                    if (window > 0 && key < from)
                    {
                        scores[at4] = float.NegativeInfinity;
                    }

                    largest = MathF.Max(largest, scores[at4]);
                }

                partial[(query * GroupTiles.Side) + itemColumn] = largest;
            }

            Group.Barrier();
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                int query = itemRow + (i * GroupTiles.Side);
                float largest = maximum[i];
                for (int j = 0; j < GroupTiles.Side; j++)
                {
                    largest = MathF.Max(largest, partial[(query * GroupTiles.Side) + j]);
                }

                // 0 in place of the maximum of a query that has seen no key leaves weights of 0. One that sees none of the first keys sees
                // none at all; in a window it may see later ones, and then has no maximum yet.
                float highest = largest;
                largest = largest == float.NegativeInfinity ? 0f : largest;
                float shrink = KernelMath.Exp(maximum[i] - largest);
                maximum[i] = window > 0 ? highest : largest;
                sum[i] *= shrink;
                for (int j = 0; j < columns; j++)
                {
                    result[(i * columns) + j] *= shrink;
                }

                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    weights[(query * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)] =
                        KernelMath.Exp(scores[(i * GroupTiles.Sums) + j] - largest);
                }
            }

            Group.Barrier();
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                for (int j = 0; j < GroupTiles.Tile; j++)
                {
                    sum[i] += weights[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + j];
                }
            }

            if (dropout)
            {
                Group.Barrier();
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    int query = itemRow + (i * GroupTiles.Side);
                    long element = ((((long)block.First + query) * heads) + block.Head) * of.DropoutPitch;
                    for (int j = 0; j < GroupTiles.Sums; j++)
                    {
                        int key = itemColumn + (j * GroupTiles.Side);
                        weights[(query * GroupTiles.Pitch) + key] *= AttentionMask.Factor(element + first + key, of);
                    }
                }

                Group.Barrier();
            }

            GroupTiles.Combine(weights, of.V, at, block.KeyStride, count, values, result, headSize, columns);
        }

        for (int i = 0; i < GroupTiles.Sums; i++)
        {
            int query = itemRow + (i * GroupTiles.Side);
            bool any = sum[i] != 0f;
            float inverse = any ? 1f / sum[i] : 0f;
            for (int j = 0; j < columns; j++)
            {
                result[(i * columns) + j] *= inverse;
            }

            if (query < block.Count && itemColumn == 0)
            {
                logSumExp[(((long)block.First + query) * heads) + block.Head] = any ? maximum[i] + KernelMath.Log(sum[i]) : 0f;
            }
        }

        GroupTiles.Store(result, output, block.At, block.Stride, block.Count, headSize, columns);
    }
}

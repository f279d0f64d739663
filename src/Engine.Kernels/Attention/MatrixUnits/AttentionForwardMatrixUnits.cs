namespace Engine.Kernels;

/// <summary>
/// The forward pass on matrix units: a group is a block of 64 queries of one head, which meets the segment's keys 64 at a time. Queries,
/// keys, values and weights are rounded to the type of the products; scores, softmax and sums are float32.
/// </summary>
internal static partial class AttentionForwardMatrixUnits
{
    public static Launch Bind(Device device, AttentionShape shape, AttentionViews views) =>
        shape.Products == ElementType.Float16 ? Bind<Half>(device, shape, views) : Bind<BFloat16>(device, shape, views);

    private static Launch Bind<TTile>(Device device, AttentionShape shape, AttentionViews views)
        where TTile : unmanaged => ForwardKernel.Bind<TTile>(
            device,
            new LaunchShape(AttentionBackwardGroups.Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, AttentionTiles.GroupSize),
            AttentionInputs.Of(shape, views), views.Output, views.LogSumExp,
            shape.HeadSize, AttentionTiles.Tiles(shape.HeadSize), shape.Causal, shape.Dropout > 0f,
            shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
            .Computes(2 * shape.PairOperations);

    /// <summary>A block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Forward<TTile>(
        AttentionInputs of,
        ArrayView<float> output,
        ArrayView<float> logSumExp,
        [Specialize] int headSize,
        [Specialize(Most = AttentionTiles.MostTiles)] int tiles,
        [Specialize] bool causal,
        [Specialize] bool dropout,
        [Specialize] int window,
        [Specialize] int softCap,
        [Specialize] bool bias)
        where TTile : unmanaged
    {
        ArrayView<TTile> operands = SharedMemory.Allocate<TTile>(AttentionTiles.OperandSize);
        ArrayView<TTile> weights = SharedMemory.Allocate<TTile>(AttentionTiles.WeightSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<float> maximum = SharedMemory.Allocate<float>(MatrixBlocks.Block);
        ArrayView<float> sum = SharedMemory.Allocate<float>(MatrixBlocks.Block);
        ArrayView<float> shrink = SharedMemory.Allocate<float>(MatrixBlocks.Block);
        ArrayView<TileSum> result = LocalMemory.Allocate<TileSum>(tiles);
        int heads = Grid.DimY;
        int item = Group.IdxX;
        GroupQueries block = GroupQueries.Of(of, MatrixBlocks.Block, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(output, of.QueryStart[of.Rows], of.QueryTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(logSumExp, of.QueryStart[of.Rows], of.QueryTokens, heads, block.Head, 1);
        }

        MatrixBlocks.Clear(result, tiles);
        if (item < MatrixBlocks.Block)
        {
            maximum[item] = float.NegativeInfinity;
            sum[item] = 0f;
        }

        for (int first = block.FirstKey; first < block.Visible; first += MatrixBlocks.Block)
        {
            int count = Math.Min(MatrixBlocks.Block, block.Visible - first);
            long at = block.KeyAt + (first * block.KeyStride);
            AttentionTiles.RowProducts(
                of.Q, block.At, block.Stride, block.Count, of.K, at, block.KeyStride, count, operands, scores, headSize);
            if (bias)
            {
                for (int i = item; i < MatrixBlocks.Block * MatrixBlocks.Block; i += AttentionTiles.GroupSize)
                {
                    int query = i / MatrixBlocks.Block;
                    int key = i % MatrixBlocks.Block;
                    int score = (query * MatrixBlocks.ProductPitch) + key;
                    if (query < block.Count && key < count)
                    {
                        scores[score] = AttentionMask.Capped(of.Scale * scores[score], softCap)
                            + of.Bias[AttentionMask.BiasRow(of, block.Head, block.First + query) + first + key];
                    }
                }

                Group.Barrier();
            }

            if (item < MatrixBlocks.Block)
            {
                int seen = item < block.Count
                    ? Math.Min(count, AttentionMask.VisibleKeys(of.QueryPosition, block.First + item, block.Keys, causal, window) - first)
                    : 0;
                int from = item < block.Count && window > 0
                    ? Math.Max(AttentionMask.FirstKey(of.QueryPosition, block.First + item, window) - first, 0)
                    : 0;
                float largest = maximum[item];
                for (int key = from; key < seen; key++)
                {
                    float score = scores[(item * MatrixBlocks.ProductPitch) + key];
                    largest = MathF.Max(largest, bias ? score : AttentionMask.Capped(of.Scale * score, softCap));
                }

                // 0 in place of the maximum of a query that has seen no key leaves weights of 0. One that sees none of the first keys sees
                // none at all; in a window it may see later ones, and then has no maximum yet.
                float highest = largest;
                largest = largest == float.NegativeInfinity ? 0f : largest;
                shrink[item] = KernelMath.Exp(maximum[item] - largest);
                maximum[item] = window > 0 ? highest : largest;
                sum[item] *= shrink[item];
            }

            Group.Barrier();
            for (int i = item; i < MatrixBlocks.Block * MatrixBlocks.Block; i += AttentionTiles.GroupSize)
            {
                int query = i / MatrixBlocks.Block;
                int key = i % MatrixBlocks.Block;
                int score = (query * MatrixBlocks.ProductPitch) + key;
                int seen = query < block.Count
                    ? Math.Min(count, AttentionMask.VisibleKeys(of.QueryPosition, block.First + query, block.Keys, causal, window) - first)
                    : 0;
                bool sees = key < seen
                    && (window == 0 || key >= AttentionMask.FirstKey(of.QueryPosition, block.First + query, window) - first);
                float weight = KernelMath.Exp(
                    sees
                        ? (bias ? scores[score] : AttentionMask.Capped(of.Scale * scores[score], softCap)) - maximum[query]
                        : float.NegativeInfinity);
                scores[score] = weight;
                if (dropout)
                {
                    weight *= AttentionMask.Factor(
                        (((((long)block.First + query) * heads) + block.Head) * of.DropoutPitch) + first + key, of);
                }

                Storage.Store(weights, (query * AttentionTiles.WeightPitch) + key, weight);
            }

            Group.Barrier();
            if (item < MatrixBlocks.Block)
            {
                for (int key = 0; key < MatrixBlocks.Block; key++)
                {
                    sum[item] += scores[(item * MatrixBlocks.ProductPitch) + key];
                }
            }

            AttentionTiles.ScaleRows(result, shrink, tiles);
            AttentionTiles.Combine(weights, of.V, at, block.KeyStride, count, operands, result, headSize, tiles);
        }

        if (item < MatrixBlocks.Block)
        {
            bool any = sum[item] != 0f;
            shrink[item] = any ? 1f / sum[item] : 0f;
            if (item < block.Count)
            {
                logSumExp[(((long)block.First + item) * heads) + block.Head] = any ? maximum[item] + KernelMath.Log(sum[item]) : 0f;
            }
        }

        Group.Barrier();
        AttentionTiles.ScaleRows(result, shrink, tiles);
        AttentionTiles.Store(result, scores, output, block.At, block.Stride, block.Count, headSize, tiles);
    }
}

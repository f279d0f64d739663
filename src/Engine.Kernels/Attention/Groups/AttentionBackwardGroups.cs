namespace Engine.Kernels;

/// <summary>
/// The backward pass on GPUs: each row's output times its gradient, which softmax's gradient subtracts, goes to the workspace; then the
/// weights are made again twice, by blocks of queries for dq and by blocks of keys for dk and dv. Every gradient is summed by one group, in a fixed order.
/// </summary>
internal static partial class AttentionBackwardGroups
{
    /// <summary>Elements of workspace: one for each query token and head.</summary>
    public static long Workspace(AttentionShape shape) => (long)shape.QueryTokens * shape.Heads;

    public static Launch[] Bind(Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots)
    {
        return
        [
            BindDots(device, shape, views, gradients, dots),
            QueriesKernel.Bind(
                device, new LaunchShape(Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, GroupTiles.GroupSize),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dq, views.Random ?? default, shape.Rows, shape.QueryTokens, shape.KeyValueHeads, shape.DropoutPitch, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionForwardGroups.Columns(shape), shape.Causal, shape.Dropout > 0f),
            KeysKernel.Bind(
                device, new LaunchShape(Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, GroupTiles.GroupSize),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dk, gradients.Dv, views.Random ?? default, shape.Rows, shape.KeyTokens, shape.Heads, shape.DropoutPitch, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionForwardGroups.Columns(shape), shape.Causal, shape.Dropout > 0f),
        ];
    }

    /// <summary>The first launch, which both forms for GPUs begin with.</summary>
    public static Launch BindDots(Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots) =>
        DotsKernel.Bind(device, LaunchShapes.Elements(device, Workspace(shape)), views.Output, gradients.OutputGradient, dots, Workspace(shape), shape.HeadSize);

    /// <summary>Blocks of 64 that cover a length; one at least, which clears the dead tail.</summary>
    public static int Blocks(int length) => Math.Max(1, (length + GroupTiles.Tile - 1) / GroupTiles.Tile);

    /// <summary>dots[row] = the sum of output times its gradient over the row's elements; a row is a token's head. One item a row.</summary>
    [Kernel]
    public static void Dots(ArrayView<float> output, ArrayView<float> outputGradient, ArrayView<float> dots, long rows, int headSize)
    {
        long row = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            float dot = 0f;
            for (long i = row * headSize; i < (row + 1) * headSize; i++)
            {
                dot = KernelMath.FusedMultiplyAdd(output[i], outputGradient[i], dot);
            }

            dots[row] = dot;
        }
    }

    /// <summary>dq of a block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Queries(
        ArrayView<float> q,
        ArrayView<float> k,
        ArrayView<float> v,
        ArrayView<int> queryStart,
        ArrayView<int> keyStart,
        ArrayView<int> queryPosition,
        ArrayView<float> logSumExp,
        ArrayView<float> outputGradient,
        ArrayView<float> dots,
        ArrayView<float> dq,
        ArrayView<uint> random,
        int rows,
        int queryTokens,
        int keyValueHeads,
        int dropoutPitch,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize(Most = GroupTiles.MostColumns)] int columns,
        [Specialize] bool causal,
        [Specialize] bool dropout)
    {
        ArrayView<float> left = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> right = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> keyRows = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Side * columns);
        ArrayView<float> tile = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> result = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        int heads = Grid.DimY;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        GroupQueries block = GroupQueries.Of(queryStart, keyStart, queryPosition, rows, keyValueHeads, GroupTiles.Tile, headSize, causal);
        if (Grid.IdxZ == rows)
        {
            GroupTiles.Clear(dq, queryStart[rows], queryTokens, block.Stride, block.Head * headSize, headSize);
        }

        for (int i = 0; i < GroupTiles.Sums * columns; i++)
        {
            result[i] = 0f;
        }

        for (int first = 0; first < block.Visible; first += GroupTiles.Tile)
        {
            int count = Math.Min(GroupTiles.Tile, block.Visible - first);
            long at = block.KeyAt + (first * block.KeyStride);
            GroupTiles.RowProducts(q, block.At, block.Stride, block.Count, k, at, block.KeyStride, count, left, right, scores, headSize);
            GroupTiles.RowProducts(outputGradient, block.At, block.Stride, block.Count, v, at, block.KeyStride, count, left, right, gradients, headSize);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                int query = itemRow + (i * GroupTiles.Side);
                SoftmaxRow row = SoftmaxRow.Of(
                    queryPosition, logSumExp, dots, block.First + query, query < block.Count, block.Head, heads, block.Keys, dropoutPitch, causal);
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    int key = itemColumn + (j * GroupTiles.Side);
                    int score = (i * GroupTiles.Sums) + j;
                    tile[(query * GroupTiles.Pitch) + key] =
                        SoftmaxGradient.Of(row, first + key, scores[score], gradients[score], scale, random, stream, threshold, factor, dropout).Score;
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, k, at, block.KeyStride, count, keyRows, result, headSize, columns);
        }

        GroupTiles.Store(result, dq, block.At, block.Stride, block.Count, headSize, columns);
    }

    /// <summary>dk and dv of a block of keys (group x) of a key/value head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Keys(
        ArrayView<float> q,
        ArrayView<float> k,
        ArrayView<float> v,
        ArrayView<int> queryStart,
        ArrayView<int> keyStart,
        ArrayView<int> queryPosition,
        ArrayView<float> logSumExp,
        ArrayView<float> outputGradient,
        ArrayView<float> dots,
        ArrayView<float> dk,
        ArrayView<float> dv,
        ArrayView<uint> random,
        int rows,
        int keyTokens,
        int heads,
        int dropoutPitch,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize(Most = GroupTiles.MostColumns)] int columns,
        [Specialize] bool causal,
        [Specialize] bool dropout)
    {
        ArrayView<float> left = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> right = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> queryRows = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Side * columns);
        ArrayView<float> tile = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> keyGradient = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        ArrayView<float> valueGradient = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        GroupKeys block = GroupKeys.Of(queryStart, keyStart, queryPosition, rows, heads, GroupTiles.Tile, headSize, causal);
        if (Grid.IdxZ == rows)
        {
            GroupTiles.Clear(dk, keyStart[rows], keyTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(dv, keyStart[rows], keyTokens, block.Stride, block.Head * headSize, headSize);
        }

        for (int i = 0; i < GroupTiles.Sums * columns; i++)
        {
            keyGradient[i] = 0f;
            valueGradient[i] = 0f;
        }

        for (int pass = 0; pass < block.QueryHeads * block.QueryBlocks; pass++)
        {
            int head = (block.Head * block.QueryHeads) + (pass / block.QueryBlocks);
            int query = block.FirstQuery + (pass % block.QueryBlocks * GroupTiles.Tile);
            int queries = Math.Min(GroupTiles.Tile, block.QueryEnd - query);

            // Rows of the tiles are keys here, columns queries.
            long at = (query * block.QueryStride) + (head * headSize);
            GroupTiles.RowProducts(k, block.At, block.Stride, block.Count, q, at, block.QueryStride, queries, left, right, scores, headSize);
            GroupTiles.RowProducts(v, block.At, block.Stride, block.Count, outputGradient, at, block.QueryStride, queries, left, right, gradients, headSize);
            for (int j = 0; j < GroupTiles.Sums; j++)
            {
                int column = itemColumn + (j * GroupTiles.Side);
                SoftmaxRow row = SoftmaxRow.Of(queryPosition, logSumExp, dots, query + column, column < queries, head, heads, block.Keys, dropoutPitch, causal);
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    int key = itemRow + (i * GroupTiles.Side);
                    int score = (i * GroupTiles.Sums) + j;
                    SoftmaxGradient step = SoftmaxGradient.Of(row, block.First + key, scores[score], gradients[score], scale, random, stream, threshold, factor, dropout);
                    tile[(key * GroupTiles.Pitch) + column] = step.Weight;
                    gradients[score] = step.Score;
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, outputGradient, at, block.QueryStride, queries, queryRows, valueGradient, headSize, columns);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    tile[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)] = gradients[(i * GroupTiles.Sums) + j];
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, q, at, block.QueryStride, queries, queryRows, keyGradient, headSize, columns);
        }

        GroupTiles.Store(keyGradient, dk, block.At, block.Stride, block.Count, headSize, columns);
        GroupTiles.Store(valueGradient, dv, block.At, block.Stride, block.Count, headSize, columns);
    }
}

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
                gradients.OutputGradient, dots, gradients.Dq, views.Random ?? default, shape.Rows, shape.QueryTokens, shape.KeyValueHeads, shape.MaxKeyLength, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionForwardGroups.Columns(shape), shape.Causal, shape.Dropout > 0f),
            KeysKernel.Bind(
                device, new LaunchShape(Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, GroupTiles.GroupSize),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dk, gradients.Dv, views.Random ?? default, shape.Rows, shape.KeyTokens, shape.Heads, shape.MaxKeyLength, shape.Scale,
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
                dot = MathF.FusedMultiplyAdd(output[i], outputGradient[i], dot);
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
        int maxKeyLength,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize] int columns,
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
        int head = Grid.IdxY;
        int row = Grid.IdxZ;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)keyValueHeads * headSize;
        int query0 = queryStart[row];
        if (row == rows)
        {
            GroupTiles.Clear(dq, query0, queryTokens, queryStride, head * headSize, headSize);
        }

        query0 += Grid.IdxX * GroupTiles.Tile;
        int queries = row == rows ? 0 : Math.Min(GroupTiles.Tile, queryStart[row + 1] - query0);
        int key0 = keyStart[row];
        int keys = row == rows ? 0 : keyStart[row + 1] - key0;
        int visible = AttentionMask.VisibleKeys(queryPosition, query0, queries, keys, causal);
        visible = queries > 0 ? visible : 0;
        long queryAt = (query0 * queryStride) + (head * headSize);
        for (int i = 0; i < GroupTiles.Sums * columns; i++)
        {
            result[i] = 0f;
        }

        for (int first = 0; first < visible; first += GroupTiles.Tile)
        {
            int count = Math.Min(GroupTiles.Tile, visible - first);
            long at = ((key0 + first) * keyStride) + (head / (heads / keyValueHeads) * headSize);
            GroupTiles.RowProducts(q, queryAt, queryStride, queries, k, at, keyStride, count, left, right, scores, headSize);
            GroupTiles.RowProducts(outputGradient, queryAt, queryStride, queries, v, at, keyStride, count, left, right, gradients, headSize);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                int query = itemRow + (i * GroupTiles.Side);
                bool inside = query < queries;
                int seen = inside ? AttentionMask.VisibleKeys(queryPosition, query0 + query, keys, causal) - first : 0;
                long token = (((long)query0 + query) * heads) + head;
                float denominator = inside ? logSumExp[token] : 0f;
                float dot = inside ? dots[token] : 0f;
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    int key = itemColumn + (j * GroupTiles.Side);
                    float weight = MathF.Exp(key < seen && key < count ? (scale * scores[(i * GroupTiles.Sums) + j]) - denominator : float.NegativeInfinity);
                    float kept = dropout ? AttentionMask.Factor((token * maxKeyLength) + first + key, random, stream, threshold, factor) : 1f;
                    tile[(query * GroupTiles.Pitch) + key] = weight * scale * ((gradients[(i * GroupTiles.Sums) + j] * kept) - dot);
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, k, at, keyStride, count, keyRows, result, headSize, columns);
        }

        GroupTiles.Store(result, dq, queryAt, queryStride, queries, headSize, columns);
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
        int maxKeyLength,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize] int columns,
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
        int keyHead = Grid.IdxY;
        int groupSize = heads / Grid.DimY;
        int row = Grid.IdxZ;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)Grid.DimY * headSize;
        int key0 = keyStart[row];
        if (row == rows)
        {
            GroupTiles.Clear(dk, key0, keyTokens, keyStride, keyHead * headSize, headSize);
            GroupTiles.Clear(dv, key0, keyTokens, keyStride, keyHead * headSize, headSize);
        }

        int first = Grid.IdxX * GroupTiles.Tile;
        int keys = row == rows ? 0 : keyStart[row + 1] - key0;
        int count = Math.Min(GroupTiles.Tile, keys - first);
        int query0 = queryStart[row];
        int queryEnd = row == rows || count <= 0 ? query0 : queryStart[row + 1];
        long keyAt = ((key0 + first) * keyStride) + (keyHead * headSize);
        for (int i = 0; i < GroupTiles.Sums * columns; i++)
        {
            keyGradient[i] = 0f;
            valueGradient[i] = 0f;
        }

        // Blocks of queries before the first that sees one of these keys are left out, for every head alike.
        while (query0 < queryEnd
            && AttentionMask.VisibleKeys(queryPosition, query0, Math.Min(GroupTiles.Tile, queryEnd - query0), keys, causal) <= first)
        {
            query0 += GroupTiles.Tile;
        }

        int blocks = Math.Max(0, (queryEnd - query0 + GroupTiles.Tile - 1) / GroupTiles.Tile);
        for (int pass = 0; pass < groupSize * blocks; pass++)
        {
            int head = (keyHead * groupSize) + (pass / blocks);
            int query = query0 + (pass % blocks * GroupTiles.Tile);
            int queries = Math.Min(GroupTiles.Tile, queryEnd - query);

            // Rows of the tiles are keys here, columns queries.
            long at = (query * queryStride) + (head * headSize);
            GroupTiles.RowProducts(k, keyAt, keyStride, count, q, at, queryStride, queries, left, right, scores, headSize);
            GroupTiles.RowProducts(v, keyAt, keyStride, count, outputGradient, at, queryStride, queries, left, right, gradients, headSize);
            for (int j = 0; j < GroupTiles.Sums; j++)
            {
                int column = itemColumn + (j * GroupTiles.Side);
                bool inside = column < queries;
                int seen = inside ? AttentionMask.VisibleKeys(queryPosition, query + column, keys, causal) - first : 0;
                long token = (((long)query + column) * heads) + head;
                float denominator = inside ? logSumExp[token] : 0f;
                float dot = inside ? dots[token] : 0f;
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    int key = itemRow + (i * GroupTiles.Side);
                    float weight = MathF.Exp(key < seen && key < count ? (scale * scores[(i * GroupTiles.Sums) + j]) - denominator : float.NegativeInfinity);
                    float kept = dropout ? AttentionMask.Factor((token * maxKeyLength) + first + key, random, stream, threshold, factor) : 1f;
                    tile[(key * GroupTiles.Pitch) + column] = weight * kept;
                    gradients[(i * GroupTiles.Sums) + j] = weight * scale * ((gradients[(i * GroupTiles.Sums) + j] * kept) - dot);
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, outputGradient, at, queryStride, queries, queryRows, valueGradient, headSize, columns);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    tile[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)] = gradients[(i * GroupTiles.Sums) + j];
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, q, at, queryStride, queries, queryRows, keyGradient, headSize, columns);
        }

        GroupTiles.Store(keyGradient, dk, keyAt, keyStride, count, headSize, columns);
        GroupTiles.Store(valueGradient, dv, keyAt, keyStride, count, headSize, columns);
    }
}

namespace Engine.Kernels;

/// <summary>
/// The backward pass on matrix units, laid out as <see cref="AttentionBackwardGroups"/>: by blocks of queries for dq, by blocks of keys for dk and dv. Operands of every product, weights and their
/// gradients too, are rounded to the type of the products; everything between is float32.
/// </summary>
internal static partial class AttentionBackwardMatrixUnits
{
    public static Launch[] Bind(Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots) =>
        shape.Products == ElementType.Float16 ? Bind<Half>(device, shape, views, gradients, dots) : Bind<BFloat16>(device, shape, views, gradients, dots);

    private static Launch[] Bind<TTile>(Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots)
        where TTile : unmanaged =>
        [
            AttentionBackwardGroups.BindDots(device, shape, views, gradients, dots),
            QueriesKernel.Bind<TTile>(
                device, new LaunchShape(AttentionBackwardGroups.Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, MatrixBlocks.GroupSize(device)),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dq, views.Random ?? default, shape.Rows, shape.QueryTokens, shape.KeyValueHeads, shape.MaxKeyLength, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionTiles.ItemElements(device), shape.Causal, shape.Dropout > 0f),
            KeysKernel.Bind<TTile>(
                device, new LaunchShape(AttentionBackwardGroups.Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, MatrixBlocks.GroupSize(device)),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dk, gradients.Dv, views.Random ?? default, shape.Rows, shape.KeyTokens, shape.Heads, shape.MaxKeyLength, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionTiles.ItemElements(device), shape.Causal, shape.Dropout > 0f),
        ];

    /// <summary>dq of a block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Queries<TTile>(
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
        [Specialize] int elements,
        [Specialize] bool causal,
        [Specialize] bool dropout)
        where TTile : unmanaged
    {
        ArrayView<TTile> operands = SharedMemory.Allocate<TTile>(AttentionTiles.OperandSize);
        ArrayView<TTile> weights = SharedMemory.Allocate<TTile>(AttentionTiles.WeightSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<float> own = LocalMemory.Allocate<float>(elements);
        ArrayView<TileSum> result = LocalMemory.Allocate<TileSum>((headSize + Tile.Size - 1) / Tile.Size);
        int heads = Grid.DimY;
        int head = Grid.IdxY;
        int row = Grid.IdxZ;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)keyValueHeads * headSize;
        int query0 = queryStart[row];
        if (row == rows)
        {
            GroupTiles.Clear(dq, query0, queryTokens, queryStride, head * headSize, headSize);
        }

        query0 += Grid.IdxX * MatrixBlocks.Block;
        int queries = row == rows ? 0 : Math.Min(MatrixBlocks.Block, queryStart[row + 1] - query0);
        int key0 = keyStart[row];
        int keys = row == rows ? 0 : keyStart[row + 1] - key0;
        int visible = AttentionMask.VisibleKeys(queryPosition, query0, queries, keys, causal);
        visible = queries > 0 ? visible : 0;
        long queryAt = (query0 * queryStride) + (head * headSize);
        MatrixBlocks.Clear(result, (headSize + Tile.Size - 1) / Tile.Size);
        for (int first = 0; first < visible; first += MatrixBlocks.Block)
        {
            int count = Math.Min(MatrixBlocks.Block, visible - first);
            long at = ((key0 + first) * keyStride) + (head / (heads / keyValueHeads) * headSize);
            AttentionTiles.RowProducts(q, queryAt, queryStride, queries, k, at, keyStride, count, operands, scores, headSize);
            AttentionTiles.Take(scores, own, elements);
            AttentionTiles.RowProducts(outputGradient, queryAt, queryStride, queries, v, at, keyStride, count, operands, scores, headSize);
            for (int n = 0; n < elements; n++)
            {
                int i = Group.IdxX + (n * Group.DimX);
                int query = i / MatrixBlocks.Block;
                int key = i % MatrixBlocks.Block;
                bool inside = query < queries;
                int seen = inside ? Math.Min(count, AttentionMask.VisibleKeys(queryPosition, query0 + query, keys, causal) - first) : 0;
                long token = (((long)query0 + query) * heads) + head;
                float denominator = inside ? logSumExp[token] : 0f;
                float dot = inside ? dots[token] : 0f;
                float weight = MathF.Exp(key < seen ? (scale * own[n]) - denominator : float.NegativeInfinity);
                float kept = dropout ? AttentionMask.Factor((token * maxKeyLength) + first + key, random, stream, threshold, factor) : 1f;
                Storage.Store(
                    weights, (query * AttentionTiles.WeightPitch) + key, weight * scale * ((scores[(query * MatrixBlocks.ProductPitch) + key] * kept) - dot));
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, k, at, keyStride, count, operands, result, headSize);
        }

        AttentionTiles.Store(result, scores, dq, queryAt, queryStride, queries, headSize);
    }

    /// <summary>dk and dv of a block of keys (group x) of a key/value head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Keys<TTile>(
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
        [Specialize] int elements,
        [Specialize] bool causal,
        [Specialize] bool dropout)
        where TTile : unmanaged
    {
        ArrayView<TTile> operands = SharedMemory.Allocate<TTile>(AttentionTiles.OperandSize);
        ArrayView<TTile> weights = SharedMemory.Allocate<TTile>(AttentionTiles.WeightSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<float> own = LocalMemory.Allocate<float>(elements);
        ArrayView<TileSum> keyGradient = LocalMemory.Allocate<TileSum>((headSize + Tile.Size - 1) / Tile.Size);
        ArrayView<TileSum> valueGradient = LocalMemory.Allocate<TileSum>((headSize + Tile.Size - 1) / Tile.Size);
        int keyHead = Grid.IdxY;
        int groupSize = heads / Grid.DimY;
        int row = Grid.IdxZ;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)Grid.DimY * headSize;
        int key0 = keyStart[row];
        if (row == rows)
        {
            GroupTiles.Clear(dk, key0, keyTokens, keyStride, keyHead * headSize, headSize);
            GroupTiles.Clear(dv, key0, keyTokens, keyStride, keyHead * headSize, headSize);
        }

        int first = Grid.IdxX * MatrixBlocks.Block;
        int keys = row == rows ? 0 : keyStart[row + 1] - key0;
        int count = Math.Min(MatrixBlocks.Block, keys - first);
        int query0 = queryStart[row];
        int queryEnd = row == rows || count <= 0 ? query0 : queryStart[row + 1];
        long keyAt = ((key0 + first) * keyStride) + (keyHead * headSize);
        MatrixBlocks.Clear(keyGradient, (headSize + Tile.Size - 1) / Tile.Size);
        MatrixBlocks.Clear(valueGradient, (headSize + Tile.Size - 1) / Tile.Size);

        // Blocks of queries before the first that sees one of these keys are left out, for every head alike.
        while (query0 < queryEnd
            && AttentionMask.VisibleKeys(queryPosition, query0, Math.Min(MatrixBlocks.Block, queryEnd - query0), keys, causal) <= first)
        {
            query0 += MatrixBlocks.Block;
        }

        int blocks = Math.Max(0, (queryEnd - query0 + MatrixBlocks.Block - 1) / MatrixBlocks.Block);
        for (int pass = 0; pass < groupSize * blocks; pass++)
        {
            int head = (keyHead * groupSize) + (pass / blocks);
            int query = query0 + (pass % blocks * MatrixBlocks.Block);
            int queries = Math.Min(MatrixBlocks.Block, queryEnd - query);

            // Rows of the blocks are keys here, columns queries.
            long at = (query * queryStride) + (head * headSize);
            AttentionTiles.RowProducts(k, keyAt, keyStride, count, q, at, queryStride, queries, operands, scores, headSize);
            AttentionTiles.Take(scores, own, elements);
            AttentionTiles.RowProducts(v, keyAt, keyStride, count, outputGradient, at, queryStride, queries, operands, scores, headSize);
            for (int n = 0; n < elements; n++)
            {
                int i = Group.IdxX + (n * Group.DimX);
                int key = i / MatrixBlocks.Block;
                int column = i % MatrixBlocks.Block;
                bool inside = column < queries;
                int seen = inside ? Math.Min(count, AttentionMask.VisibleKeys(queryPosition, query + column, keys, causal) - first) : 0;
                long token = (((long)query + column) * heads) + head;
                float denominator = inside ? logSumExp[token] : 0f;
                float dot = inside ? dots[token] : 0f;
                float weight = MathF.Exp(key < seen ? (scale * own[n]) - denominator : float.NegativeInfinity);
                float kept = dropout ? AttentionMask.Factor((token * maxKeyLength) + first + key, random, stream, threshold, factor) : 1f;
                Storage.Store(weights, (key * AttentionTiles.WeightPitch) + column, weight * kept);
                own[n] = weight * scale * ((scores[(key * MatrixBlocks.ProductPitch) + column] * kept) - dot);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, outputGradient, at, queryStride, queries, operands, valueGradient, headSize);
            for (int n = 0; n < elements; n++)
            {
                int i = Group.IdxX + (n * Group.DimX);
                Storage.Store(weights, (i / MatrixBlocks.Block * AttentionTiles.WeightPitch) + (i % MatrixBlocks.Block), own[n]);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, q, at, queryStride, queries, operands, keyGradient, headSize);
        }

        AttentionTiles.Store(keyGradient, scores, dk, keyAt, keyStride, count, headSize);
        AttentionTiles.Store(valueGradient, scores, dv, keyAt, keyStride, count, headSize);
    }
}

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
                device, new LaunchShape(AttentionBackwardGroups.Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, AttentionTiles.GroupSize),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dq, views.Random ?? default, shape.Rows, shape.QueryTokens, shape.KeyValueHeads, shape.DropoutPitch, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionTiles.Tiles(shape.HeadSize), shape.Causal, shape.Dropout > 0f),
            KeysKernel.Bind<TTile>(
                device, new LaunchShape(AttentionBackwardGroups.Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, AttentionTiles.GroupSize),
                views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.LogSumExp,
                gradients.OutputGradient, dots, gradients.Dk, gradients.Dv, views.Random ?? default, shape.Rows, shape.KeyTokens, shape.Heads, shape.DropoutPitch, shape.Scale,
                shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
                shape.HeadSize, AttentionTiles.Tiles(shape.HeadSize), shape.Causal, shape.Dropout > 0f),
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
        int dropoutPitch,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize(Most = AttentionTiles.MostTiles)] int tiles,
        [Specialize] bool causal,
        [Specialize] bool dropout)
        where TTile : unmanaged
    {
        ArrayView<TTile> operands = SharedMemory.Allocate<TTile>(AttentionTiles.OperandSize);
        ArrayView<TTile> weights = SharedMemory.Allocate<TTile>(AttentionTiles.WeightSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<float> own = LocalMemory.Allocate<float>(AttentionTiles.ItemElements);
        ArrayView<TileSum> result = LocalMemory.Allocate<TileSum>(tiles);
        int heads = Grid.DimY;
        GroupQueries block = GroupQueries.Of(queryStart, keyStart, queryPosition, rows, keyValueHeads, MatrixBlocks.Block, headSize, causal);
        if (Grid.IdxZ == rows)
        {
            GroupTiles.Clear(dq, queryStart[rows], queryTokens, block.Stride, block.Head * headSize, headSize);
        }

        MatrixBlocks.Clear(result, tiles);
        for (int first = 0; first < block.Visible; first += MatrixBlocks.Block)
        {
            int count = Math.Min(MatrixBlocks.Block, block.Visible - first);
            long at = block.KeyAt + (first * block.KeyStride);
            AttentionTiles.RowProducts(q, block.At, block.Stride, block.Count, k, at, block.KeyStride, count, operands, scores, headSize);
            AttentionTiles.Take(scores, own);
            AttentionTiles.RowProducts(outputGradient, block.At, block.Stride, block.Count, v, at, block.KeyStride, count, operands, scores, headSize);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int query = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                int key = AttentionTiles.Column();
                SoftmaxRow row = SoftmaxRow.Of(
                    queryPosition, logSumExp, dots, block.First + query, query < block.Count, block.Head, heads, block.Keys, dropoutPitch, causal);
                SoftmaxGradient step = SoftmaxGradient.Of(
                    row, first + key, own[n], scores[(query * MatrixBlocks.ProductPitch) + key], scale, random, stream, threshold, factor, dropout);
                Storage.Store(weights, (query * AttentionTiles.WeightPitch) + key, step.Score);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, k, at, block.KeyStride, count, operands, result, headSize, tiles);
        }

        AttentionTiles.Store(result, scores, dq, block.At, block.Stride, block.Count, headSize, tiles);
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
        int dropoutPitch,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize(Most = AttentionTiles.MostTiles)] int tiles,
        [Specialize] bool causal,
        [Specialize] bool dropout)
        where TTile : unmanaged
    {
        ArrayView<TTile> operands = SharedMemory.Allocate<TTile>(AttentionTiles.OperandSize);
        ArrayView<TTile> weights = SharedMemory.Allocate<TTile>(AttentionTiles.WeightSize);
        ArrayView<float> scores = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<float> own = LocalMemory.Allocate<float>(AttentionTiles.ItemElements);
        ArrayView<TileSum> keyGradient = LocalMemory.Allocate<TileSum>(tiles);
        ArrayView<TileSum> valueGradient = LocalMemory.Allocate<TileSum>(tiles);
        GroupKeys block = GroupKeys.Of(queryStart, keyStart, queryPosition, rows, heads, MatrixBlocks.Block, headSize, causal);
        if (Grid.IdxZ == rows)
        {
            GroupTiles.Clear(dk, keyStart[rows], keyTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(dv, keyStart[rows], keyTokens, block.Stride, block.Head * headSize, headSize);
        }

        MatrixBlocks.Clear(keyGradient, tiles);
        MatrixBlocks.Clear(valueGradient, tiles);

        for (int pass = 0; pass < block.QueryHeads * block.QueryBlocks; pass++)
        {
            int head = (block.Head * block.QueryHeads) + (pass / block.QueryBlocks);
            int query = block.FirstQuery + (pass % block.QueryBlocks * MatrixBlocks.Block);
            int queries = Math.Min(MatrixBlocks.Block, block.QueryEnd - query);

            // Rows of the blocks are keys here, columns queries.
            long at = (query * block.QueryStride) + (head * headSize);
            AttentionTiles.RowProducts(k, block.At, block.Stride, block.Count, q, at, block.QueryStride, queries, operands, scores, headSize);
            AttentionTiles.Take(scores, own);
            AttentionTiles.RowProducts(v, block.At, block.Stride, block.Count, outputGradient, at, block.QueryStride, queries, operands, scores, headSize);
            int column = AttentionTiles.Column();
            SoftmaxRow row = SoftmaxRow.Of(queryPosition, logSumExp, dots, query + column, column < queries, head, heads, block.Keys, dropoutPitch, causal);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int key = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                SoftmaxGradient step = SoftmaxGradient.Of(
                    row, block.First + key, own[n], scores[(key * MatrixBlocks.ProductPitch) + column], scale, random, stream, threshold, factor, dropout);
                Storage.Store(weights, (key * AttentionTiles.WeightPitch) + column, step.Weight);
                own[n] = step.Score;
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, outputGradient, at, block.QueryStride, queries, operands, valueGradient, headSize, tiles);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int key = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                Storage.Store(weights, (key * AttentionTiles.WeightPitch) + column, own[n]);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, q, at, block.QueryStride, queries, operands, keyGradient, headSize, tiles);
        }

        AttentionTiles.Store(keyGradient, scores, dk, block.At, block.Stride, block.Count, headSize, tiles);
        AttentionTiles.Store(valueGradient, scores, dv, block.At, block.Stride, block.Count, headSize, tiles);
    }
}

namespace Engine.Kernels;

/// <summary>
/// The backward pass on matrix units, laid out as <see cref="AttentionBackwardGroups"/>: by blocks of queries for dq, by blocks of keys for
/// dk and dv. Operands of every product, weights and their gradients too, are rounded to the type of the products; everything between is
/// float32.
/// </summary>
internal static partial class AttentionBackwardMatrixUnits
{
    public static Launch[] Bind(
        Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots) =>
        shape.Products == ElementType.Float16
            ? Bind<Half>(device, shape, views, gradients, dots)
            : Bind<BFloat16>(device, shape, views, gradients, dots);

    private static Launch[] Bind<TTile>(
        Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots)
        where TTile : unmanaged =>
        [
            AttentionBackwardGroups.BindDots(device, shape, views.Output, gradients.OutputGradient, dots),
            QueriesKernel.Bind<TTile>(
                device, new LaunchShape(
                    AttentionBackwardGroups.Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, AttentionTiles.GroupSize),
                AttentionInputs.Of(shape, views), AttentionGradientInputs.Of(views, gradients.OutputGradient, dots), gradients.Dq,
                shape.HeadSize, AttentionTiles.Tiles(shape.HeadSize), shape.Causal, shape.Dropout > 0f,
                shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
                .Computes(3 * shape.PairOperations),
            KeysKernel.Bind<TTile>(
                device, new LaunchShape(
                    AttentionBackwardGroups.Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, AttentionTiles.GroupSize),
                AttentionInputs.Of(shape, views), AttentionGradientInputs.Of(views, gradients.OutputGradient, dots), gradients.Dk,
                gradients.Dv,
                shape.HeadSize, AttentionTiles.Tiles(shape.HeadSize), shape.Causal, shape.Dropout > 0f,
                shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
                .Computes(4 * shape.PairOperations),
        ];

    /// <summary>dq of a block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Queries<TTile>(
        AttentionInputs of,
        AttentionGradientInputs given,
        ArrayView<float> dq,
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
        ArrayView<float> own = LocalMemory.Allocate<float>(AttentionTiles.ItemElements);
        ArrayView<TileSum> result = LocalMemory.Allocate<TileSum>(tiles);
        int heads = Grid.DimY;
        GroupQueries block = GroupQueries.Of(of, MatrixBlocks.Block, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(dq, of.QueryStart[of.Rows], of.QueryTokens, block.Stride, block.Head * headSize, headSize);
        }

        MatrixBlocks.Clear(result, tiles);
        for (int first = block.FirstKey; first < block.Visible; first += MatrixBlocks.Block)
        {
            int count = Math.Min(MatrixBlocks.Block, block.Visible - first);
            long at = block.KeyAt + (first * block.KeyStride);
            AttentionTiles.RowProducts(
                of.Q, block.At, block.Stride, block.Count, of.K, at, block.KeyStride, count, operands, scores, headSize);
            AttentionTiles.Take(scores, own);
            AttentionTiles.RowProducts(
                given.OutputGradient, block.At, block.Stride, block.Count, of.V, at, block.KeyStride, count, operands, scores, headSize);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int query = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                int key = AttentionTiles.Column();
                SoftmaxRow row = SoftmaxRow.Of(
                    of, given, block.First + query, query < block.Count, block.Head, heads, block.Keys, causal, window, bias);
                SoftmaxGradient step = SoftmaxGradient.Of(
                    row, first + key, own[n], scores[(query * MatrixBlocks.ProductPitch) + key], of, dropout, window, softCap, bias);
                Storage.Store(weights, (query * AttentionTiles.WeightPitch) + key, step.Score);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, of.K, at, block.KeyStride, count, operands, result, headSize, tiles);
        }

        AttentionTiles.Store(result, scores, dq, block.At, block.Stride, block.Count, headSize, tiles);
    }

    /// <summary>
    /// dk and dv of a block of keys (group x) of a key/value head (group y) of a segment (group z); the last z is the dead tail.
    /// </summary>
    [Kernel]
    public static void Keys<TTile>(
        AttentionInputs of,
        AttentionGradientInputs given,
        ArrayView<float> dk,
        ArrayView<float> dv,
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
        ArrayView<float> own = LocalMemory.Allocate<float>(AttentionTiles.ItemElements);
        ArrayView<TileSum> keyGradient = LocalMemory.Allocate<TileSum>(tiles);
        ArrayView<TileSum> valueGradient = LocalMemory.Allocate<TileSum>(tiles);
        GroupKeys block = GroupKeys.Of(of, MatrixBlocks.Block, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(dk, of.KeyStart[of.Rows], of.KeyTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(dv, of.KeyStart[of.Rows], of.KeyTokens, block.Stride, block.Head * headSize, headSize);
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
            AttentionTiles.RowProducts(
                of.K, block.At, block.Stride, block.Count, of.Q, at, block.QueryStride, queries, operands, scores, headSize);
            AttentionTiles.Take(scores, own);
            AttentionTiles.RowProducts(
                of.V, block.At, block.Stride, block.Count, given.OutputGradient, at, block.QueryStride, queries, operands,
                scores, headSize);
            int column = AttentionTiles.Column();
            SoftmaxRow row = SoftmaxRow.Of(of, given, query + column, column < queries, head, of.Heads, block.Keys, causal, window, bias);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int key = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                SoftmaxGradient step = SoftmaxGradient.Of(
                    row, block.First + key, own[n], scores[(key * MatrixBlocks.ProductPitch) + column], of, dropout, window, softCap, bias);
                Storage.Store(weights, (key * AttentionTiles.WeightPitch) + column, step.Weight);
                own[n] = step.Score;
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, given.OutputGradient, at, block.QueryStride, queries, operands, valueGradient, headSize, tiles);
            for (int n = 0; n < AttentionTiles.ItemElements; n++)
            {
                int key = AttentionTiles.Row() + (n * AttentionTiles.RowsApart);
                Storage.Store(weights, (key * AttentionTiles.WeightPitch) + column, own[n]);
            }

            Group.Barrier();
            AttentionTiles.Combine(weights, of.Q, at, block.QueryStride, queries, operands, keyGradient, headSize, tiles);
        }

        AttentionTiles.Store(keyGradient, scores, dk, block.At, block.Stride, block.Count, headSize, tiles);
        AttentionTiles.Store(valueGradient, scores, dv, block.At, block.Stride, block.Count, headSize, tiles);
    }
}

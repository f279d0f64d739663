namespace Engine.Kernels;

/// <summary>
/// The backward pass on GPUs: each row's output times its gradient, which softmax's gradient subtracts, goes to the workspace; then the
/// weights are made again twice, by blocks of queries for dq and by blocks of keys for dk and dv. Every gradient is summed by one group, in
/// a fixed order.
/// </summary>
internal static partial class AttentionBackwardGroups
{
    /// <summary>Elements of workspace: one for each query token and head.</summary>
    public static long Workspace(AttentionShape shape) => (long)shape.QueryTokens * shape.Heads;

    public static Launch[] Bind(
        Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients, BufferView<float> dots)
    {
        return
        [
            BindDots(device, shape, views.Output, gradients.OutputGradient, dots),
            QueriesKernel.Bind(
                device, new LaunchShape(Blocks(shape.MaxQueryLength), shape.Heads, shape.Rows + 1, GroupTiles.GroupSize),
                AttentionInputs.Of(shape, views), AttentionGradientInputs.Of(views, gradients.OutputGradient, dots), gradients.Dq,
                shape.HeadSize, AttentionForwardGroups.Columns(shape), shape.Causal, shape.Dropout > 0f,
                shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
                .Computes(3 * shape.PairOperations),
            KeysKernel.Bind(
                device, new LaunchShape(Blocks(shape.MaxKeyLength), shape.KeyValueHeads, shape.Rows + 1, GroupTiles.GroupSize),
                AttentionInputs.Of(shape, views), AttentionGradientInputs.Of(views, gradients.OutputGradient, dots), gradients.Dk,
                gradients.Dv,
                shape.HeadSize, AttentionForwardGroups.Columns(shape), shape.Causal, shape.Dropout > 0f,
                shape.Window, AttentionMask.CapBits(shape.SoftCap), shape.BiasQueries > 0)
                .Computes(4 * shape.PairOperations),
        ];
    }

    /// <summary>The first launch, which all forms for GPUs begin with.</summary>
    public static Launch BindDots(
        Device device, AttentionShape shape, BufferView<float> output, BufferView<float> outputGradient, BufferView<float> dots) =>
        DotsKernel.Bind(
            device, LaunchShapes.Elements(device, Workspace(shape)), output, outputGradient, dots, Workspace(shape), shape.HeadSize);

    /// <summary>Blocks of 64 that cover a length; one at least, which clears the dead tail.</summary>
    public static int Blocks(int length) => Math.Max(1, (length + GroupTiles.Tile - 1) / GroupTiles.Tile);

    /// <summary>
    /// dots[row] = the sum of output times its gradient over the row's elements; a row is a token's head. One item a row.
    /// </summary>
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
        AttentionInputs of,
        AttentionGradientInputs given,
        ArrayView<float> dq,
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
        ArrayView<float> keyRows = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Side * columns);
        ArrayView<float> tile = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> result = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        int heads = Grid.DimY;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        GroupQueries block = GroupQueries.Of(of, GroupTiles.Tile, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(dq, of.QueryStart[of.Rows], of.QueryTokens, block.Stride, block.Head * headSize, headSize);
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
            GroupTiles.RowProducts(
                given.OutputGradient, block.At, block.Stride, block.Count, of.V, at, block.KeyStride, count, left, right,
                gradients, headSize);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                int query = itemRow + (i * GroupTiles.Side);
                SoftmaxRow row = SoftmaxRow.Of(
                    of, given, block.First + query, query < block.Count, block.Head, heads, block.Keys, causal, window, bias);
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    int key = itemColumn + (j * GroupTiles.Side);
                    int score = (i * GroupTiles.Sums) + j;
                    tile[(query * GroupTiles.Pitch) + key] =
                        SoftmaxGradient.Of(row, first + key, scores[score], gradients[score], of, dropout, window, softCap, bias).Score;
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, of.K, at, block.KeyStride, count, keyRows, result, headSize, columns);
        }

        GroupTiles.Store(result, dq, block.At, block.Stride, block.Count, headSize, columns);
    }

    /// <summary>
    /// dk and dv of a block of keys (group x) of a key/value head (group y) of a segment (group z); the last z is the dead tail.
    /// </summary>
    [Kernel]
    public static void Keys(
        AttentionInputs of,
        AttentionGradientInputs given,
        ArrayView<float> dk,
        ArrayView<float> dv,
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
        ArrayView<float> queryRows = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Side * columns);
        ArrayView<float> tile = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> keyGradient = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        ArrayView<float> valueGradient = LocalMemory.Allocate<float>(GroupTiles.Sums * columns);
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        GroupKeys block = GroupKeys.Of(of, GroupTiles.Tile, headSize, causal, window);
        if (Grid.IdxZ == of.Rows)
        {
            GroupTiles.Clear(dk, of.KeyStart[of.Rows], of.KeyTokens, block.Stride, block.Head * headSize, headSize);
            GroupTiles.Clear(dv, of.KeyStart[of.Rows], of.KeyTokens, block.Stride, block.Head * headSize, headSize);
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
            GroupTiles.RowProducts(
                of.K, block.At, block.Stride, block.Count, of.Q, at, block.QueryStride, queries, left, right, scores, headSize);
            GroupTiles.RowProducts(
                of.V, block.At, block.Stride, block.Count, given.OutputGradient, at, block.QueryStride, queries, left, right,
                gradients, headSize);
            for (int j = 0; j < GroupTiles.Sums; j++)
            {
                int column = itemColumn + (j * GroupTiles.Side);
                SoftmaxRow row = SoftmaxRow.Of(
                    of, given, query + column, column < queries, head, of.Heads, block.Keys, causal, window, bias);
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    int key = itemRow + (i * GroupTiles.Side);
                    int score = (i * GroupTiles.Sums) + j;
                    SoftmaxGradient step = SoftmaxGradient.Of(
                        row, block.First + key, scores[score], gradients[score], of, dropout, window, softCap, bias);
                    tile[(key * GroupTiles.Pitch) + column] = step.Weight;
                    gradients[score] = step.Score;
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, given.OutputGradient, at, block.QueryStride, queries, queryRows, valueGradient, headSize, columns);
            for (int i = 0; i < GroupTiles.Sums; i++)
            {
                for (int j = 0; j < GroupTiles.Sums; j++)
                {
                    tile[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)] =
                        gradients[(i * GroupTiles.Sums) + j];
                }
            }

            Group.Barrier();
            GroupTiles.Combine(tile, of.Q, at, block.QueryStride, queries, queryRows, keyGradient, headSize, columns);
        }

        GroupTiles.Store(keyGradient, dk, block.At, block.Stride, block.Count, headSize, columns);
        GroupTiles.Store(valueGradient, dv, block.At, block.Stride, block.Count, headSize, columns);
    }
}

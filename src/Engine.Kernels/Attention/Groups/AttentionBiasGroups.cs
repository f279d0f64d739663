namespace Engine.Kernels;

/// <summary>
/// The gradient of attention's bias on GPUs: a group owns a block of 64 x 64 of one head's bias and goes through the segments in their
/// order, so that the sum over the batch is the same at every run. Scores and the weights' gradients are made again, in float32.
/// </summary>
internal static partial class AttentionBiasGroups
{
    public static Launch[] Bind(
        Device device, AttentionShape shape, AttentionViews views, BufferView<float> outputGradient, BufferView<float> dBias,
        bool accumulate, BufferView<float> dots) =>
        [
            AttentionBackwardGroups.BindDots(device, shape, views.Output, outputGradient, dots),
            GradientKernel.Bind(
                device,
                new LaunchShape(
                    AttentionBackwardGroups.Blocks(shape.MaxKeyLength), AttentionBackwardGroups.Blocks(shape.BiasQueries), shape.Heads,
                    GroupTiles.GroupSize),
                AttentionInputs.Of(shape, views), AttentionGradientInputs.Of(views, outputGradient, dots), dBias,
                shape.HeadSize, shape.Causal, shape.Dropout > 0f, shape.Window, AttentionMask.CapBits(shape.SoftCap), accumulate)
                .AlsoMoves(accumulate ? sizeof(float) * shape.BiasElements : 0)
                .Computes(2 * shape.PairOperations),
        ];

    /// <summary>A block of keys (group x) and of rows of the bias (group y) of a head (group z).</summary>
    [Kernel]
    public static void Gradient(
        AttentionInputs of,
        AttentionGradientInputs given,
        ArrayView<float> dBias,
        [Specialize] int headSize,
        [Specialize] bool causal,
        [Specialize] bool dropout,
        [Specialize] int window,
        [Specialize] int softCap,
        [Specialize] bool accumulate)
    {
        ArrayView<float> left = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> right = SharedMemory.Allocate<float>(GroupTiles.Depth * GroupTiles.Pitch);
        ArrayView<float> tile = SharedMemory.Allocate<float>(GroupTiles.Tile * GroupTiles.Pitch);
        ArrayView<float> scores = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        ArrayView<float> result = LocalMemory.Allocate<float>(GroupTiles.Sums * GroupTiles.Sums);
        int head = Grid.IdxZ;
        int firstKey = Grid.IdxX * GroupTiles.Tile;
        int firstPosition = Grid.IdxY * GroupTiles.Tile;
        int itemColumn = Group.IdxX % GroupTiles.Side;
        int itemRow = Group.IdxX / GroupTiles.Side;
        long stride = (long)of.Heads * headSize;
        long keyStride = (long)of.KeyValueHeads * headSize;
        int keyHead = head / (of.Heads / of.KeyValueHeads);
        for (int i = 0; i < GroupTiles.Sums * GroupTiles.Sums; i++)
        {
            result[i] = 0f;
        }

        for (int segment = 0; segment < of.Rows; segment++)
        {
            int end = of.QueryStart[segment + 1];
            int first = AttentionMask.FirstAt(of.BiasPosition, of.QueryStart[segment], end, firstPosition);
            int queries = AttentionMask.FirstAt(of.BiasPosition, first, end, firstPosition + GroupTiles.Tile) - first;
            int keys = of.KeyStart[segment + 1] - of.KeyStart[segment];
            int visible = queries > 0 ? AttentionMask.VisibleKeys(of.QueryPosition, first, queries, keys, causal, window) : 0;
            int count = Math.Min(GroupTiles.Tile, visible - firstKey);
            if (count > 0)
            {
                long at = (first * stride) + (head * headSize);
                long keyAt = ((of.KeyStart[segment] + firstKey) * keyStride) + (keyHead * headSize);
                GroupTiles.RowProducts(of.Q, at, stride, queries, of.K, keyAt, keyStride, count, left, right, scores, headSize);
                GroupTiles.RowProducts(
                    given.OutputGradient, at, stride, queries, of.V, keyAt, keyStride, count, left, right, gradients, headSize);

                // Rows of the products are queries, which stand anywhere in the block's rows, in their order.
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    for (int j = 0; j < GroupTiles.Sums; j++)
                    {
                        tile[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)] = 0f;
                    }
                }

                Group.Barrier();
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    int query = itemRow + (i * GroupTiles.Side);
                    if (query < queries)
                    {
                        SoftmaxRow row = SoftmaxRow.Of(of, given, first + query, true, head, of.Heads, keys, causal, window, true);
                        int place = of.BiasPosition[first + query] - firstPosition;
                        for (int j = 0; j < GroupTiles.Sums; j++)
                        {
                            int key = itemColumn + (j * GroupTiles.Side);
                            int score = (i * GroupTiles.Sums) + j;
                            tile[(place * GroupTiles.Pitch) + key] = SoftmaxGradient.Of(
                                row, firstKey + key, scores[score], gradients[score], of, dropout, window, softCap, true).Bias;
                        }
                    }
                }

                Group.Barrier();
                for (int i = 0; i < GroupTiles.Sums; i++)
                {
                    for (int j = 0; j < GroupTiles.Sums; j++)
                    {
                        result[(i * GroupTiles.Sums) + j] +=
                            tile[((itemRow + (i * GroupTiles.Side)) * GroupTiles.Pitch) + itemColumn + (j * GroupTiles.Side)];
                    }
                }
            }
        }

        for (int i = 0; i < GroupTiles.Sums; i++)
        {
            int position = firstPosition + itemRow + (i * GroupTiles.Side);
            for (int j = 0; j < GroupTiles.Sums; j++)
            {
                int key = firstKey + itemColumn + (j * GroupTiles.Side);
                if (position < of.BiasQueries && key < of.BiasKeys)
                {
                    long to = ((((long)head * of.BiasQueries) + position) * of.BiasKeys) + key;
                    dBias[to] = accumulate ? dBias[to] + result[(i * GroupTiles.Sums) + j] : result[(i * GroupTiles.Sums) + j];
                }
            }
        }
    }
}

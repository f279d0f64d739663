namespace Engine.Kernels;

/// <summary>
/// The backward pass where work-items are lanes of CPU threads: an item is one segment of one key/value head with all query heads that share it,
/// so that every gradient is summed by one item, in the order of the blocks, and weights are made again once.
/// </summary>
internal static partial class AttentionBackwardLanes
{
    private const int QueryBlock = 64;
    private const int KeyBlock = 64;

    public static Launch Bind(Device device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients) => BackwardKernel.Bind(
        device, new LaunchShape(shape.KeyValueHeads, shape.Rows + 1, 1, 1),
        views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.Output, views.LogSumExp,
        gradients.OutputGradient, gradients.Dq, gradients.Dk, gradients.Dv, views.Random ?? default,
        shape.Rows, shape.QueryTokens, shape.KeyTokens, shape.Heads, shape.DropoutPitch, shape.Scale,
        shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout),
        shape.HeadSize, LaneBlocks.PadColumns(shape.HeadSize), shape.Causal, shape.Dropout > 0f);

    /// <summary>A key/value head (group x) of a segment (group y); the last y is the dead tail.</summary>
    [Kernel]
    public static void Backward(
        ArrayView<float> q,
        ArrayView<float> k,
        ArrayView<float> v,
        ArrayView<int> queryStart,
        ArrayView<int> keyStart,
        ArrayView<int> queryPosition,
        ArrayView<float> output,
        ArrayView<float> logSumExp,
        ArrayView<float> outputGradient,
        ArrayView<float> dq,
        ArrayView<float> dk,
        ArrayView<float> dv,
        ArrayView<uint> random,
        int rows,
        int queryTokens,
        int keyTokens,
        int heads,
        int dropoutPitch,
        float scale,
        uint stream,
        uint threshold,
        float factor,
        [Specialize] int headSize,
        [Specialize] int width,
        [Specialize] bool causal,
        [Specialize] bool dropout)
    {
        ArrayView<float> keysTransposed = LocalMemory.Allocate<float>(headSize * KeyBlock);
        ArrayView<float> valuesTransposed = LocalMemory.Allocate<float>(headSize * KeyBlock);
        ArrayView<float> keyRows = LocalMemory.Allocate<float>(KeyBlock * width);
        ArrayView<float> keyGradient = LocalMemory.Allocate<float>(KeyBlock * width);
        ArrayView<float> valueGradient = LocalMemory.Allocate<float>(KeyBlock * width);
        ArrayView<float> queryRows = LocalMemory.Allocate<float>(QueryBlock * width);
        ArrayView<float> gradientRows = LocalMemory.Allocate<float>(QueryBlock * width);
        ArrayView<float> queryGradient = LocalMemory.Allocate<float>(QueryBlock * width);
        ArrayView<float> weights = LocalMemory.Allocate<float>(QueryBlock * KeyBlock);
        ArrayView<float> gradients = LocalMemory.Allocate<float>(QueryBlock * KeyBlock);
        ArrayView<float> factors = LocalMemory.Allocate<float>(KeyBlock);
        int keyHead = Grid.IdxX;
        int groupSize = heads / Grid.DimX;
        int row = Grid.IdxY;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)Grid.DimX * headSize;
        int query0 = queryStart[row];
        int key0 = keyStart[row];
        int queryEnd = row == rows ? queryTokens : queryStart[row + 1];
        int keyEnd = row == rows ? keyTokens : keyStart[row + 1];
        if (row == rows || key0 == keyEnd)
        {
            for (long token = query0; token < queryEnd; token++)
            {
                LaneBlocks.Fill(dq, (token * queryStride) + (keyHead * groupSize * headSize), groupSize * headSize, 0f);
            }
        }

        if (row == rows)
        {
            for (long token = key0; token < keyEnd; token++)
            {
                LaneBlocks.Fill(dk, (token * keyStride) + (keyHead * headSize), headSize, 0f);
                LaneBlocks.Fill(dv, (token * keyStride) + (keyHead * headSize), headSize, 0f);
            }

            return;
        }

        for (int first = 0; first < keyEnd - key0; first += KeyBlock)
        {
            int count = Math.Min(KeyBlock, keyEnd - key0 - first);
            long keyAt = ((key0 + first) * keyStride) + (keyHead * headSize);
            LaneBlocks.CopyTransposed(k, keyAt, keyStride, count, keysTransposed, headSize, KeyBlock);
            LaneBlocks.CopyTransposed(v, keyAt, keyStride, count, valuesTransposed, headSize, KeyBlock);
            LaneBlocks.CopyRows(k, keyAt, keyStride, count, keyRows, KeyBlock, headSize, width);
            LaneBlocks.Fill(keyGradient, 0, KeyBlock * width, 0f);
            LaneBlocks.Fill(valueGradient, 0, KeyBlock * width, 0f);
            for (int head = keyHead * groupSize; head < (keyHead + 1) * groupSize; head++)
            {
                for (int query = query0; query < queryEnd; query += QueryBlock)
                {
                    int queries = Math.Min(QueryBlock, queryEnd - query);
                    long at = (query * queryStride) + (head * headSize);
                    if (AttentionMask.VisibleKeys(queryPosition, query, queries, keyEnd - key0, causal) > first)
                    {
                        LaneBlocks.CopyRows(q, at, queryStride, queries, queryRows, QueryBlock, headSize, width);
                        LaneBlocks.CopyRows(outputGradient, at, queryStride, queries, gradientRows, QueryBlock, headSize, width);
                        LaneBlocks.Multiply(queries, headSize, queryRows, keysTransposed, weights, scale, false, KeyBlock, width, 1);
                        LaneBlocks.Multiply(queries, headSize, gradientRows, valuesTransposed, gradients, 1f, false, KeyBlock, width, 1);
                        for (int i = 0; i < queries; i++)
                        {
                            int seen = Math.Min(Math.Max(AttentionMask.VisibleKeys(queryPosition, query + i, keyEnd - key0, causal) - first, 0), count);
                            if (dropout)
                            {
                                long element = ((((long)query + i) * heads) + head) * dropoutPitch;
                                AttentionMask.Factors(element, first, seen, random, stream, threshold, factor, factors, 0, 1);
                            }

                            float dot = Dot(output, outputGradient, at + (i * queryStride), headSize);
                            float denominator = logSumExp[(((long)query + i) * heads) + head];
                            Differentiate(weights, gradients, i * KeyBlock, factors, seen, KeyBlock, denominator, dot, scale, dropout);
                        }

                        LaneBlocks.Multiply(count, queries, weights, gradientRows, valueGradient, 1f, true, width, 1, KeyBlock);
                        LaneBlocks.Multiply(count, queries, gradients, queryRows, keyGradient, 1f, true, width, 1, KeyBlock);
                        LaneBlocks.Multiply(queries, count, gradients, keyRows, queryGradient, 1f, false, width, KeyBlock, 1);
                        LaneBlocks.Store(queryGradient, queries, dq, at, queryStride, first > 0, headSize, width);
                    }
                    else if (first == 0)
                    {
                        for (int i = 0; i < queries; i++)
                        {
                            LaneBlocks.Fill(dq, at + (i * queryStride), headSize, 0f);
                        }
                    }
                }
            }

            LaneBlocks.Store(keyGradient, count, dk, keyAt, keyStride, false, headSize, width);
            LaneBlocks.Store(valueGradient, count, dv, keyAt, keyStride, false, headSize, width);
        }
    }

    private static float Dot(ArrayView<float> x, ArrayView<float> y, long at, int count)
    {
        float sum = 0f;
        for (int e = 0; e < count; e++)
        {
            sum = MathF.FusedMultiplyAdd(x[at + e], y[at + e], sum);
        }

        return sum;
    }

    /// <summary>
    /// The backward step of a row of a block: scores become weights, times the dropout factors, and gradients with respect to weights become
    /// gradients with respect to unscaled scores, scale * weight * (gradient - dot). Both are 0 for keys that are not seen.
    /// </summary>
    private static void Differentiate(
        ArrayView<float> scores,
        ArrayView<float> gradients,
        int at,
        ArrayView<float> factors,
        int seen,
        int keys,
        float logSumExp,
        float dot,
        float scale,
        [Specialize] bool dropout)
    {
        for (int key = 0; key < seen; key++)
        {
            float weight = MathF.Exp(scores[at + key] - logSumExp);
            float kept = dropout ? factors[key] : 1f;
            scores[at + key] = weight * kept;
            gradients[at + key] = weight * scale * ((gradients[at + key] * kept) - dot);
        }

        for (int key = seen; key < keys; key++)
        {
            scores[at + key] = 0f;
            gradients[at + key] = 0f;
        }
    }
}

namespace Engine.Kernels;

/// <summary>
/// The forward pass where work-items are lanes of CPU threads: an item is a block of queries of one head. Scores are made as keys x queries, so
/// that only the block of queries, once an item, is transposed, and a vector of queries goes through softmax together.
/// </summary>
internal static partial class AttentionForwardLanes
{
    private const int QueryBlock = 64;
    private const int KeyBlock = 64;
    private const int VectorSize = 16;

    public static Launch Bind(Device device, AttentionShape shape, AttentionViews views) => ForwardKernel.Bind(
        device,
        new LaunchShape(Math.Max(1, (shape.MaxQueryLength + QueryBlock - 1) / QueryBlock), shape.Heads, shape.Rows + 1, 1),
        views.Q, views.K, views.V, views.QueryStart, views.KeyStart, views.QueryPosition, views.Output, views.LogSumExp, views.Random ?? default,
        shape.Rows, shape.QueryTokens, shape.KeyValueHeads, shape.DropoutPitch, shape.Scale,
        shape.DropoutStream, Dropouts.Threshold(shape.Dropout), Dropouts.Factor(shape.Dropout), shape.HeadSize, LaneBlocks.PadColumns(shape.HeadSize), shape.Causal, shape.Dropout > 0f);

    /// <summary>A block of queries (group x) of a head (group y) of a segment (group z); the last z is the dead tail.</summary>
    [Kernel]
    public static void Forward(
        ArrayView<float> q,
        ArrayView<float> k,
        ArrayView<float> v,
        ArrayView<int> queryStart,
        ArrayView<int> keyStart,
        ArrayView<int> queryPosition,
        ArrayView<float> output,
        ArrayView<float> logSumExp,
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
        [Specialize] int width,
        [Specialize] bool causal,
        [Specialize] bool dropout)
    {
        ArrayView<float> queriesTransposed = LocalMemory.Allocate<float>(headSize * QueryBlock);
        ArrayView<float> block = LocalMemory.Allocate<float>(KeyBlock * width);
        ArrayView<float> scores = LocalMemory.Allocate<float>(KeyBlock * QueryBlock);
        ArrayView<float> factors = LocalMemory.Allocate<float>(KeyBlock);
        ArrayView<float> result = LocalMemory.Allocate<float>(QueryBlock * width);
        ArrayView<float> maximum = LocalMemory.Allocate<float>(QueryBlock);
        ArrayView<float> sum = LocalMemory.Allocate<float>(QueryBlock);
        ArrayView<float> shrink = LocalMemory.Allocate<float>(QueryBlock);
        int heads = Grid.DimY;
        int head = Grid.IdxY;
        int row = Grid.IdxZ;
        long queryStride = (long)heads * headSize;
        long keyStride = (long)keyValueHeads * headSize;
        int query0 = queryStart[row];
        if (row == rows)
        {
            for (int token = query0 + Grid.IdxX; token < queryTokens; token += Grid.DimX)
            {
                LaneBlocks.Fill(output, (token * queryStride) + (head * headSize), headSize, 0f);
                logSumExp[((long)token * heads) + head] = 0f;
            }

            return;
        }

        query0 += Grid.IdxX * QueryBlock;
        int queries = Math.Min(QueryBlock, queryStart[row + 1] - query0);
        if (queries <= 0)
        {
            return;
        }

        int key0 = keyStart[row];
        int keys = keyStart[row + 1] - key0;
        int visible = AttentionMask.VisibleKeys(queryPosition, query0, queries, keys, causal);
        LaneBlocks.CopyTransposed(q, (query0 * queryStride) + (head * headSize), queryStride, queries, queriesTransposed, headSize, QueryBlock);
        LaneBlocks.Fill(result, 0, QueryBlock * width, 0f);
        LaneBlocks.Fill(sum, 0, QueryBlock, 0f);
        LaneBlocks.Fill(maximum, 0, QueryBlock, float.NegativeInfinity);

        for (int first = 0; first < visible; first += KeyBlock)
        {
            int count = Math.Min(KeyBlock, visible - first);
            long at = ((key0 + first) * keyStride) + (head / (heads / keyValueHeads) * headSize);
            LaneBlocks.CopyRows(k, at, keyStride, count, block, KeyBlock, headSize, width);
            LaneBlocks.Multiply(count, headSize, block, queriesTransposed, scores, scale, false, QueryBlock, width, 1);
            if (causal)
            {
                for (int i = 0; i < queries; i++)
                {
                    for (int key = Math.Max(0, AttentionMask.VisibleKeys(queryPosition, query0 + i, keys, causal) - first); key < count; key++)
                    {
                        scores[(key * QueryBlock) + i] = float.NegativeInfinity;
                    }
                }
            }

            Softmax(scores, count, QueryBlock, maximum, sum, shrink);
            if (dropout)
            {
                for (int i = 0; i < queries; i++)
                {
                    long element = ((((long)query0 + i) * heads) + head) * dropoutPitch;
                    AttentionMask.Factors(element, first, count, random, stream, threshold, factor, factors, 0, 1);
                    for (int key = 0; key < count; key++)
                    {
                        scores[(key * QueryBlock) + i] *= factors[key];
                    }
                }
            }

            for (int i = 0; i < queries; i++)
            {
                LaneBlocks.Scale(result, i * width, width, shrink[i]);
            }

            LaneBlocks.CopyRows(v, at, keyStride, count, block, KeyBlock, headSize, width);
            LaneBlocks.Multiply(queries, count, scores, block, result, 1f, true, width, 1, QueryBlock);
        }

        for (int i = 0; i < queries; i++)
        {
            long token = query0 + i;
            bool any = sum[i] != 0f;
            float inverse = any ? 1f / sum[i] : 0f;
            logSumExp[(token * heads) + head] = any ? maximum[i] + MathF.Log(sum[i]) : 0f;
            LaneBlocks.Scale(result, i * width, width, inverse);
        }

        LaneBlocks.Store(result, queries, output, (query0 * queryStride) + (head * headSize), queryStride, false, headSize, width);
    }

    /// <summary>
    /// One step of online softmax for a block of scores [keys, queries]: they become exp(score - maximum), maximum and sum take them in, and
    /// shrink is what earlier results must be multiplied by.
    /// </summary>
    private static void Softmax(ArrayView<float> scores, int count, int queries, ArrayView<float> maximum, ArrayView<float> sum, ArrayView<float> shrink)
    {
        for (int i = 0; i < queries; i += VectorSize)
        {
            Vec16 largest = Vec16.Load(maximum, i);
            for (int key = 0; key < count; key++)
            {
                largest = Vec16.Max(largest, Vec16.Load(scores, (key * queries) + i));
            }

            largest.Store(shrink, i);
        }

        for (int i = 0; i < queries; i++)
        {
            // A query that sees none of the first keys sees none at all: 0 in place of its maximum leaves weights of 0.
            float shift = shrink[i] == float.NegativeInfinity ? 0f : shrink[i];
            shrink[i] = MathF.Exp(maximum[i] - shift);
            maximum[i] = shift;
            sum[i] *= shrink[i];
        }

        for (int key = 0; key < count; key++)
        {
            for (int i = 0; i < queries; i++)
            {
                float weight = MathF.Exp(scores[(key * queries) + i] - maximum[i]);
                scores[(key * queries) + i] = weight;
                sum[i] += weight;
            }
        }
    }
}

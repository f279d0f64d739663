using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The gradient of the bias: a piece is a block of one head's bias, which goes through the segments in their order, so that every element
/// is summed by one worker. Scores and the weights' gradients are made again.
/// </summary>
internal sealed unsafe class AttentionBiasHost<T, TTile>(
    CpuDevice device, AttentionShape shape, AttentionOperands operands, bool accumulate)
    : AttentionHost(device, shape, operands)
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
{
    public override string Name => "Attention_BiasGradient";

    protected override int Pieces => checked(Shape.Heads * PositionBlocks * KeyBlocks);

    private int PositionBlocks => (Shape.BiasQueries + QueryBlock - 1) / QueryBlock;

    private int KeyBlocks => (Shape.MaxKeyLength + KeyBlock - 1) / KeyBlock;

    public override void Run(int piece, int worker)
    {
        int firstKey = piece % KeyBlocks * KeyBlock;
        int firstPosition = piece / KeyBlocks % PositionBlocks * QueryBlock;
        int head = piece / KeyBlocks / PositionBlocks;
        int positionEnd = Math.Min(firstPosition + QueryBlock, Shape.BiasQueries);
        if (!accumulate)
        {
            int width = Math.Min(KeyBlock, Shape.MaxKeyLength - firstKey);
            for (int position = firstPosition; position < positionEnd; position++)
            {
                new Span<float>(P.BiasGradient + BiasElement(position, head) + firstKey, width).Clear();
            }
        }

        for (int row = 0; row < Shape.Rows; row++)
        {
            int end = P.QueryStart[row + 1];
            int query = FirstAt(P.QueryStart[row], end, firstPosition);
            int queries = FirstAt(query, end, positionEnd) - query;
            int keys = P.KeyStart[row + 1] - P.KeyStart[row];
            int count = queries == 0 ? 0 : Math.Min(KeyBlock, VisibleKeys(query, queries, keys) - firstKey);
            if (count > 0)
            {
                MeetKeys(row, head, query, queries, keys, firstKey, count, new(Device.Scratch(worker), CpuDevice.ScratchBytes));
            }
        }
    }

    protected override void ClearDeadTokens(int queryEnd, int keyEnd)
    {
        // Dead tokens have no part in the bias.
    }

    /// <summary>Adds what a block of a segment's queries and a block of its keys give the bias.</summary>
    private void MeetKeys(int row, int head, int query0, int queries, int keys, int firstKey, int count, ScratchCursor scratch)
    {
        int headSize = Shape.HeadSize;
        float* scores = scratch.Take(QueryBlock * KeyBlock);
        float* gradients = scratch.Take(QueryBlock * KeyBlock);
        float* packedRows = scratch.Take(QueryBlock * headSize);
        float* packedKeys = scratch.Take(KeyBlock * headSize);
        float* factorBuffer = scratch.Take(FactorBuffer);
        long at = (query0 * QueryStride) + (head * headSize);
        long keyAt = ((P.KeyStart[row] + firstKey) * KeyStride) + (head / GroupSize * headSize);
        Multiply(P.Q, P.K, scores, Shape.Scale);
        Multiply(P.OutputGradient, P.V, gradients, 1f);
        for (int i = 0; i < queries; i++)
        {
            long token = query0 + i, element = at + (i * QueryStride);
            int seen = Math.Clamp(VisibleKeys(query0 + i, keys) - firstKey, 0, count);
            int from = Math.Clamp(FirstKey(query0 + i) - firstKey, 0, seen);
            float* rowScores = scores + (i * KeyBlock), rowGradients = gradients + (i * KeyBlock);
            if (Shape.SoftCap > 0f)
            {
                AttentionRows<T>.Cap(rowScores, seen, Shape.SoftCap);
            }

            AttentionRows<T>.Add(rowScores, BiasRow(query0 + i, head) + firstKey, seen);
            float dot = AttentionRows<T>.Dot(P.Output + element, P.OutputGradient + element, headSize);
            float* factors = DropoutFactors(token, head, firstKey, seen, factorBuffer);
            AttentionRows<T>.Gradient(
                rowScores, rowGradients, factors, from, seen, count, P.LogSumExp[(token * Shape.Heads) + head], dot, 1f);
            float* target = P.BiasGradient + BiasElement(P.BiasPosition[query0 + i], head) + firstKey;
            for (int j = from; j < seen; j++)
            {
                target[j] += rowGradients[j];
            }
        }

        void Multiply(float* left, float* right, float* products, float factor)
        {
            LeftBlock rows = BlockProduct<T, TTile>.PackLeft(left + at, QueryStride, queries, headSize, packedRows);
            RightBlock columns = BlockProduct<T, TTile>.PackRightTransposed(right + keyAt, KeyStride, count, headSize, packedKeys);
            BlockProduct<T, TTile>.Multiply(queries, count, headSize, rows, columns, products, KeyBlock, factor, false);
        }
    }

    /// <summary>Of a segment's queries the first at a row of the bias or behind it.</summary>
    private int FirstAt(int from, int end, int position)
    {
        while (from < end && P.BiasPosition[from] < position)
        {
            from++;
        }

        return from;
    }
}

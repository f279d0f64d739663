using System.Runtime.InteropServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The backward pass, after Dao et al., "FlashAttention" (2022), algorithm 4: weights are made again from the scores and logSumExp.
/// A piece is one segment of one key/value head with all query heads that share it, so that every gradient is summed by one
/// worker, in the order of the blocks.
/// </summary>
internal sealed unsafe class AttentionBackwardHost<T, TTile>(CpuDevice device, AttentionShape shape, AttentionOperands operands)
    : AttentionHost(device, shape, operands)
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
{
    private readonly int padded = BlockProduct<T, TTile>.PadColumns(shape.HeadSize);

    public override string Name => "Attention_Backward";

    protected override int Pieces => checked(Shape.Rows * Shape.KeyValueHeads);

    public override void Run(int piece, int worker)
    {
        int row = piece / Shape.KeyValueHeads, keyHead = piece % Shape.KeyValueHeads;
        int key0 = P.KeyStart[row], keys = P.KeyStart[row + 1] - key0;
        int headSize = Shape.HeadSize;
        var scratch = new ScratchCursor(Device.Scratch(worker), CpuDevice.ScratchBytes);
        float* packedKeys = scratch.Take(KeyBlock * headSize);
        float* packedValues = scratch.Take(KeyBlock * headSize);
        float* keyRows = scratch.Take(KeyBlock * padded);
        float* keyGradient = scratch.Take(KeyBlock * padded);
        float* valueGradient = scratch.Take(KeyBlock * padded);
        if (keys == 0)
        {
            ClearQueryGradient(row, keyHead);
        }

        for (int first = 0; first < keys; first += KeyBlock)
        {
            int count = Math.Min(KeyBlock, keys - first);
            long at = ((key0 + first) * KeyStride) + (keyHead * headSize);
            var block = new KeyBlockOperands
            {
                First = first,
                Count = count,
                Keys = keys,
                Scores = BlockProduct<T, TTile>.PackRightTransposed(P.K + at, KeyStride, count, headSize, packedKeys),
                WeightGradients = BlockProduct<T, TTile>.PackRightTransposed(P.V + at, KeyStride, count, headSize, packedValues),
                QueryGradients = BlockProduct<T, TTile>.PackRight(P.K + at, KeyStride, headSize, count, keyRows),
                KeyGradient = keyGradient,
                ValueGradient = valueGradient,
            };
            new Span<float>(keyGradient, KeyBlock * padded).Clear();
            new Span<float>(valueGradient, KeyBlock * padded).Clear();
            int query0 = P.QueryStart[row], queryEnd = P.QueryStart[row + 1];
            for (int head = keyHead * GroupSize; head < (keyHead + 1) * GroupSize; head++)
            {
                for (int query = query0; query < queryEnd; query += QueryBlock)
                {
                    MeetQueries(block, head, query, Math.Min(QueryBlock, queryEnd - query), scratch);
                }
            }

            MatMulEdge.Merge<T>(keyGradient, padded, count, headSize, P.KGradient + at, KeyStride, false);
            MatMulEdge.Merge<T>(valueGradient, padded, count, headSize, P.VGradient + at, KeyStride, false);
        }
    }

    protected override void ClearDeadTokens(int queryEnd, int keyEnd)
    {
        NativeMemory.Clear(P.QGradient + (queryEnd * QueryStride), (nuint)((Shape.QueryTokens - queryEnd) * QueryStride * sizeof(float)));
        nuint deadKeys = (nuint)((Shape.KeyTokens - keyEnd) * KeyStride * sizeof(float));
        NativeMemory.Clear(P.KGradient + (keyEnd * KeyStride), deadKeys);
        NativeMemory.Clear(P.VGradient + (keyEnd * KeyStride), deadKeys);
    }

    /// <summary>Adds what a block of one head's queries and a block of keys give each other.</summary>
    private void MeetQueries(in KeyBlockOperands block, int head, int query0, int queries, ScratchCursor scratch)
    {
        int headSize = Shape.HeadSize, count = block.Count;
        float* scores = scratch.Take(QueryBlock * KeyBlock);
        float* gradients = scratch.Take(QueryBlock * KeyBlock);
        float* queryGradient = scratch.Take(QueryBlock * padded);
        float* packed = scratch.Take(QueryBlock * headSize);
        float* rowBuffer = scratch.Take(QueryBlock * padded);
        float* factorBuffer = scratch.Take(FactorBuffer);
        long at = (query0 * QueryStride) + (head * headSize);
        float* slopes = scratch.Take(KeyBlock);
        if (VisibleKeys(query0, queries, block.Keys) > block.First && FirstKey(query0) < block.First + count)
        {
            LeftBlock q = BlockProduct<T, TTile>.PackLeft(P.Q + at, QueryStride, queries, headSize, packed);
            BlockProduct<T, TTile>.Multiply(queries, count, headSize, q, block.Scores, scores, KeyBlock, Shape.Scale, false);
            LeftBlock outputGradient = BlockProduct<T, TTile>.PackLeft(P.OutputGradient + at, QueryStride, queries, headSize, packed);
            BlockProduct<T, TTile>.Multiply(
                queries, count, headSize, outputGradient, block.WeightGradients, gradients, KeyBlock, 1f, false);
            for (int i = 0; i < queries; i++)
            {
                long token = query0 + i, element = at + (i * QueryStride);
                int seen = Math.Clamp(VisibleKeys(query0 + i, block.Keys) - block.First, 0, count);
                float dot = AttentionRows<T>.Dot(P.Output + element, P.OutputGradient + element, headSize);
                float* factors = DropoutFactors(token, head, block.First, seen, factorBuffer);
                int from = Math.Clamp(FirstKey(query0 + i) - block.First, 0, seen);
                if (Shape.SoftCap > 0f)
                {
                    AttentionRows<T>.Cap(scores + (i * KeyBlock), seen, Shape.SoftCap, slopes);
                }

                float* bias = BiasRow(query0 + i, head);
                if (bias != null)
                {
                    AttentionRows<T>.Add(scores + (i * KeyBlock), bias + block.First, seen);
                }

                AttentionRows<T>.Gradient(
                    scores + (i * KeyBlock), gradients + (i * KeyBlock), factors, from, seen, count,
                    P.LogSumExp[(token * Shape.Heads) + head], dot, Shape.Scale);
                if (Shape.SoftCap > 0f)
                {
                    AttentionRows<T>.Multiply(gradients + (i * KeyBlock), slopes, seen);
                }
            }

            RightBlock rows = BlockProduct<T, TTile>.PackRight(P.OutputGradient + at, QueryStride, headSize, queries, rowBuffer);
            BlockProduct<T, TTile>.Multiply(
                count, headSize, queries, BlockProduct<T, TTile>.LeftTransposed(scores, KeyBlock), rows, block.ValueGradient,
                padded, 1f, true);
            rows = BlockProduct<T, TTile>.PackRight(P.Q + at, QueryStride, headSize, queries, rowBuffer);
            BlockProduct<T, TTile>.Multiply(
                count, headSize, queries, BlockProduct<T, TTile>.LeftTransposed(gradients, KeyBlock), rows, block.KeyGradient,
                padded, 1f, true);
            BlockProduct<T, TTile>.Multiply(
                queries, headSize, count, BlockProduct<T, TTile>.Left(gradients, KeyBlock), block.QueryGradients, queryGradient,
                padded, 1f, false);
            MatMulEdge.Merge<T>(queryGradient, padded, queries, headSize, P.QGradient + at, QueryStride, block.First > 0);
        }
        else if (block.First == 0)
        {
            for (int i = 0; i < queries; i++)
            {
                new Span<float>(P.QGradient + at + (i * QueryStride), headSize).Clear();
            }
        }
    }

    private void ClearQueryGradient(int row, int keyHead)
    {
        for (long token = P.QueryStart[row]; token < P.QueryStart[row + 1]; token++)
        {
            new Span<float>(
                P.QGradient + (token * QueryStride) + (keyHead * GroupSize * Shape.HeadSize), GroupSize * Shape.HeadSize).Clear();
        }
    }

    /// <summary>A block of one segment's keys: what the queries' blocks are multiplied with, and the gradients they add to.</summary>
    private struct KeyBlockOperands
    {
        public int First;
        public int Count;
        public int Keys;

        /// <summary>K^T: scores = scale Q K^T.</summary>
        public RightBlock Scores;

        /// <summary>V^T: dP = dO V^T.</summary>
        public RightBlock WeightGradients;

        /// <summary>K: dQ = dS K.</summary>
        public RightBlock QueryGradients;

        public float* KeyGradient;
        public float* ValueGradient;
    }
}

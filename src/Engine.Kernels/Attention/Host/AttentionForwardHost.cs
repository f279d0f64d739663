using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The forward pass, after Dao et al., "FlashAttention" (2022), algorithm 1: a piece is a block of queries of one head, which meets
/// the segment's keys block by block with a running maximum and sum.
/// </summary>
internal sealed unsafe class AttentionForwardHost<T, TTile>(CpuDevice device, AttentionShape shape, AttentionOperands operands)
    : AttentionHost(device, shape, operands)
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
{
    public override string Name => "Attention_Forward";

    protected override int Pieces => checked(Shape.Rows * Shape.Heads * QueryBlocks);

    private int QueryBlocks => (Shape.MaxQueryLength + QueryBlock - 1) / QueryBlock;

    public override void Run(int piece, int worker)
    {
        int block = piece % QueryBlocks;
        int head = piece / QueryBlocks % Shape.Heads;
        int row = piece / QueryBlocks / Shape.Heads;
        int query0 = P.QueryStart[row] + (block * QueryBlock);
        int queries = Math.Min(QueryBlock, P.QueryStart[row + 1] - query0);
        if (queries <= 0)
        {
            return;
        }

        int headSize = Shape.HeadSize, padded = BlockProduct<T, TTile>.PadColumns(headSize);
        var scratch = new ScratchCursor(Device.Scratch(worker), CpuDevice.ScratchBytes);
        float* maximum = scratch.Take(QueryBlock);
        float* sum = scratch.Take(QueryBlock);
        float* result = scratch.Take(QueryBlock * padded);
        float* scores = scratch.Take(QueryBlock * KeyBlock);
        float* packedKeys = scratch.Take(KeyBlock * headSize);
        float* packedValues = scratch.Take(KeyBlock * padded);
        float* packedQueries = scratch.Take(QueryBlock * headSize);
        float* factorBuffer = scratch.Take(FactorBuffer);

        LeftBlock q = BlockProduct<T, TTile>.PackLeft(
            P.Q + (query0 * QueryStride) + (head * headSize), QueryStride, queries, headSize, packedQueries);
        new Span<float>(maximum, queries).Fill(float.NegativeInfinity);
        new Span<float>(sum, queries).Clear();
        int key0 = P.KeyStart[row], keys = P.KeyStart[row + 1] - key0;
        int visible = VisibleKeys(query0, queries, keys);
        int start = FirstKey(query0);
        for (int first = start; first < visible; first += KeyBlock)
        {
            int count = Math.Min(KeyBlock, visible - first);
            long at = ((key0 + first) * KeyStride) + (head / GroupSize * headSize);
            RightBlock k = BlockProduct<T, TTile>.PackRightTransposed(P.K + at, KeyStride, count, headSize, packedKeys);
            RightBlock v = BlockProduct<T, TTile>.PackRight(P.V + at, KeyStride, headSize, count, packedValues);
            BlockProduct<T, TTile>.Multiply(queries, count, headSize, q, k, scores, KeyBlock, Shape.Scale, false);
            for (int i = 0; i < queries; i++)
            {
                int seen = Math.Clamp(VisibleKeys(query0 + i, keys) - first, 0, count);
                int from = Math.Clamp(FirstKey(query0 + i) - first, 0, seen);
                if (Shape.SoftCap > 0f)
                {
                    AttentionRows<T>.Cap(scores + (i * KeyBlock), seen, Shape.SoftCap);
                }

                float* bias = BiasRow(query0 + i, head);
                if (bias != null)
                {
                    AttentionRows<T>.Add(scores + (i * KeyBlock), bias + first, seen);
                }

                float shrink = AttentionRows<T>.Softmax(scores + (i * KeyBlock), from, seen, count, ref maximum[i], ref sum[i]);
                float* factors = DropoutFactors(query0 + i, head, first, seen, factorBuffer);
                if (factors != null)
                {
                    AttentionRows<T>.Multiply(scores + (i * KeyBlock), factors, seen);
                }

                if (first > start && shrink != 1f)
                {
                    AttentionRows<T>.Scale(result + (i * padded), padded, shrink);
                }
            }

            BlockProduct<T, TTile>.Multiply(
                queries, headSize, count, BlockProduct<T, TTile>.Left(scores, KeyBlock), v, result, padded, 1f, first > start);
        }

        for (int i = 0; i < queries; i++)
        {
            long token = query0 + i;
            float* output = P.Output + (token * QueryStride) + (head * headSize);
            bool any = sum[i] != 0;
            P.LogSumExp[(token * Shape.Heads) + head] = any ? maximum[i] + KernelMath.Log(sum[i]) : 0f;
            if (any)
            {
                AttentionRows<T>.Store(result + (i * padded), headSize, 1f / sum[i], output);
            }
            else
            {
                new Span<float>(output, headSize).Clear();
            }
        }
    }
}

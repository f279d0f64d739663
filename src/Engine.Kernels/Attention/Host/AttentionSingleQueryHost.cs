using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The forward pass where a segment has at most one query, as in decoding over a cache: a piece is a key/value head of a segment, whose
/// keys and values are read once, where they lie, for all query heads that share them. Nothing is packed, since a packed block would be
/// read once only.
/// </summary>
internal sealed unsafe class AttentionSingleQueryHost<T>(CpuDevice device, AttentionShape shape, AttentionOperands operands)
    : AttentionHost(device, shape, operands)
    where T : struct, ISimd<T>
{
    /// <summary>Keys of a block: with heads of 64 elements, keys and then values of a block stay in the first cache level.</summary>
    private const int Block = 64;

    /// <summary>Sums that run side by side, so that each need not wait for the one before.</summary>
    private const int Parallel = 4;

    public override string Name => "Attention_Forward";

    protected override int Pieces => checked(Shape.Rows * Shape.KeyValueHeads);

    public override void Run(int piece, int worker)
    {
        int row = piece / Shape.KeyValueHeads, keyHead = piece % Shape.KeyValueHeads;
        int query = P.QueryStart[row];
        if (P.QueryStart[row + 1] == query)
        {
            return;
        }

        int headSize = Shape.HeadSize, padded = (headSize + T.Count - 1) / T.Count * T.Count;
        var scratch = new ScratchCursor(Device.Scratch(worker), CpuDevice.ScratchBytes);
        float* maximum = scratch.Take(GroupSize);
        float* sum = scratch.Take(GroupSize);
        float* result = scratch.Take(GroupSize * padded);
        float* scores = scratch.Take(GroupSize * Block);
        new Span<float>(maximum, GroupSize).Fill(float.NegativeInfinity);
        new Span<float>(sum, GroupSize).Clear();
        new Span<float>(result, GroupSize * padded).Clear();
        float* q = P.Q + (query * QueryStride) + ((long)keyHead * GroupSize * headSize);
        int key0 = P.KeyStart[row];
        int visible = VisibleKeys(query, P.KeyStart[row + 1] - key0);
        int start = FirstKey(query);
        for (int first = start; first < visible; first += Block)
        {
            int count = Math.Min(Block, visible - first);
            long at = ((key0 + first) * KeyStride) + ((long)keyHead * headSize);
            for (int i = 0; i < GroupSize; i++)
            {
                Scores(q + (i * headSize), P.K + at, count, scores + (i * Block));
            }

            for (int i = 0; i < GroupSize; i++)
            {
                if (Shape.SoftCap > 0f)
                {
                    AttentionRows<T>.Cap(scores + (i * Block), count, Shape.SoftCap);
                }

                float* bias = BiasRow(query, (keyHead * GroupSize) + i);
                if (bias != null)
                {
                    AttentionRows<T>.Add(scores + (i * Block), bias + first, count);
                }

                float shrink = AttentionRows<T>.Softmax(scores + (i * Block), 0, count, count, ref maximum[i], ref sum[i]);
                if (first > start && shrink != 1f)
                {
                    AttentionRows<T>.Scale(result + (i * padded), padded, shrink);
                }

                AddValues(scores + (i * Block), P.V + at, count, result + (i * padded));
            }
        }

        for (int i = 0; i < GroupSize; i++)
        {
            int head = (keyHead * GroupSize) + i;
            bool any = sum[i] != 0;
            P.LogSumExp[((long)query * Shape.Heads) + head] = any ? maximum[i] + KernelMath.Log(sum[i]) : 0f;
            AttentionRows<T>.Store(
                result + (i * padded), headSize, any ? 1f / sum[i] : 0f, P.Output + (query * QueryStride) + ((long)head * headSize));
        }
    }

    /// <summary>scores[j] = scale * q . k[j].</summary>
    private void Scores(float* q, float* k, int count, float* scores)
    {
        int j = 0;
        for (; j <= count - Parallel; j += Parallel)
        {
            float* k0 = k + (j * KeyStride), k1 = k0 + KeyStride, k2 = k1 + KeyStride, k3 = k2 + KeyStride;
            T s0 = T.Zero, s1 = T.Zero, s2 = T.Zero, s3 = T.Zero;
            int e = 0;
            for (; e <= Shape.HeadSize - T.Count; e += T.Count)
            {
                T x = T.Load(q + e);
                s0 = T.MultiplyAdd(x, T.Load(k0 + e), s0);
                s1 = T.MultiplyAdd(x, T.Load(k1 + e), s1);
                s2 = T.MultiplyAdd(x, T.Load(k2 + e), s2);
                s3 = T.MultiplyAdd(x, T.Load(k3 + e), s3);
            }

            if (e < Shape.HeadSize)
            {
                int part = Shape.HeadSize - e;
                T x = T.LoadPart(q + e, part);
                s0 = T.MultiplyAdd(x, T.LoadPart(k0 + e, part), s0);
                s1 = T.MultiplyAdd(x, T.LoadPart(k1 + e, part), s1);
                s2 = T.MultiplyAdd(x, T.LoadPart(k2 + e, part), s2);
                s3 = T.MultiplyAdd(x, T.LoadPart(k3 + e, part), s3);
            }

            scores[j] = Shape.Scale * T.Sum(s0);
            scores[j + 1] = Shape.Scale * T.Sum(s1);
            scores[j + 2] = Shape.Scale * T.Sum(s2);
            scores[j + 3] = Shape.Scale * T.Sum(s3);
        }

        for (; j < count; j++)
        {
            scores[j] = Shape.Scale * AttentionRows<T>.Dot(q, k + (j * KeyStride), Shape.HeadSize);
        }
    }

    /// <summary>result += weights . v, result in scratch and padded to whole registers.</summary>
    private void AddValues(float* weights, float* v, int count, float* result)
    {
        int e = 0;
        for (; e <= Shape.HeadSize - (Parallel * T.Count); e += Parallel * T.Count)
        {
            float* to = result + e;
            T s0 = T.Load(to), s1 = T.Load(to + T.Count), s2 = T.Load(to + (2 * T.Count)), s3 = T.Load(to + (3 * T.Count));
            float* from = v + e;
            for (int j = 0; j < count; j++, from += KeyStride)
            {
                T weight = T.Broadcast(weights[j]);
                s0 = T.MultiplyAdd(weight, T.Load(from), s0);
                s1 = T.MultiplyAdd(weight, T.Load(from + T.Count), s1);
                s2 = T.MultiplyAdd(weight, T.Load(from + (2 * T.Count)), s2);
                s3 = T.MultiplyAdd(weight, T.Load(from + (3 * T.Count)), s3);
            }

            s0.Store(to);
            s1.Store(to + T.Count);
            s2.Store(to + (2 * T.Count));
            s3.Store(to + (3 * T.Count));
        }

        for (; e < Shape.HeadSize; e += T.Count)
        {
            int part = Math.Min(T.Count, Shape.HeadSize - e);
            T s = T.Load(result + e);
            for (int j = 0; j < count; j++)
            {
                s = T.MultiplyAdd(T.Broadcast(weights[j]), T.LoadPart(v + (j * KeyStride) + e, part), s);
            }

            s.Store(result + e);
        }
    }
}

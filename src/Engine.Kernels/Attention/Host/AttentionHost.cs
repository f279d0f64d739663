using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// What attention's forward and backward pass on the cpu device share: the operands, the segments and the order of pieces.
/// </summary>
internal abstract unsafe class AttentionHost : HostLaunch, IHostBody
{
    /// <summary>Queries of a block: enough to pay for packing the keys' block.</summary>
    protected const int QueryBlock = 128;

    /// <summary>Keys of a block: a block of scores stays in the second cache level.</summary>
    protected const int KeyBlock = 192;

    /// <summary>Floats that hold the dropout factors of a block's row, and the registers that read past its end.</summary>
    protected const int FactorBuffer = KeyBlock + DropoutMask.Slack;

    protected AttentionHost(CpuDevice device, AttentionShape shape, AttentionOperands operands)
        : base(device)
    {
        Shape = shape;
        P = operands;
    }

    /// <summary>The forward pass for this machine's registers.</summary>
    public static AttentionHost Forward(CpuDevice device, AttentionShape shape, AttentionViews views)
    {
        AttentionOperands operands = AttentionOperands.Of(views);
        if (Vector512.IsHardwareAccelerated)
        {
            return Forward<Simd512, Tile8<Simd512>>(device, shape, operands);
        }

        return Vector256.IsHardwareAccelerated
            ? Forward<Simd256, Tile4<Simd256>>(device, shape, operands)
            : Forward<Simd128, Tile4<Simd128>>(device, shape, operands);
    }

    /// <summary>The forward pass for registers of one width: segments of at most one query have a form of their own.</summary>
    public static AttentionHost Forward<T, TTile>(CpuDevice device, AttentionShape shape, AttentionOperands operands)
        where T : struct, ISimd<T>
        where TTile : struct, ITile<T> => shape is { MaxQueryLength: 1, Dropout: 0f }
        ? new AttentionSingleQueryHost<T>(device, shape, operands)
        : new AttentionForwardHost<T, TTile>(device, shape, operands);

    /// <summary>The backward pass for this machine's registers.</summary>
    public static AttentionHost Backward(CpuDevice device, AttentionShape shape, AttentionViews views, AttentionGradientViews gradients)
    {
        AttentionOperands operands = AttentionOperands.Of(views, gradients);
        if (Vector512.IsHardwareAccelerated)
        {
            return new AttentionBackwardHost<Simd512, Tile8<Simd512>>(device, shape, operands);
        }

        return Vector256.IsHardwareAccelerated
            ? new AttentionBackwardHost<Simd256, Tile4<Simd256>>(device, shape, operands)
            : new AttentionBackwardHost<Simd128, Tile4<Simd128>>(device, shape, operands);
    }

    /// <summary>The gradient of the bias for this machine's registers.</summary>
    public static AttentionHost BiasGradient(
        CpuDevice device, AttentionShape shape, AttentionViews views, BufferView<float> outputGradient, BufferView<float> dBias,
        bool accumulate)
    {
        AttentionOperands operands = AttentionOperands.Of(views) with
        {
            OutputGradient = CpuDevice.Pointer(outputGradient),
            BiasGradient = CpuDevice.Pointer(dBias),
        };
        if (Vector512.IsHardwareAccelerated)
        {
            return new AttentionBiasHost<Simd512, Tile8<Simd512>>(device, shape, operands, accumulate);
        }

        return Vector256.IsHardwareAccelerated
            ? new AttentionBiasHost<Simd256, Tile4<Simd256>>(device, shape, operands, accumulate)
            : new AttentionBiasHost<Simd128, Tile4<Simd128>>(device, shape, operands, accumulate);
    }

    protected AttentionShape Shape { get; }

    protected AttentionOperands P { get; }

    /// <summary>Elements from one token of q to the next.</summary>
    protected long QueryStride => (long)Shape.Heads * Shape.HeadSize;

    /// <summary>Elements from one token of k to the next.</summary>
    protected long KeyStride => (long)Shape.KeyValueHeads * Shape.HeadSize;

    /// <summary>Query heads that share one key/value head.</summary>
    protected int GroupSize => Shape.Heads / Shape.KeyValueHeads;

    public abstract void Run(int piece, int worker);

    protected sealed override void Execute(HostThreads threads)
    {
        CheckSegments("query", P.QueryStart, Shape.QueryTokens, Shape.MaxQueryLength);
        CheckSegments("key", P.KeyStart, Shape.KeyTokens, Shape.MaxKeyLength);
        CheckBiasPositions();
        ClearDeadTokens(P.QueryStart[Shape.Rows], P.KeyStart[Shape.Rows]);
        threads.For(Pieces, this);
    }

    /// <summary>Pieces of work; each writes outputs no other piece writes.</summary>
    protected abstract int Pieces { get; }

    /// <summary>Writes zeros for the tokens behind the last segment; those of the forward pass's outputs here.</summary>
    protected virtual void ClearDeadTokens(int queryEnd, int keyEnd)
    {
        long dead = Shape.QueryTokens - queryEnd;
        NativeMemory.Clear(P.Output + (queryEnd * QueryStride), (nuint)(dead * QueryStride * sizeof(float)));
        NativeMemory.Clear(P.LogSumExp + ((long)queryEnd * Shape.Heads), (nuint)(dead * Shape.Heads * sizeof(float)));
    }

    /// <summary>The dropout factors of a query's weights from a key on, made in <paramref name="buffer"/>; null without dropout.</summary>
    protected float* DropoutFactors(long query, int head, int firstKey, int count, float* buffer)
    {
        if (Shape.Dropout == 0f)
        {
            return null;
        }

        var mask = new DropoutMask(Shape.Dropout, Shape.DropoutStream, P.Random);
        return mask.Factors((((query * Shape.Heads) + head) * Shape.DropoutPitch) + firstKey, count, buffer);
    }

    /// <summary>What is added to a query's scores of the segment's keys from its first on; null without a bias.</summary>
    protected float* BiasRow(int query, int head) => P.Bias == null ? null : P.Bias + BiasElement(P.BiasPosition[query], head);

    /// <summary>The element at which a row of a head's bias starts.</summary>
    protected long BiasElement(int position, int head) => (((long)head * Shape.BiasQueries) + position) * Shape.MaxKeyLength;

    /// <summary>The first key of the segment that a query sees; those behind it see none before, since positions rise.</summary>
    protected int FirstKey(int query) => Shape.Window > 0 ? Math.Max(P.QueryPosition[query] - Shape.Window + 1, 0) : 0;

    /// <summary>The end of the keys of the segment that a query sees.</summary>
    protected int VisibleKeys(int query, int keys) => Shape.Causal || Shape.Window > 0
        ? Math.Clamp(P.QueryPosition[query] + (Shape.Causal ? 1 : Shape.Window), 0, keys)
        : keys;

    /// <summary>The end of the keys of the segment that any of these queries sees.</summary>
    protected int VisibleKeys(int firstQuery, int queries, int keys)
    {
        if (!Shape.Causal && Shape.Window == 0)
        {
            return keys;
        }

        int visible = 0;
        for (int i = 0; i < queries; i++)
        {
            visible = Math.Max(visible, VisibleKeys(firstQuery + i, keys));
        }

        return visible;
    }

    private void CheckBiasPositions()
    {
        for (int row = 0; P.BiasPosition != null && row < Shape.Rows; row++)
        {
            int least = 0;
            for (int query = P.QueryStart[row]; query < P.QueryStart[row + 1]; query++)
            {
                int position = P.BiasPosition[query];
                if (position < least || position >= Shape.BiasQueries)
                {
                    throw new DeviceException(
                        $"Attention's bias has row {position} for query {query}; rows must rise within a segment, from 0 to below the "
                        + $"{Shape.BiasQueries} of the bias.");
                }

                least = position + 1;
            }
        }
    }

    private void CheckSegments(string what, int* start, int tokens, int maxLength)
    {
        for (int row = 0; row <= Shape.Rows; row++)
        {
            int from = row == 0 ? 0 : start[row - 1], to = start[row];
            if (to < from || to > tokens || (row > 0 && to - from > maxLength))
            {
                throw new DeviceException(
                    $"Attention's {what}Start goes from {from} to {to} at row {row}; offsets must rise from 0 to at most {tokens} tokens, "
                    + $"by at most the {maxLength} tokens of a row that the shape allows.");
            }
        }
    }
}

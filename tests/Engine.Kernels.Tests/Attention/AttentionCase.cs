namespace Engine.Kernels.Tests;

/// <summary>One attention problem: segments, shape and seeded inputs, with dead tokens behind the last segment.</summary>
internal sealed class AttentionCase
{
    public const ulong Seed = 0x1234_5678_9ABCUL;
    public const uint Step = 7;
    private const int DeadTokens = 3;

    public AttentionCase(
        int[] queryLengths, int[] keyLengths, int heads, int keyValueHeads, int headSize, bool causal = false, float dropout = 0f,
        int extraMaxLength = 0, int window = 0, float softCap = 0f, int biasStep = 0)
    {
        QueryStart = Offsets(queryLengths);
        KeyStart = Offsets(keyLengths);
        Shape = new AttentionShape(
            queryLengths.Length, QueryStart[^1] + DeadTokens, KeyStart[^1] + DeadTokens,
            queryLengths.Max() + extraMaxLength, keyLengths.Max() + extraMaxLength, heads, keyValueHeads, headSize,
            (float)(1 / Math.Sqrt(headSize)))
        {
            Causal = causal,
            Window = window,
            SoftCap = softCap,
            Dropout = dropout,
            DropoutStream = 5,
            BiasQueries = biasStep == 0 ? 0 : (biasStep * queryLengths.Max()) + 2,
        };

        // A segment's queries are its last tokens, as they are when earlier keys come from a cache.
        QueryPosition = [.. queryLengths.SelectMany((length, row) => Enumerable.Range(keyLengths[row] - length, length)),
            .. new int[DeadTokens]];
        int queryWidth = heads * headSize, keyWidth = keyValueHeads * headSize;
        Q = Numbers.Values(1, Shape.QueryTokens * queryWidth, 2);
        K = Numbers.Values(2, Shape.KeyTokens * keyWidth, 2);
        V = Numbers.Values(3, Shape.KeyTokens * keyWidth);
        OutputGradient = Numbers.Values(4, Shape.QueryTokens * queryWidth);
        Bias = Numbers.Values(5, (int)Shape.BiasElements, 2);
        BiasPosition = [.. queryLengths.SelectMany(length => Enumerable.Range(0, length).Select(i => (biasStep * i) + 1)),
            .. new int[DeadTokens]];
    }

    private AttentionCase(AttentionCase other)
    {
        (Shape, QueryStart, KeyStart, QueryPosition) = (other.Shape, other.QueryStart, other.KeyStart, other.QueryPosition);
        (Q, K, V, OutputGradient) = (other.Q, other.K, other.V, other.OutputGradient);
        (Bias, BiasPosition) = (other.Bias, other.BiasPosition);
    }

    public AttentionShape Shape { get; }

    public int[] QueryStart { get; }

    public int[] KeyStart { get; }

    public int[] QueryPosition { get; }

    public float[] Q { get; private init; }

    public float[] K { get; private init; }

    public float[] V { get; private init; }

    public float[] OutputGradient { get; private init; }

    /// <summary>[heads, rows, keys]; empty without a bias.</summary>
    public float[] Bias { get; }

    /// <summary>Each query's row: from 1 on, as many rows apart as the case says.</summary>
    public int[] BiasPosition { get; }

    /// <summary>The same problem with rounded inputs.</summary>
    public AttentionCase Rounded(Converter<float, float> round) => new(this)
    {
        Q = Array.ConvertAll(Q, round),
        K = Array.ConvertAll(K, round),
        V = Array.ConvertAll(V, round),
        OutputGradient = Array.ConvertAll(OutputGradient, round),
    };

    public override string ToString() => $"queries {string.Join(',', QueryStart)}, keys {string.Join(',', KeyStart)}, {Shape}";

    private static int[] Offsets(int[] lengths)
    {
        var offsets = new int[lengths.Length + 1];
        for (int row = 0; row < lengths.Length; row++)
        {
            offsets[row + 1] = offsets[row] + lengths[row];
        }

        return offsets;
    }
}

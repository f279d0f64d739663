namespace Engine.Kernels;

/// <summary>What compiled kernels of attention read in every pass; laid out as <see cref="Attention"/> says.</summary>
[Operands]
internal partial struct AttentionInputs
{
    public ArrayView<float> Q;
    public ArrayView<float> K;
    public ArrayView<float> V;
    public ArrayView<int> QueryStart;
    public ArrayView<int> KeyStart;

    /// <summary>Read when causal or with a window.</summary>
    public ArrayView<int> QueryPosition;

    /// <summary>The dropout generator's state; absent without dropout.</summary>
    public ArrayView<uint> Random;

    /// <summary>Added to scores, [heads, bias queries, bias keys]; absent without a bias.</summary>
    public ArrayView<float> Bias;

    /// <summary>Each query's row of a head's bias; absent without one.</summary>
    public ArrayView<int> BiasPosition;

    /// <summary>Rows of a head's bias.</summary>
    public int BiasQueries;

    /// <summary>Elements from one row of the bias to the next.</summary>
    public int BiasKeys;

    /// <summary>Segments.</summary>
    public int Rows;

    /// <summary>Tokens of q, dead tail included.</summary>
    public int QueryTokens;

    /// <summary>Tokens of k and v, dead tail included.</summary>
    public int KeyTokens;
    public int Heads;
    public int KeyValueHeads;
    public float Scale;

    /// <summary>Elements of the dropout mask from one head's keys to the next.</summary>
    public int DropoutPitch;

    /// <summary>The mask's Philox stream.</summary>
    public uint Stream;

    /// <summary>Random words below it drop a weight.</summary>
    public uint Threshold;

    /// <summary>What a weight that is kept is multiplied by.</summary>
    public float Factor;

    public static Buffers Of(AttentionShape shape, AttentionViews views) => new()
    {
        Q = views.Q,
        K = views.K,
        V = views.V,
        QueryStart = views.QueryStart,
        KeyStart = views.KeyStart,
        QueryPosition = views.QueryPosition,
        Random = views.Random ?? default,
        Bias = views.Bias?.Values ?? default,
        BiasPosition = views.Bias?.Position ?? default,
        BiasQueries = shape.BiasQueries,
        BiasKeys = shape.MaxKeyLength,
        Rows = shape.Rows,
        QueryTokens = shape.QueryTokens,
        KeyTokens = shape.KeyTokens,
        Heads = shape.Heads,
        KeyValueHeads = shape.KeyValueHeads,
        Scale = shape.Scale,
        DropoutPitch = shape.DropoutPitch,
        Stream = shape.DropoutStream,
        Threshold = Dropouts.Threshold(shape.Dropout),
        Factor = Dropouts.Factor(shape.Dropout),
    };
}

/// <summary>What the backward pass reads beside them.</summary>
[Operands]
internal partial struct AttentionGradientInputs
{
    public ArrayView<float> LogSumExp;
    public ArrayView<float> OutputGradient;

    /// <summary>Each row's output times its gradient, summed: [query tokens, heads].</summary>
    public ArrayView<float> Dots;

    public static Buffers Of(AttentionViews views, BufferView<float> outputGradient, BufferView<float> dots) =>
        new() { LogSumExp = views.LogSumExp, OutputGradient = outputGradient, Dots = dots };
}

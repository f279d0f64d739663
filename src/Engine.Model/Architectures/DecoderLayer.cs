namespace Engine.Model.Architectures;

/// <summary>Where a decoder's layer normalizes: before each block, behind it (its result, before the residual sum), or both.</summary>
internal enum NormPlacement
{
    Before,
    Behind,
    Around,
}

/// <summary>What is normalized of queries and keys before they are turned.</summary>
internal enum QueryKeyNorm
{
    None,

    /// <summary>Each head by itself.</summary>
    Heads,

    /// <summary>A token's heads together.</summary>
    Rows,
}

/// <summary>What the layers of one family of decoders have and those of another lack.</summary>
internal sealed record DecoderLayer
{
    /// <summary>Biases on the projections to queries, keys and values.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>A bias on attention's output projection.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Biases in the feed-forward.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>One linear layer gives queries, keys and values, and one the feed-forward's gate and values.</summary>
    public bool Fused { get; init; }

    public QueryKeyNorm QueryKeyNorm { get; init; }

    public NormPlacement Norms { get; init; }

    /// <summary>Norms multiply by 1 + weight, and their weights start at 0.</summary>
    public bool NormsByOneMore { get; init; }

    /// <summary>The feed-forward is gated by the tanh approximation of GELU in place of SiLU.</summary>
    public bool GatedByGelu { get; init; }

    /// <summary>What word embeddings are multiplied by.</summary>
    public float EmbeddingScale { get; init; } = 1;
}

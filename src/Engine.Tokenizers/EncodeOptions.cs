namespace Engine.Tokenizers;

/// <summary>How <see cref="Tokenizer.Encode(string, string?, EncodeOptions)"/> treats special tokens, length and padding.</summary>
public sealed record EncodeOptions
{
    /// <summary>Special tokens as the model was trained with them; nothing cut, nothing padded.</summary>
    public static EncodeOptions Default { get; } = new();

    /// <summary>Whether the post-processor adds its special tokens.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The most tokens, special ones included; null for no limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Which of the texts is cut.</summary>
    public TruncationStrategy Truncation { get; init; } = TruncationStrategy.LongestFirst;

    /// <summary>Whether to pad up to <see cref="MaxLength"/>.</summary>
    public bool PadToMaxLength { get; init; }
}

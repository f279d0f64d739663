namespace Engine.Tokenizers;

/// <summary>
/// How <see cref="Tokenizer.Encode(string, string?, EncodeOptions)"/> treats special tokens, length and padding, and what it gives.
/// </summary>
public sealed record EncodeOptions
{
    /// <summary>Special tokens as the model was trained with them; nothing cut, nothing padded, no offsets.</summary>
    public static EncodeOptions Default { get; } = new();

    /// <summary>Whether the post-processor adds its special tokens.</summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>The most tokens, special ones included; null for no limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Which of the texts is cut.</summary>
    public TruncationStrategy Truncation { get; init; } = TruncationStrategy.LongestFirst;

    /// <summary>Whether to pad up to <see cref="MaxLength"/>.</summary>
    public bool PadToMaxLength { get; init; }

    /// <summary>Whether <see cref="Encoding.Offsets"/> are wanted, as <c>return_offsets_mapping</c> of Transformers says.</summary>
    public bool Offsets { get; init; }

    /// <summary>Whether offsets go by <c>trim_offsets</c> of the post-processor.</summary>
    internal bool TrimOffsets { get; init; } = true;

    /// <summary>Whether the normalizer rewrites the text.</summary>
    internal bool Normalize { get; init; } = true;

    /// <summary>Whether the pre-tokenizer cuts the text.</summary>
    internal bool PreTokenize { get; init; } = true;
}

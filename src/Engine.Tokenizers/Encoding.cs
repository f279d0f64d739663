namespace Engine.Tokenizers;

/// <summary>What a tokenizer makes of a text or a pair of texts; all arrays are of equal length.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="TypeIds">Token types (<c>token_type_ids</c>).</param>
/// <param name="AttentionMask">1 for tokens, 0 for padding.</param>
/// <param name="SpecialTokensMask">1 for tokens that the tokenizer added, 0 for tokens of the texts.</param>
public sealed record Encoding(int[] Ids, int[] TypeIds, int[] AttentionMask, int[] SpecialTokensMask)
{
    /// <summary>The number of tokens, padding included.</summary>
    public int Length => Ids.Length;

    /// <summary>Whether tokens of the texts were cut off to keep to a maximum length.</summary>
    public bool IsTruncated { get; init; }

    /// <summary>
    /// For each token the part of its text (the first or the second) that it stands for, where <see cref="EncodeOptions.Offsets"/> asked
    /// for them; null otherwise. They are those of Hugging Face's <c>offset_mapping</c>, in UTF-16 units instead of code points: special
    /// tokens and padding have (0, 0); each of the tokens that make up one character (bytes of UTF-8) has the whole character; what a
    /// normalizer composed of several characters has the first of them; and tokenizers whose post-processor says <c>trim_offsets</c> leave
    /// the blanks around a token out. One case is apart: characters that the vocabulary lacks and no unknown token stands for shift nothing
    /// here.
    /// </summary>
    public TokenOffset[]? Offsets { get; init; }

    /// <summary>This encoding, padded to <paramref name="length"/>; as it is where it is as long or longer.</summary>
    internal Encoding Pad(int length, int padId, Side side)
    {
        int missing = length - Length;
        return missing <= 0
            ? this
            : new Encoding(Fill(Ids, padId), Fill(TypeIds, 0), Fill(AttentionMask, 0), Fill(SpecialTokensMask, 1))
            {
                IsTruncated = IsTruncated,
                Offsets = Offsets is null ? null : Fill(Offsets, default),
            };

        T[] Fill<T>(T[] values, T value)
        {
            IEnumerable<T> padding = Enumerable.Repeat(value, missing);
            return side == Side.Right ? [.. values, .. padding] : [.. padding, .. values];
        }
    }
}

/// <summary>A window of a text behind another text.</summary>
/// <param name="Encoding">Both, with offsets.</param>
/// <param name="Start">The place of the window's first token.</param>
/// <param name="Count">The window's tokens.</param>
internal sealed record TextWindow(Encoding Encoding, int Start, int Count);

/// <summary>An end of a sequence.</summary>
public enum Side
{
    /// <summary>The end.</summary>
    Right,

    /// <summary>The start.</summary>
    Left,
}

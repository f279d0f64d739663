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

    /// <summary>This encoding, padded to <paramref name="length"/>; as it is where it is as long or longer.</summary>
    internal Encoding Pad(int length, int padId, Side side)
    {
        int missing = length - Length;
        return missing <= 0
            ? this
            : new Encoding(Fill(Ids, padId), Fill(TypeIds, 0), Fill(AttentionMask, 0), Fill(SpecialTokensMask, 1)) { IsTruncated = IsTruncated };

        int[] Fill(int[] values, int value)
        {
            IEnumerable<int> padding = Enumerable.Repeat(value, missing);
            return side == Side.Right ? [.. values, .. padding] : [.. padding, .. values];
        }
    }
}

/// <summary>An end of a sequence.</summary>
public enum Side
{
    /// <summary>The end.</summary>
    Right,

    /// <summary>The start.</summary>
    Left,
}

using System.Numerics;

namespace Engine.Model.Batching;

/// <summary>
/// The token counts plans are made for. Rounding a batch up to one of them keeps the plans few: from 256 tokens on the dead tail is at most
/// an eighth of the batch, and there are six to eight counts per doubling.
/// </summary>
internal static class TokenBuckets
{
    /// <summary>Every bucket is a multiple of this, which suits the tiles of the matrix products.</summary>
    public const int Multiple = 32;

    /// <summary>
    /// The shortest bound of rows: attention's kernels take so many tokens of a row at once, so that a closer bound saves nothing.
    /// </summary>
    private const int ShortestRow = 64;

    /// <summary>
    /// The bound of a batch's rows whose longest has this many tokens: a power of two, of which few meet each count of tokens.
    /// </summary>
    public static int RoundUpRow(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        return tokens <= ShortestRow ? ShortestRow : (int)Math.Min(int.MaxValue, BitOperations.RoundUpToPowerOf2((ulong)tokens));
    }

    /// <summary>The smallest bucket that holds this many tokens.</summary>
    public static int RoundUp(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        int bucket = Multiple;
        while (bucket < tokens)
        {
            int grown = checked(bucket + (bucket / 8));
            bucket = Math.Max(bucket + Multiple, grown / Multiple * Multiple);
        }

        return bucket;
    }
}

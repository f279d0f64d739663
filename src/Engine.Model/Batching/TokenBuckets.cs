namespace Engine.Model.Batching;

/// <summary>
/// The token counts plans are made for. Rounding a batch up to one of them keeps the plans few: from 256 tokens on the dead tail is at most
/// an eighth of the batch, and there are six to eight counts per doubling.
/// </summary>
public static class TokenBuckets
{
    /// <summary>Every bucket is a multiple of this, which suits the tiles of the matrix products.</summary>
    public const int Multiple = 32;

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

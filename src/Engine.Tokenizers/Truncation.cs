namespace Engine.Tokenizers;

/// <summary>Which text of a pair is cut to fit.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, then both.</summary>
    LongestFirst,

    /// <summary>Only the first.</summary>
    OnlyFirst,

    /// <summary>Only the second.</summary>
    OnlySecond,
}

/// <summary>Cuts texts to a number of tokens as Hugging Face's tokenizers does.</summary>
internal static class Truncation
{
    /// <param name="first">Tokens of the first text; cut in place.</param>
    /// <param name="second">Tokens of the second text, if there is one; cut in place.</param>
    /// <param name="maxLength">The most tokens of both, special tokens not counted.</param>
    /// <param name="strategy">Which one is cut.</param>
    /// <param name="side">Which end is cut off.</param>
    /// <returns>Whether anything was cut.</returns>
    /// <exception cref="ArgumentException">The text that may be cut is too short.</exception>
    public static bool Apply<T>(List<T> first, List<T>? second, int maxLength, TruncationStrategy strategy, Side side)
    {
        int excess = first.Count + (second?.Count ?? 0) - maxLength;
        if (excess <= 0)
        {
            return false;
        }

        (int keepFirst, int keepSecond) = strategy switch
        {
            TruncationStrategy.LongestFirst => second is null ? (maxLength, 0) : LongestFirst(first.Count, second.Count, maxLength),
            TruncationStrategy.OnlyFirst => (first.Count - excess, second?.Count ?? 0),
            _ => (first.Count, (second?.Count ?? 0) - excess),
        };
        if (keepFirst < 0 || keepSecond < 0)
        {
            throw new ArgumentException(
                $"Truncation {strategy} cannot cut texts of {first.Count} and {second?.Count ?? 0} tokens to {maxLength}; "
                    + $"raise the maximum length or use {TruncationStrategy.LongestFirst}.");
        }

        Cut(first, keepFirst, side);
        if (second is not null)
        {
            Cut(second, keepSecond, side);
        }

        return true;
    }

    /// <summary>
    /// The shorter text keeps all it has as long as the longer one can make room; then each gets half, the longer one the odd token.
    /// </summary>
    private static (int First, int Second) LongestFirst(int first, int second, int maxLength)
    {
        int shorter = Math.Min(first, second);
        int longer = shorter > maxLength ? shorter : Math.Max(shorter, maxLength - shorter);
        if (shorter + longer > maxLength)
        {
            shorter = maxLength / 2;
            longer = shorter + (maxLength % 2);
        }

        return first > second ? (longer, shorter) : (shorter, longer);
    }

    private static void Cut<T>(List<T> tokens, int keep, Side side) =>
        tokens.RemoveRange(side == Side.Right ? Math.Min(keep, tokens.Count) : 0, Math.Max(0, tokens.Count - keep));
}

namespace Engine.Model.Execution;

/// <summary>
/// A batch without padding, on the host: the tokens of its texts lie one after another.
/// </summary>
public sealed class RaggedBatch
{
    /// <summary>Token ids, [tokens].</summary>
    public required int[] InputIds { get; init; }

    /// <summary>Token type ids, [tokens].</summary>
    public required int[] TypeIds { get; init; }

    /// <summary>Where each text starts, and the end of the last one, [rows + 1].</summary>
    public required int[] RowStart { get; init; }

    /// <summary>A class for each text, or a vocabulary id for each token; -100: not counted. Null where there are none.</summary>
    public int[]? Labels { get; init; }

    /// <summary>A number for each text, for regression; NaN: not counted.</summary>
    public float[]? Targets { get; init; }

    public int Rows => RowStart.Length - 1;

    public int Tokens => InputIds.Length;

    /// <summary>The longest text in tokens.</summary>
    public int LongestRow
    {
        get
        {
            int longest = 0;
            for (int row = 0; row < Rows; row++)
            {
                longest = Math.Max(longest, RowStart[row + 1] - RowStart[row]);
            }

            return longest;
        }
    }
}

/// <summary>The extents a plan is made for: batches of one shape share a plan.</summary>
/// <param name="Rows">Texts.</param>
/// <param name="Tokens">Tokens, rounded up to a bucket.</param>
/// <param name="Selected">Places at which logits are computed.</param>
public readonly record struct BatchShape(int Rows, int Tokens, int Selected)
{
    /// <summary>Smallest bucket, and the step of the small ones.</summary>
    private const int Step = 32;

    /// <summary>Rounds a number of tokens up so that few shapes occur: steps of 32, growing with the size to waste at most an eighth.</summary>
    public static int Bucket(int tokens)
    {
        int step = Step;
        while (step * 16 < tokens)
        {
            step *= 2;
        }

        return Math.Max((tokens + step - 1) / step * step, Step);
    }
}

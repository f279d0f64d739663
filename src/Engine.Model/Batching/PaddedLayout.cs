namespace Engine.Model.Batching;

/// <summary>
/// Where the real tokens of a padded batch [rows, length] lie, and the way between that layout of Transformers and the ragged one.
/// Rows may be padded on the right or on the left; positions start at the first real token.
/// </summary>
internal sealed class PaddedLayout
{
    private readonly string source;
    private readonly int[] rowStart;
    private readonly int[] firstColumn;

    private PaddedLayout(string source, int rows, int length, int[] rowStart, int[] firstColumn)
    {
        this.source = source;
        Rows = rows;
        Length = length;
        this.rowStart = rowStart;
        this.firstColumn = firstColumn;
    }

    /// <summary>Texts.</summary>
    public int Rows { get; }

    /// <summary>Columns, padding included.</summary>
    public int Length { get; }

    /// <summary>Real tokens.</summary>
    public int TokenCount => rowStart[^1];

    /// <summary>The first row with padding before its tokens; null where there is none.</summary>
    public int? FirstRowPaddedBefore => Array.FindIndex(firstColumn, column => column > 0) is var row and >= 0 ? row : null;

    /// <summary>Reads a mask.</summary>
    /// <param name="source">The file (and batch) the mask comes from, for messages.</param>
    /// <param name="attentionMask">[rows, length]: 1 for a token, 0 for padding.</param>
    /// <exception cref="DataFileException">A value other than 0 and 1, a hole between tokens, a row of padding only.</exception>
    public static PaddedLayout FromMask(string source, ReadOnlySpan<int> attentionMask, int rows, int length)
    {
        RequireSize(source, "attention_mask", attentionMask.Length, rows, length);
        int[] rowStart = new int[rows + 1];
        int[] firstColumn = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<int> mask = attentionMask.Slice(row * length, length);
            int strange = mask.IndexOfAnyExcept(0, 1);
            if (strange >= 0)
            {
                throw new DataFileException(
                    source, $"attention_mask: row {row}, column {strange} is {mask[strange]}; 0 or 1 was expected.");
            }

            int first = mask.IndexOf(1);
            if (first < 0)
            {
                throw new DataFileException(source, $"attention_mask: row {row} is padding only; every row needs a token.");
            }

            int last = mask.LastIndexOf(1);
            int hole = mask[first..last].IndexOf(0);
            if (hole >= 0)
            {
                throw new DataFileException(
                    source,
                    $"attention_mask: row {row} has a hole at column {first + hole}, between tokens; "
                        + "padding may stand only before or after a row's tokens.");
            }

            firstColumn[row] = first;
            rowStart[row + 1] = rowStart[row] + last - first + 1;
        }

        return new PaddedLayout(source, rows, length, rowStart, firstColumn);
    }

    /// <summary>The layout of a batch padded on the right to <paramref name="length"/>.</summary>
    public static PaddedLayout PadRight(RaggedBatch batch, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, batch.LongestRow);
        return new PaddedLayout("batch", batch.RowCount, length, batch.RowStart, new int[batch.RowCount]);
    }

    /// <summary>The ragged batch of padded ids; what stands at padding is dropped.</summary>
    /// <param name="inputIds">[rows, length]</param>
    /// <param name="tokenTypeIds">[rows, length], or empty.</param>
    public RaggedBatch ToRagged(ReadOnlySpan<int> inputIds, ReadOnlySpan<int> tokenTypeIds = default)
    {
        RequireSize(source, "input_ids", inputIds.Length, Rows, Length);
        RaggedBatch batch = RaggedBatch.WithRowStart([.. rowStart]);
        Gather(inputIds, 1, batch.InputIds);
        if (!tokenTypeIds.IsEmpty)
        {
            RequireSize(source, "token_type_ids", tokenTypeIds.Length, Rows, Length);
            Gather(tokenTypeIds, 1, batch.TypeIds);
        }

        return batch;
    }

    /// <summary>The batch with the padding behind its rows, which attention looks at nowhere.</summary>
    /// <param name="inputIds">[rows, length]</param>
    /// <param name="tokenTypeIds">[rows, length], or empty.</param>
    public RaggedBatch WithPadding(ReadOnlySpan<int> inputIds, ReadOnlySpan<int> tokenTypeIds = default)
    {
        RequireSize(source, "input_ids", inputIds.Length, Rows, Length);
        RaggedBatch batch = RaggedBatch.WithRowStart([.. Enumerable.Range(0, Rows + 1).Select(row => row * Length)]);
        inputIds.CopyTo(batch.InputIds);
        tokenTypeIds.CopyTo(batch.TypeIds);
        int[] last = [.. Enumerable.Range(0, Rows * Length).Select(token => rowStart[(token / Length) + 1] - rowStart[token / Length] - 1)];
        return batch with { LastVisible = last };
    }

    /// <summary>Labels per token, [rows, length] to [tokens].</summary>
    /// <exception cref="DataFileException">A label at padding: Transformers would count it, a ragged batch cannot.</exception>
    public int[] TokenLabels(ReadOnlySpan<int> labels)
    {
        RequireSize(source, "labels", labels.Length, Rows, Length);
        for (int row = 0; row < Rows; row++)
        {
            int end = firstColumn[row] + rowStart[row + 1] - rowStart[row];
            for (int column = 0; column < Length; column++)
            {
                if ((column < firstColumn[row] || column >= end) && labels[(row * Length) + column] != RaggedBatch.IgnoredLabel)
                {
                    throw new DataFileException(
                        source,
                        $"labels: row {row}, column {column} is {labels[(row * Length) + column]} at padding; {RaggedBatch.IgnoredLabel} "
                            + "was expected.");
                }
            }
        }

        int[] ragged = new int[TokenCount];
        Gather(labels, 1, ragged);
        return ragged;
    }

    /// <summary>Takes the real tokens: padded [rows, length, width] to ragged [tokens, width].</summary>
    public void Gather<T>(ReadOnlySpan<T> padded, int width, Span<T> ragged)
    {
        for (int row = 0; row < Rows; row++)
        {
            (int from, int to, int count) = Segment(row, width);
            padded.Slice(from, count).CopyTo(ragged[to..]);
        }
    }

    /// <summary>
    /// Puts tokens back: ragged [tokens, width] to padded [rows, length, width]; padding receives <paramref name="fill"/>.
    /// </summary>
    public void Scatter<T>(ReadOnlySpan<T> ragged, int width, Span<T> padded, T fill)
    {
        padded[..checked(Rows * Length * width)].Fill(fill);
        for (int row = 0; row < Rows; row++)
        {
            (int to, int from, int count) = Segment(row, width);
            ragged.Slice(from, count).CopyTo(padded[to..]);
        }
    }

    private (int Padded, int Ragged, int Count) Segment(int row, int width) => (
        checked(((row * Length) + firstColumn[row]) * width),
        checked(rowStart[row] * width),
        checked((rowStart[row + 1] - rowStart[row]) * width));

    private static void RequireSize(string source, string tensor, int elements, int rows, int length)
    {
        if (rows < 1 || length < 1 || elements != (long)rows * length)
        {
            throw new DataFileException(source, $"{tensor} has {elements} elements; [{rows}, {length}] was expected.");
        }
    }
}

namespace Engine.Model.Batching;

/// <summary>
/// The tokens of a batch, one row after another without padding. The arrays per token may be longer than <see cref="TokenCount"/>:
/// what follows is the dead tail that rounds a batch up to its bucket.
/// </summary>
internal sealed record RaggedBatch
{
    /// <summary>Marks a token or a row that the loss does not read.</summary>
    public const int IgnoredLabel = -100;

    /// <summary>[capacity] Token ids; 0 in the tail.</summary>
    public required int[] InputIds { get; init; }

    /// <summary>[capacity] A token's place in its row, from 0; 0 in the tail. RoBERTa's offset is the model's business.</summary>
    public required int[] Positions { get; init; }

    /// <summary>[capacity] A token's row; -1 in the tail.</summary>
    public required int[] Rows { get; init; }

    /// <summary>[capacity] Segment ids; 0 where the input has none.</summary>
    public required int[] TypeIds { get; init; }

    /// <summary>[rows + 1] Offset of each row's first token; the last entry is <see cref="TokenCount"/>.</summary>
    public required int[] RowStart { get; init; }

    /// <summary>
    /// [texts + 1] Where a row has several texts, equally many each, the offset of each text's first token; null: a row is a text.
    /// </summary>
    public int[]? TextStart { get; init; }

    /// <summary>The offset of each text's first token, and <see cref="TokenCount"/>.</summary>
    public int[] Texts => TextStart ?? RowStart;

    /// <summary>Texts of all rows.</summary>
    public int TextCount => Texts.Length - 1;

    /// <summary>Texts of a row.</summary>
    public int TextsPerRow => TextStart is null ? 1 : TextCount / RowCount;

    /// <summary>[rows] Class indices of a classification task, or numbers of the chosen text of a row; else null.</summary>
    public int[]? ClassLabels { get; init; }

    /// <summary>
    /// [rows] Targets of a regression task, [rows, classes] where a text has any number of classes (1: it has it); NaN where the loss reads
    /// none; else null.
    /// </summary>
    public float[]? Targets { get; init; }

    /// <summary>
    /// [rows, 2] The first and the last token of each row's answer, as places in the row, <see cref="IgnoredLabel"/> where the loss reads
    /// none; null for other tasks.
    /// </summary>
    public int[]? SpanLabels { get; init; }

    /// <summary>
    /// [capacity] The token id a language model must name at each token, <see cref="IgnoredLabel"/> where the loss reads none; null for
    /// other tasks. For a causal model that is the next token's label: see <see cref="WithNextTokenLabels"/>.
    /// </summary>
    public int[]? TokenLabels { get; init; }

    /// <summary>
    /// [capacity] Where rows end in padding, which is computed as Transformers computes it: the index in its row of the last token that
    /// each token attends to. Null: there is no padding.
    /// </summary>
    public int[]? LastVisible { get; init; }

    /// <summary>Tokens, padding that the batch keeps included.</summary>
    public int TokenCount => RowStart[^1];

    /// <summary>Samples: texts, or what has several.</summary>
    public int RowCount => RowStart.Length - 1;

    /// <summary>Tokens with the dead tail.</summary>
    public int Capacity => InputIds.Length;

    /// <summary>Tokens of the longest text.</summary>
    public int LongestRow
    {
        get
        {
            int longest = 0;
            for (int text = 0; text < TextCount; text++)
            {
                longest = Math.Max(longest, Texts[text + 1] - Texts[text]);
            }

            return longest;
        }
    }

    /// <summary>Targets of a row.</summary>
    public int TargetColumns => Targets is { } targets ? targets.Length / Math.Max(1, RowCount) : 1;

    /// <summary>Labels the loss reads: labelled tokens of a language model, else labelled rows.</summary>
    public int LabelCount => TokenLabels is { } labels ? Labelled(labels) : RowLabels();

    /// <summary>The same of some of the rows.</summary>
    public int LabelCountOf(ReadOnlySpan<int> rows)
    {
        int count = 0;
        foreach (int row in rows)
        {
            count += TokenLabels is { } labels ? Labelled(labels.AsSpan(RowStart[row]..RowStart[row + 1])) : HasRowLabel(row) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Lays rows one after another.</summary>
    /// <param name="rows">Token ids of each row, none empty, and their segment ids (null: all 0).</param>
    public static RaggedBatch FromRows(IReadOnlyList<(int[] InputIds, int[]? TypeIds)> rows)
    {
        int[] rowStart = new int[rows.Count + 1];
        for (int row = 0; row < rows.Count; row++)
        {
            (int[] ids, int[]? types) = rows[row];
            if (ids.Length == 0 || (types is not null && types.Length != ids.Length))
            {
                throw new ArgumentException(
                    $"Row {row} has {ids.Length} tokens and {types?.Length ?? ids.Length} segment ids; "
                        + "at least one token and equally many were expected.", nameof(rows));
            }

            rowStart[row + 1] = checked(rowStart[row] + ids.Length);
        }

        RaggedBatch batch = WithRowStart(rowStart);
        for (int row = 0; row < rows.Count; row++)
        {
            rows[row].InputIds.CopyTo(batch.InputIds, rowStart[row]);
            rows[row].TypeIds?.CopyTo(batch.TypeIds, rowStart[row]);
        }

        return batch;
    }

    /// <summary>The same texts, so many of them a row.</summary>
    public RaggedBatch InRowsOf(int texts) => texts == 1 ? this : this with
    {
        TextStart = RowStart,
        RowStart = [.. RowStart.Where((_, text) => text % texts == 0)],
        Rows = [.. Rows.Select(row => row < 0 ? row : row / texts)],
    };

    /// <summary>A batch with room for so many rows and tokens and the labels that this one has, for <see cref="CopyRows"/>.</summary>
    public RaggedBatch RoomFor(int rows, int tokens) => new()
    {
        InputIds = new int[tokens],
        Positions = new int[tokens],
        Rows = new int[tokens],
        TypeIds = new int[tokens],
        RowStart = new int[rows + 1],
        TextStart = TextStart is null ? null : new int[(rows * TextsPerRow) + 1],
        ClassLabels = ClassLabels is null ? null : new int[rows],
        Targets = Targets is null ? null : new float[rows * TargetColumns],
        SpanLabels = SpanLabels is null ? null : new int[rows * 2],
        TokenLabels = TokenLabels is null ? null : new int[tokens],
        LastVisible = LastVisible is null ? null : new int[tokens],
    };

    /// <summary>Writes some of the rows, in the given order, over another batch's, which then has these alone; allocates nothing.</summary>
    /// <param name="rows">As many rows as <paramref name="target"/> has.</param>
    /// <param name="target">A batch of <see cref="RoomFor"/>.</param>
    public void CopyRows(ReadOnlySpan<int> rows, RaggedBatch target)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(target.RowCount, rows.Length);
        int tokens = 0, targetColumns = TargetColumns;
        for (int i = 0; i < rows.Length; i++)
        {
            int first = RowStart[rows[i]], length = RowStart[rows[i] + 1] - first;
            Array.Copy(InputIds, first, target.InputIds, tokens, length);
            Array.Copy(Positions, first, target.Positions, tokens, length);
            Array.Copy(TypeIds, first, target.TypeIds, tokens, length);
            target.Rows.AsSpan(tokens, length).Fill(i);
            target.RowStart[i] = tokens;
            for (int text = 0; TextStart is not null && text < TextsPerRow; text++)
            {
                target.TextStart![(i * TextsPerRow) + text] = tokens + TextStart[(rows[i] * TextsPerRow) + text] - first;
            }

            if (ClassLabels is not null)
            {
                target.ClassLabels![i] = ClassLabels[rows[i]];
            }

            if (Targets is not null)
            {
                Array.Copy(Targets, rows[i] * targetColumns, target.Targets!, i * targetColumns, targetColumns);
            }

            if (SpanLabels is not null)
            {
                Array.Copy(SpanLabels, 2 * rows[i], target.SpanLabels!, 2 * i, 2);
            }

            if (TokenLabels is not null)
            {
                Array.Copy(TokenLabels, first, target.TokenLabels!, tokens, length);
            }

            if (LastVisible is not null)
            {
                Array.Copy(LastVisible, first, target.LastVisible!, tokens, length);
            }

            tokens += length;
        }

        target.RowStart[rows.Length] = tokens;
        target.Texts[^1] = tokens;
        target.InputIds.AsSpan(tokens).Clear();
        target.Positions.AsSpan(tokens).Clear();
        target.TypeIds.AsSpan(tokens).Clear();
        target.Rows.AsSpan(tokens).Fill(-1);
        if (target.TokenLabels is { } labels)
        {
            labels.AsSpan(tokens).Fill(IgnoredLabel);
        }
    }

    /// <summary>The same batch with a dead tail up to <paramref name="capacity"/> tokens.</summary>
    public RaggedBatch PadTo(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, TokenCount);
        return capacity == Capacity
            ? this
            : this with
            {
                InputIds = Extend(InputIds, capacity, 0),
                Positions = Extend(Positions, capacity, 0),
                Rows = Extend(Rows, capacity, -1),
                TypeIds = Extend(TypeIds, capacity, 0),
                TokenLabels = TokenLabels is null ? null : Extend(TokenLabels, capacity, IgnoredLabel),
                LastVisible = LastVisible is null ? null : Extend(LastVisible, capacity, 0),
            };
    }

    /// <summary>
    /// The same batch for a causal model. Labels as Transformers has them stand at the token they name; each is moved to the token before
    /// it in its row, whose logits are held against it. The first label of a row has none before it and is left out.
    /// </summary>
    /// <param name="labels">One for each token.</param>
    public RaggedBatch WithNextTokenLabels(ReadOnlySpan<int> labels)
    {
        int[] next = new int[Capacity];
        next.AsSpan().Fill(IgnoredLabel);
        for (int row = 0; row < RowCount; row++)
        {
            labels[(RowStart[row] + 1)..RowStart[row + 1]].CopyTo(next.AsSpan(RowStart[row]));
        }

        return this with { TokenLabels = next };
    }

    /// <summary>Checks every index against the tables it is looked up in, as kernels do not.</summary>
    /// <param name="source">What the batch was made from, for the message.</param>
    /// <param name="vocabularySize">Rows of the word embedding.</param>
    /// <param name="maxLength">Longest row the model takes.</param>
    /// <param name="typeVocabularySize">Rows of the segment embedding; 0 for a model without one.</param>
    /// <param name="tokenClasses">Classes of a token; null: the vocabulary.</param>
    /// <exception cref="DataFileException">An index outside its table.</exception>
    public void RequireWithin(string source, int vocabularySize, int maxLength, int typeVocabularySize, int? tokenClasses = null)
    {
        for (int token = 0; token < TokenCount; token++)
        {
            RequireIndex(source, "input_ids", token, InputIds[token], vocabularySize, "the vocabulary");
            RequireIndex(source, "token_type_ids", token, TypeIds[token], Math.Max(1, typeVocabularySize), "the segment embedding");
            if (TokenLabels is not null && TokenLabels[token] != IgnoredLabel)
            {
                RequireIndex(
                    source, "labels", token, TokenLabels[token], tokenClasses ?? vocabularySize,
                    tokenClasses is null ? "the vocabulary" : "the classifier");
            }
        }

        if (LongestRow > maxLength)
        {
            throw new DataFileException(source, $"a row has {LongestRow} tokens; the model takes at most {maxLength}.");
        }
    }

    /// <summary>Checks that every class label is -100 or below <paramref name="classes"/>.</summary>
    /// <exception cref="DataFileException">A label outside the model's classes.</exception>
    public void RequireClasses(string source, int classes)
    {
        for (int row = 0; row < (ClassLabels?.Length ?? 0); row++)
        {
            int label = ClassLabels![row];
            if (label != IgnoredLabel && (label < 0 || label >= classes))
            {
                throw new DataFileException(
                    source,
                    $"labels: row {row} has {label}; the model has {classes} classes (0 to {classes - 1}; {IgnoredLabel}: ignored).");
            }
        }
    }

    /// <summary>An empty batch of this shape: positions and rows are set, ids and segment ids are 0.</summary>
    public static RaggedBatch WithRowStart(int[] rowStart)
    {
        int tokens = rowStart[^1];
        int[] positions = new int[tokens];
        int[] rows = new int[tokens];
        for (int row = 0; row + 1 < rowStart.Length; row++)
        {
            for (int token = rowStart[row]; token < rowStart[row + 1]; token++)
            {
                positions[token] = token - rowStart[row];
                rows[token] = row;
            }
        }

        return new RaggedBatch
        {
            InputIds = new int[tokens],
            Positions = positions,
            Rows = rows,
            TypeIds = new int[tokens],
            RowStart = rowStart
        };
    }

    /// <summary>Checks that every answer lies in its row.</summary>
    /// <exception cref="DataFileException">A place behind a row's last token.</exception>
    public void RequireSpans(string source)
    {
        for (int i = 0; i < (SpanLabels?.Length ?? 0); i++)
        {
            int place = SpanLabels![i], length = RowStart[(i / 2) + 1] - RowStart[i / 2];
            if (place != IgnoredLabel && (place < 0 || place >= length))
            {
                throw new DataFileException(
                    source,
                    $"{(i % 2 == 0 ? "start" : "end")}_positions: row {i / 2} has {place}; the row has {length} tokens (0 to {length - 1}; "
                        + $"{IgnoredLabel}: ignored).");
            }
        }
    }

    private bool HasRowLabel(int row) => SpanLabels is { } spans ? spans.AsSpan(2 * row, 2).ContainsAnyExcept(IgnoredLabel) :
        ClassLabels is { } classes ? classes[row] != IgnoredLabel : Targets is { } targets && !float.IsNaN(targets[row * TargetColumns]);

    private int RowLabels()
    {
        int count = 0;
        for (int row = 0; row < RowCount; row++)
        {
            count += HasRowLabel(row) ? 1 : 0;
        }

        return count;
    }

    private static int Labelled(ReadOnlySpan<int> labels) => labels.Length - labels.Count(IgnoredLabel);

    private void RequireIndex(string source, string tensor, int token, int value, int size, string table)
    {
        if (value < 0 || value >= size)
        {
            throw new DataFileException(
                source, $"{tensor}: row {Rows[token]}, token {Positions[token]} is {value}; {table} has {size} rows (0 to {size - 1}).");
        }
    }

    private int[] Extend(int[] values, int capacity, int fill)
    {
        int[] extended = new int[capacity];
        values.AsSpan(0, TokenCount).CopyTo(extended);
        extended.AsSpan(TokenCount).Fill(fill);
        return extended;
    }
}

using Engine.Model.Architectures;
using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>A tokenised data file with its labels, ready to be cut into batches.</summary>
internal sealed class EncodedSet
{
    private readonly IReadOnlyList<(int[] InputIds, int[]? TypeIds)> rows;
    private int[]? labelCounts;

    /// <param name="rows">Token ids of each row, special tokens included, and segment ids where the model has them.</param>
    public EncodedSet(IReadOnlyList<(int[] InputIds, int[]? TypeIds)> rows)
    {
        this.rows = rows;
        Lengths = [.. rows.Select(row => row.InputIds.Length)];
    }

    /// <summary>Tokens of each of a row's texts, which lie one after another; null: a row is a text.</summary>
    public IReadOnlyList<int[]>? TextLengths { get; init; }

    /// <summary>Texts of a row.</summary>
    public int TextsPerRow => TextLengths is [var first, ..] ? first.Length : 1;

    /// <summary>Class indices by row, or null.</summary>
    public int[]? ClassLabels { get; init; }

    /// <summary>Regression targets by row, or for each row a number a class; or null.</summary>
    public float[]? Targets { get; init; }

    /// <summary>
    /// Labels of each row's tokens for a causal model, each at the token it names, <see cref="RaggedBatch.IgnoredLabel"/> where the loss
    /// asks for none; null for other tasks.
    /// </summary>
    public IReadOnlyList<int[]>? TokenLabels { get; init; }

    /// <summary>
    /// Class indices of each row's tokens, <see cref="RaggedBatch.IgnoredLabel"/> where the loss asks for none; null for other tasks.
    /// </summary>
    public IReadOnlyList<int[]>? TokenClasses { get; init; }

    /// <summary>The first token of each row's words, -1 for a word that no token is read of; null where there are no words.</summary>
    public IReadOnlyList<int[]>? WordTokens { get; init; }

    /// <summary>[rows, 2] The first and the last token of each row's answer, as places in it; null for other tasks.</summary>
    public int[]? SpanLabels { get; init; }

    /// <summary>What the rows are windows of; null for other tasks.</summary>
    public QuestionSet? Questions { get; init; }

    /// <summary>The rows that were cut to fit.</summary>
    public IReadOnlyList<int> CutRows { get; init; } = [];

    /// <summary>Tokens of each row.</summary>
    public IReadOnlyList<int> Lengths { get; }

    public int Count => rows.Count;

    /// <summary>Token ids of a row.</summary>
    public ReadOnlySpan<int> InputIds(int row) => rows[row].InputIds;

    /// <summary>
    /// Labelled tokens of each row; of a causal model not the first, which nothing predicts. Null where there are no token labels.
    /// </summary>
    public IReadOnlyList<int>? LabelCounts => labelCounts ??= TokenLabels is null
        ? TokenClasses?.Select(classes => classes.Length - classes.AsSpan().Count(RaggedBatch.IgnoredLabel)).ToArray()
        : [.. TokenLabels.Select(labels => labels.Length - 1 - labels.AsSpan(1).Count(RaggedBatch.IgnoredLabel))];

    /// <summary>The shape of the batch of these rows; the batch is not made.</summary>
    /// <param name="labelCounts">Tokens of each row that the loss of a language model asks for; null for other tasks.</param>
    public BatchShape ShapeOf(Architecture architecture, ReadOnlySpan<int> indices, IReadOnlyList<int>? labelCounts)
    {
        int tokens = 0, labels = 0, longest = 0;
        foreach (int index in indices)
        {
            tokens = checked(tokens + Lengths[index]);
            longest = Math.Max(longest, TextLengths?[index].Max() ?? Lengths[index]);
            labels += labelCounts?[index] ?? 0;
        }

        return BatchShape.Of(architecture, indices.Length * TextsPerRow, tokens, labels, longest) with { TextsPerRow = TextsPerRow };
    }

    /// <summary>The same rows with labels.</summary>
    public EncodedSet WithLabels(int[]? classLabels, float[]? targets) =>
        new(rows) { ClassLabels = classLabels, Targets = targets, CutRows = CutRows, TextLengths = TextLengths };

    /// <summary>Some of the rows, numbered from 0 in this order, with the labels of whole rows.</summary>
    public EncodedSet Part(IReadOnlyList<int> indices) => new([.. indices.Select(index => rows[index])])
    {
        TextLengths = TextLengths is null ? null : [.. indices.Select(index => TextLengths[index])],
        ClassLabels = ClassLabels is null ? null : [.. indices.Select(index => ClassLabels[index])],
        Targets = TargetsOf(indices),
        TokenClasses = TokenClasses is null ? null : [.. indices.Select(index => TokenClasses[index])],
        WordTokens = WordTokens is null ? null : [.. indices.Select(index => WordTokens[index])],
        SpanLabels = SpansOf(indices),
        Questions = Questions?.Part(indices),
    };

    /// <summary>The batch of these rows, in this order, with their labels.</summary>
    public RaggedBatch Batch(IReadOnlyList<int> indices)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. indices.SelectMany(TextsOf)]).InRowsOf(TextsPerRow);
        if (TokenLabels is not null)
        {
            batch = batch.WithNextTokenLabels([.. indices.SelectMany(index => TokenLabels[index])]);
        }

        return batch with
        {
            ClassLabels = ClassLabels is null ? null : [.. indices.Select(index => ClassLabels[index])],
            Targets = TargetsOf(indices),
            SpanLabels = SpansOf(indices),
            TokenLabels = TokenClasses is null ? batch.TokenLabels : [.. indices.SelectMany(index => TokenClasses[index])],
        };
    }

    private IEnumerable<(int[] InputIds, int[]? TypeIds)> TextsOf(int index)
    {
        (int[] ids, int[]? types) = rows[index];
        if (TextLengths is null)
        {
            yield return (ids, types);
            yield break;
        }

        int start = 0;
        foreach (int length in TextLengths[index])
        {
            yield return (ids[start..(start + length)], types?[start..(start + length)]);
            start += length;
        }
    }

    private int[]? SpansOf(IReadOnlyList<int> indices) =>
        SpanLabels is not { } spans ? null : [.. indices.SelectMany(index => new ArraySegment<int>(spans, 2 * index, 2))];

    private float[]? TargetsOf(IReadOnlyList<int> indices)
    {
        if (Targets is not { } targets)
        {
            return null;
        }

        int columns = targets.Length / Count;
        return [.. indices.SelectMany(index => new ArraySegment<float>(targets, index * columns, columns))];
    }
}

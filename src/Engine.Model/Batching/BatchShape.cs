using Engine.Model.Architectures;
using Engine.Model.Batching;

namespace Engine.Model.Batching;

/// <summary>The extents a plan is made for: batches of one shape share a plan.</summary>
/// <param name="Rows">Texts.</param>
/// <param name="Tokens">Tokens, rounded up to a bucket.</param>
/// <param name="Selected">Places at which logits are computed; 0: at every token.</param>
/// <param name="LongestRow">A bound of the tokens of one text; left out, a text may have all of them.</param>
internal readonly record struct BatchShape(int Rows, int Tokens, int Selected, int LongestRow = int.MaxValue)
{
    /// <summary>A bound of the tokens of one text.</summary>
    public int LongestRow { get; init; } = Math.Min(LongestRow, Tokens);

    /// <summary>Texts of a sample; 1: a text is one.</summary>
    public int TextsPerRow { get; init; } = 1;

    /// <summary>Samples.</summary>
    public int Samples => Rows / TextsPerRow;

    /// <summary>Rows end in padding (<see cref="RaggedBatch.LastVisible"/>).</summary>
    public bool Padded { get; init; }

    /// <summary>The shape a batch runs in.</summary>
    /// <param name="everyToken">A language model's logits are wanted at every token, not only where a label is.</param>
    public static BatchShape Of(Architecture architecture, RaggedBatch batch, bool everyToken = false)
    {
        BatchShape shape = Of(architecture, batch.TextCount, batch.TokenCount, everyToken ? 0 : batch.LabelCount, batch.LongestRow) with
        { Padded = batch.LastVisible is not null, TextsPerRow = batch.TextsPerRow };
        return everyToken && architecture.Head.PredictsTokens() ? shape with { Selected = 0 } : shape;
    }

    /// <summary>The shape of a batch that is not made yet.</summary>
    /// <param name="rows">Texts.</param>
    /// <param name="tokens">Tokens of all texts.</param>
    /// <param name="labels">Tokens with a label, of a language model.</param>
    /// <param name="longestRow">Tokens of the longest text.</param>
    public static BatchShape Of(Architecture architecture, int rows, int tokens, int labels, int longestRow) => new(
        rows,
        TokenBuckets.RoundUp(tokens),
        architecture.Head == HeadKind.QuestionAnswering ? 0 : architecture.Head.PredictsTokens() ? TokenBuckets.RoundUp(labels) : rows,
        TokenBuckets.RoundUpRow(longestRow));

    /// <summary>The smallest shape that holds both.</summary>
    public BatchShape Max(BatchShape other) =>
        new(Math.Max(Rows, other.Rows), Math.Max(Tokens, other.Tokens), Math.Max(Selected, other.Selected),
            Math.Max(LongestRow, other.LongestRow))
        { Padded = Padded || other.Padded, TextsPerRow = Math.Max(TextsPerRow, other.TextsPerRow) };
}

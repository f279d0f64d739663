using Engine.Model.Architectures;
using Engine.Model.Batching;

namespace Engine.Model.Execution;

/// <summary>The extents a plan is made for: batches of one shape share a plan.</summary>
/// <param name="Rows">Texts.</param>
/// <param name="Tokens">Tokens, rounded up to a bucket.</param>
/// <param name="Selected">Places at which logits are computed; 0: at every token.</param>
public readonly record struct BatchShape(int Rows, int Tokens, int Selected)
{
    /// <summary>The shape a batch runs in.</summary>
    /// <param name="everyToken">A language model's logits are wanted at every token, not only where a label is.</param>
    public static BatchShape Of(Architecture architecture, RaggedBatch batch, bool everyToken = false)
    {
        int tokens = TokenBuckets.RoundUp(batch.TokenCount);
        if (!architecture.Head.PredictsTokens())
        {
            return new BatchShape(batch.RowCount, tokens, batch.RowCount);
        }

        return new BatchShape(batch.RowCount, tokens, everyToken ? 0 : TokenBuckets.RoundUp(batch.LabelCount));
    }

    /// <summary>The smallest shape that holds both.</summary>
    public BatchShape Max(BatchShape other) =>
        new(Math.Max(Rows, other.Rows), Math.Max(Tokens, other.Tokens), Math.Max(Selected, other.Selected));
}

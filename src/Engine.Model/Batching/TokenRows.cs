using Engine.Devices;
using Engine.Graph;
using Engine.Model.Execution;
using Engine.Model.Peft;

namespace Engine.Model.Batching;

/// <summary>
/// Rows of a frozen table that are trained. Every forward pass first writes them to their places in the table, which is the model's own:
/// what reads the table knows nothing of it, and only the gradients of these rows are computed.
/// </summary>
internal sealed class TokenRows
{
    private readonly TokenTarget target;

    internal TokenRows(TokenTarget target, Variable table, TrainableParameters trainables, StorageBlock indices)
    {
        this.target = target;
        Table = table;
        Values = trainables.Reserve(
            $"{target.Module}.token_adapter.trainable_tokens_delta", new Shape(target.Indices.Count, target.Columns), decays: true);
        Index = indices.Reserve($"{target.Module}.token_indices", new Shape(target.Indices.Count), ElementType.Int32);
    }

    /// <summary>The module whose weight is the table.</summary>
    public string Module => target.Module;

    /// <summary>The tokens.</summary>
    public IReadOnlyList<int> Indices => target.Indices;

    /// <summary>[vocabulary, columns], frozen.</summary>
    public Variable Table { get; }

    /// <summary>The trained rows [tokens, columns], float32: whole rows, not what they differ by.</summary>
    public Variable Values { get; }

    /// <summary><see cref="Indices"/> on the device, int32 [tokens].</summary>
    internal Variable Index { get; }

    internal void WriteIndex() => Index.View<int>().Write([.. target.Indices]);
}

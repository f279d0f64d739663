using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>Rows of a frozen word table that are trained; the table holds what they are now.</summary>
/// <param name="Rows">[count, columns].</param>
/// <param name="Slots">For each token of the batch the row that is its own, int32 [tokens]; -1 for a token whose row is not
/// trained.</param>
internal sealed record TrainedEmbeddings(Tensor Rows, Tensor Slots);

/// <summary>
/// The sum of up to three embedding tables' rows; inputs word table, ids, [position table, positions], [type table, types], [trained rows
/// of the word table, slots]. Trainable tables sum their gradient row by row, the padding row left out as Transformers leaves it out.
/// </summary>
internal sealed class EmbeddingOperator(bool hasPosition, bool hasTrainedRows, int wordPaddingId, int positionPaddingId) : Operator
{
    public override string Name => "Embedding";

    /// <summary>A row of each table for each row of the output, and the output.</summary>
    public override long MovedBytes(Node node) => node.Outputs[0].Bytes
        + Enumerable.Range(0, Tables(node)).Sum(table => node.Outputs[0].Shape.Count * node.Inputs[2 * table].Type.SizeInBytes());

    public override void Lower(Lowering lowering)
    {
        Shape y = lowering.Node.Outputs[0].Shape;
        for (int table = 0; table < 2 * Tables(lowering.Node); table += 2)
        {
            lowering.Emit(Embeddings.Forward(
                lowering.Device, y.Rows, y.Columns, lowering.Weight(table), lowering.Input<int>(table + 1), lowering.Output<float>(0),
                accumulate: table > 0));
        }
    }

    private int Tables(Node node) => (node.Inputs.Count / 2) - (hasTrainedRows ? 1 : 0);

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        for (int table = 0; table < node.Inputs.Count; table += 2)
        {
            if (gradients.ParameterGradient(table) is { } gradient)
            {
                // A token that trains no row has the slot -1, which is left out as a padding row is.
                int paddingId = table == 0 ? wordPaddingId : hasPosition && table == 2 ? positionPaddingId : -1;
                gradients.Graph.Add(
                    new EmbeddingGradientOperator(paddingId),
                    [gradients.OutputGradient(), node.Inputs[table + 1], gradients.Graph.Read(gradient)]);
            }
        }
    }
}

/// <summary>Adds dY's rows to the rows of a table's gradient; inputs dY, ids, the gradient variable.</summary>
internal sealed class EmbeddingGradientOperator(int paddingId) : Operator
{
    public override string Name => "EmbeddingGradient";

    public override long MovedBytes(Node node) => 3 * node.Inputs[0].Bytes;

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        Shape dy = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Embeddings.Gradient(
            lowering.Device,
            dy.Rows,
            dy.Columns,
            lowering.Node.Inputs[2].Shape.Rows,
            paddingId,
            lowering.Input<int>(1),
            lowering.Input<float>(0),
            lowering.Input<float>(2)));
    }
}

internal static class EmbeddingExtensions
{
    /// <summary>word[ids] + position[positions] + type[types]; tables [_, columns], ids int32 [tokens].</summary>
    /// <param name="wordPaddingId">The word id without a gradient; -1 for none.</param>
    /// <param name="positionPaddingId">The position without a gradient; -1 for none.</param>
    /// <param name="trained">Rows of the word table with a gradient; null for none.</param>
    public static Tensor Embedding(
        this GraphBuilder graph,
        Tensor word,
        Tensor ids,
        Tensor? position = null,
        Tensor? positions = null,
        Tensor? type = null,
        Tensor? types = null,
        int wordPaddingId = -1,
        int positionPaddingId = -1,
        TrainedEmbeddings? trained = null)
    {
        List<Tensor> inputs = [word, ids];
        if (position is not null && positions is not null)
        {
            inputs.AddRange([position, positions]);
        }

        if (type is not null && types is not null)
        {
            inputs.AddRange([type, types]);
        }

        if (trained is not null)
        {
            inputs.AddRange([trained.Rows, trained.Slots]);
        }

        var @operator = new EmbeddingOperator(position is not null, trained is not null, wordPaddingId, positionPaddingId);
        return graph.Add(@operator, new Shape((int)ids.Shape.Count, word.Shape.Columns), [.. inputs]);
    }
}

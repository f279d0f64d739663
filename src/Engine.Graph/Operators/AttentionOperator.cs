using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Softmax attention over ragged rows. Inputs q, k, v, query offsets, key offsets, query positions, [random state];
/// outputs o (as q) and the log of each softmax denominator [query tokens, heads], which the backward pass reads.
/// </summary>
internal sealed class AttentionOperator(AttentionShape shape) : Operator
{
    internal AttentionShape Settings { get; } = shape;

    public override string Name => "Attention";

    /// <summary>Scores and weighted values, of segments as long as the shape's bounds.</summary>
    public override double ProductOperations(Node node) => 2 * Settings.PairOperations;

    public override void Lower(Lowering lowering) => lowering.Emit(Attention.Forward(
        lowering.Device,
        Settings,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<int>(3),
        lowering.Input<int>(4),
        lowering.Input<int>(5),
        lowering.Output<float>(0),
        lowering.Output<float>(1),
        Settings.Dropout > 0 ? lowering.Input<uint>(6) : null));

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        Tensor[] inputs = [.. node.Inputs, node.Outputs[0], node.Outputs[1], gradients.OutputGradient()];
        IReadOnlyList<Tensor> results = gradients.Graph.Add(
            new AttentionGradientOperator(Settings), inputs, node.Inputs[0].Shape, node.Inputs[1].Shape, node.Inputs[2].Shape);
        for (int i = 0; i < 3; i++)
        {
            gradients.Contribute(i, results[i]);
        }
    }
}

/// <summary>dQ, dK, dV of attention; inputs as the forward operator's, then o, the log denominators and dO.</summary>
internal sealed class AttentionGradientOperator(AttentionShape shape) : Operator
{
    public override string Name => "AttentionGradient";

    /// <summary>Scores and the weights' gradients twice, by blocks of queries and of keys, then the gradients of q, k and v.</summary>
    public override double ProductOperations(Node node) => 7 * shape.PairOperations;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * Attention.BackwardWorkspace(device, shape);

    public override void Lower(Lowering lowering)
    {
        int random = shape.Dropout > 0 ? 1 : 0;
        lowering.Emit(Attention.Backward(
            lowering.Device,
            shape,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<int>(3),
            lowering.Input<int>(4),
            lowering.Input<int>(5),
            lowering.Input<float>(6 + random),
            lowering.Input<float>(7 + random),
            lowering.Input<float>(8 + random),
            lowering.Output<float>(0),
            lowering.Output<float>(1),
            lowering.Output<float>(2),
            lowering.Workspace(),
            random == 1 ? lowering.Input<uint>(6) : null));
    }
}

internal static class AttentionExtensions
{
    /// <summary>Attention of q over k and v; see <see cref="AttentionShape"/>.</summary>
    public static Tensor Attention(
        this GraphBuilder graph, AttentionShape shape, Tensor q, Tensor k, Tensor v, Tensor queryStart, Tensor keyStart,
        Tensor queryPosition, Tensor? random)
    {
        if (shape.Dropout > 0 && random is null)
        {
            throw new ArgumentException("Attention with dropout needs the random state.");
        }

        Tensor[] inputs = shape.Dropout > 0
            ? [q, k, v, queryStart, keyStart, queryPosition, random!]
            : [q, k, v, queryStart, keyStart, queryPosition];
        return graph.Add(
            new AttentionOperator(shape with { Products = graph.Products }), inputs, q.Shape, new Shape(shape.QueryTokens, shape.Heads))[0];
    }
}

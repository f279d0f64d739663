using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Softmax attention over ragged rows. Inputs q, k, v, query offsets, key offsets, query positions, [random state], and with a bias that
/// and each query's row of it; outputs o (as q) and the log of each softmax denominator [query tokens, heads], which the backward pass
/// reads.
/// </summary>
internal sealed class AttentionOperator(AttentionShape shape) : Operator
{
    internal AttentionShape Settings { get; } = shape;

    /// <summary>The input that is the bias, its rows behind it; -1 without one.</summary>
    internal int BiasIndex => Settings.BiasQueries > 0 ? AttentionLowering.BiasIndex(Settings) : -1;

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
        lowering.Random(Settings),
        lowering.Bias(Settings)));

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

        if (BiasIndex > 0 && gradients.Wants(BiasIndex))
        {
            gradients.Contribute(BiasIndex, existing => gradients.Graph.Add(
                new AttentionBiasGradientOperator(Settings, accumulates: existing is not null),
                node.Inputs[BiasIndex].Shape, existing is null ? inputs : [.. inputs, existing]));
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
        int output = AttentionLowering.Count(shape);
        lowering.Emit(Attention.Backward(
            lowering.Device,
            shape,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<int>(3),
            lowering.Input<int>(4),
            lowering.Input<int>(5),
            lowering.Input<float>(output),
            lowering.Input<float>(output + 1),
            lowering.Input<float>(output + 2),
            lowering.Output<float>(0),
            lowering.Output<float>(1),
            lowering.Output<float>(2),
            lowering.Workspace(),
            lowering.Random(shape),
            lowering.Bias(shape)));
    }
}

/// <summary>
/// dBias of attention, summed over the batch; inputs as the forward operator's, then o, the log denominators, dO and, where it adds to what
/// other layers have summed, that.
/// </summary>
internal sealed class AttentionBiasGradientOperator(AttentionShape shape, bool accumulates) : Operator
{
    public override string Name => "AttentionBiasGradient";

    public override int InPlaceInput => accumulates ? AttentionLowering.Count(shape) + 3 : -1;

    /// <summary>Scores and the weights' gradients.</summary>
    public override double ProductOperations(Node node) => 2 * shape.PairOperations;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float) * Attention.BackwardWorkspace(device, shape);

    public override void Lower(Lowering lowering)
    {
        int output = AttentionLowering.Count(shape);
        BufferView<float> dBias = lowering.Output<float>(0);
        if (accumulates && !lowering.InPlace(InPlaceInput))
        {
            lowering.Emit(Elementwise.Copy(lowering.Device, dBias.Length, lowering.Input<float>(InPlaceInput), dBias));
        }

        lowering.Emit(Attention.BiasGradient(
            lowering.Device,
            shape,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<int>(3),
            lowering.Input<int>(4),
            lowering.Input<int>(5),
            lowering.Input<float>(output),
            lowering.Input<float>(output + 1),
            lowering.Input<float>(output + 2),
            dBias,
            accumulates,
            lowering.Workspace(),
            lowering.Random(shape),
            lowering.Bias(shape)!.Value));
    }
}

/// <summary>Where the optional inputs of attention's operators are.</summary>
internal static class AttentionLowering
{
    /// <summary>Inputs of the forward operator.</summary>
    public static int Count(AttentionShape shape) => BiasIndex(shape) + (shape.BiasQueries > 0 ? 2 : 0);

    /// <summary>The bias, where there is one.</summary>
    public static int BiasIndex(AttentionShape shape) => shape.Dropout > 0 ? 7 : 6;

    public static BufferView<uint>? Random(this Lowering lowering, AttentionShape shape) =>
        shape.Dropout > 0 ? lowering.Input<uint>(6) : null;

    public static AttentionBias? Bias(this Lowering lowering, AttentionShape shape) => shape.BiasQueries > 0
        ? new AttentionBias(lowering.Input<float>(BiasIndex(shape)), lowering.Input<int>(BiasIndex(shape) + 1))
        : null;
}

internal static class AttentionExtensions
{
    /// <summary>Attention of q over k and v; see <see cref="AttentionShape"/>.</summary>
    /// <param name="bias">
    /// [heads, rows, keys]: the shape's BiasQueries are its rows, and its MaxKeyLength are its keys; null for none.
    /// </param>
    /// <param name="biasPosition">Each query's row of the bias, int32 [query tokens].</param>
    public static Tensor Attention(
        this GraphBuilder graph, AttentionShape shape, Tensor q, Tensor k, Tensor v, Tensor queryStart, Tensor keyStart,
        Tensor queryPosition, Tensor? random, Tensor? bias = null, Tensor? biasPosition = null)
    {
        if (shape.Dropout > 0 && random is null)
        {
            throw new ArgumentException("Attention with dropout needs the random state.");
        }

        if (bias is not null && (biasPosition is null || bias.Shape != new Shape(shape.Heads, shape.BiasQueries, shape.MaxKeyLength)))
        {
            throw new ArgumentException(
                $"Attention's bias {bias} must be [{shape.Heads} heads, {shape.BiasQueries} rows, {shape.MaxKeyLength} keys], and each "
                    + "query must have a row of it.");
        }

        Tensor[] inputs =
        [
            q, k, v, queryStart, keyStart, queryPosition, .. shape.Dropout > 0 ? [random!] : Array.Empty<Tensor>(),
            .. bias is not null ? [bias, biasPosition!] : Array.Empty<Tensor>(),
        ];
        return graph.Add(
            new AttentionOperator(shape with { Products = graph.Products }), inputs, q.Shape, new Shape(shape.QueryTokens, shape.Heads))[0];
    }
}

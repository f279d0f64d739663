using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// A bias of attention by the distance of a key from its query, [heads, queries, keys]; inputs table [buckets, heads], and the bucket of
/// each distance, int32. A trainable table sums its gradient bucket by bucket.
/// </summary>
internal sealed class RelativeBiasOperator : Operator
{
    public override string Name => "RelativeBias";

    public override void Lower(Lowering lowering)
    {
        Shape bias = lowering.Node.Outputs[0].Shape;
        lowering.Emit(RelativeBiases.Forward(
            lowering.Device, bias[0], bias[1], bias[2], lowering.Weight(0), lowering.Input<int>(1), lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        if (gradients.ParameterGradient(0) is { } gradient)
        {
            gradients.Graph.Add(
                new RelativeBiasGradientOperator(),
                [gradients.OutputGradient(), gradients.Node.Inputs[1], gradients.Graph.Read(gradient)]);
        }
    }
}

/// <summary>Adds dBias to the gradient of the table; inputs dBias, the buckets, the gradient variable.</summary>
internal sealed class RelativeBiasGradientOperator : Operator
{
    public override string Name => "RelativeBiasGradient";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        Shape bias = lowering.Node.Inputs[0].Shape;
        lowering.Emit(RelativeBiases.Gradient(
            lowering.Device, bias[0], bias[1], bias[2], lowering.Node.Inputs[2].Shape.Rows, lowering.Input<int>(1),
            lowering.Input<float>(0), lowering.Input<float>(2)));
    }
}

internal static class RelativeBiasExtensions
{
    /// <summary>bias[h, i, j] = table[bucket of j - i, h]; one tensor serves every layer.</summary>
    /// <param name="table">[buckets, heads].</param>
    /// <param name="buckets">What <see cref="RelativeBiases.Buckets"/> makes, int32 [2 length - 1].</param>
    public static Tensor RelativeBias(this GraphBuilder graph, Tensor table, Tensor buckets, int queries, int keys) =>
        2L * Math.Max(queries, keys) <= buckets.Shape.Count + 1
            ? graph.Add(new RelativeBiasOperator(), new Shape(table.Shape.Columns, queries, keys), table, buckets)
            : throw new ArgumentException(
                $"A bias of {queries} queries and {keys} keys needs buckets of more distances than the {buckets.Shape.Count} of "
                    + $"{buckets}.");
}

using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// y = (scale - offset) z + bias, scale and bias by column. dz = (scale - offset) dY; dScale = sum over rows of dY z; a trainable bias sums
/// dY. Inputs z, scale, [bias].
/// </summary>
internal sealed class ScaleColumnsOperator(float offset, bool hasBias) : Operator
{
    public override string Name => "ScaleColumns";

    public override IReadOnlyList<int> RowInputs => [0];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Outputs[0].Shape;
        lowering.Emit(Elementwise.ScaleColumns(
            lowering.Device,
            shape.Rows,
            shape.Columns,
            offset,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            hasBias ? lowering.Input<float>(2) : null,
            lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Node node = gradients.Node;
        Tensor dy = gradients.OutputGradient();
        if (gradients.Wants(1))
        {
            gradients.Contribute(1, graph.Add(new ColumnDotsOperator(), node.Inputs[1].Shape, dy, gradients.Saved(node.Inputs[0])));
        }

        if (hasBias && gradients.ParameterGradient(2) is { } biasGradient)
        {
            graph.SumColumns(dy, biasGradient);
        }

        if (gradients.Wants(0))
        {
            gradients.Contribute(
                0, graph.Add(new ScaleColumnsOperator(offset, hasBias: false), dy.Shape, dy, gradients.Saved(node.Inputs[1])));
        }
    }
}

/// <summary>result[j] = sum over rows of x[i, j] y[i, j]; inputs x, y.</summary>
internal sealed class ColumnDotsOperator : Operator
{
    public override string Name => "ColumnDots";

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * Reductions.ColumnSumsWorkspace(device, node.Inputs[0].Shape.Rows, node.Inputs[0].Shape.Columns);

    public override void Lower(Lowering lowering)
    {
        Shape shape = lowering.Node.Inputs[0].Shape;
        lowering.Emit(Elementwise.Fill(lowering.Device, shape.Columns, 0f, lowering.Output<float>(0)));
        lowering.Emit(Reductions.ColumnDots(
            lowering.Device, shape.Rows, shape.Columns, lowering.Input<float>(0), lowering.Input<float>(1), lowering.Workspace(),
            lowering.Output<float>(0)));
    }
}

/// <summary>
/// DoRA's magnitude over the norm of each row of W0 + s B A, and the inverse norm (<see cref="Dora.Scale"/>); inputs squared row norms of
/// W0, A W0^T, B, A A^T, magnitudes. The norm counts as a constant (paper, section 4.3): only the magnitudes get a gradient, dScale times
/// the inverse norm.
/// </summary>
internal sealed class DoraScaleOperator(float loraScale) : Operator
{
    public override string Name => "DoraScale";

    public override void Lower(Lowering lowering)
    {
        Shape b = lowering.Node.Inputs[2].Shape;
        lowering.Emit(Dora.Scale(
            lowering.Device,
            b.Rows,
            b.Columns,
            loraScale,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<float>(3),
            lowering.Input<float>(4),
            lowering.Output<float>(0),
            lowering.Output<float>(1)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        if (gradients.ParameterGradient(4) is { } magnitudeGradient)
        {
            gradients.Graph.Add(
                new AddProductOperator(), [gradients.OutputGradient(), gradients.Node.Outputs[1], gradients.Graph.Read(magnitudeGradient)]);
        }
    }
}

/// <summary>variable += a b, elementwise; inputs a, b, the variable.</summary>
internal sealed class AddProductOperator : Operator
{
    public override string Name => "AddProduct";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.AddProduct(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Input<float>(2)));
}

internal static class DoraExtensions
{
    /// <summary>(scale - offset) z + bias; z [rows, columns], scale and bias [columns], bias or null.</summary>
    public static Tensor ScaleColumns(this GraphBuilder graph, Tensor z, Tensor scale, Tensor? bias = null, float offset = 0f)
    {
        if (scale.Shape.Count != z.Shape.Columns || (bias is not null && bias.Shape.Count != z.Shape.Columns))
        {
            throw new ArgumentException($"{scale} and {bias} do not fit the columns of {z}.");
        }

        return graph.Add(new ScaleColumnsOperator(offset, bias is not null), z.Shape, bias is null ? [z, scale] : [z, scale, bias]);
    }

    /// <summary>DoRA's scale of each output of a layer, [out].</summary>
    /// <param name="weight">W0 [out, in].</param>
    /// <param name="baseNorm">Squared norms of its rows [out].</param>
    public static Tensor DoraScale(
        this GraphBuilder graph, Tensor weight, Tensor baseNorm, Tensor a, Tensor b, Tensor magnitude, float loraScale)
    {
        Tensor product = graph.MatMul(a, weight, MatMulLayout.NT);
        Tensor gram = graph.MatMul(a, a, MatMulLayout.NT);
        return graph.Add(new DoraScaleOperator(loraScale), [baseNorm, product, b, gram, magnitude], magnitude.Shape, magnitude.Shape)[0];
    }
}

using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Layer normalization; inputs x [rows, columns], weight, [bias] [columns]; outputs y, mean [rows], inverse deviation [rows].
/// Gradient contract: dX in one kernel with whatever is already summed for x; weight and bias sum into their gradient variables.
/// </summary>
/// <param name="hasBias">There is a bias.</param>
internal sealed class LayerNormOperator(float epsilon, bool hasBias) : Operator
{
    public override string Name => "LayerNorm";

    public override IReadOnlyList<int> RowInputs => [0];

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        lowering.Emit(LayerNorm.Forward(
            lowering.Device,
            x.Rows,
            x.Columns,
            epsilon,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            hasBias ? lowering.Input<float>(2) : null,
            lowering.Output<float>(0),
            lowering.Output<float>(1),
            lowering.Output<float>(2)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Node node = gradients.Node;
        Tensor x = gradients.Saved(node.Inputs[0]);
        Tensor dy = gradients.OutputGradient();
        Variable? weightGradient = gradients.ParameterGradient(1);
        Variable? biasGradient = hasBias ? gradients.ParameterGradient(2) : null;
        if (hasBias && weightGradient is null != biasGradient is null)
        {
            throw new NotSupportedException($"{Name}: weight and bias of {node.Inputs[1].Name} must be trainable or frozen together.");
        }

        if (weightGradient is not null)
        {
            Tensor[] inputs = [x, node.Outputs[1], node.Outputs[2], dy, graph.Read(weightGradient)];
            graph.Add(
                new LayerNormParameterGradientOperator(hasBias),
                biasGradient is null ? inputs : [.. inputs, graph.Read(biasGradient)]);
        }

        gradients.Contribute(0, existing => existing is null
            ? graph.Add(new LayerNormGradientOperator(false), x.Shape, dy, x, node.Inputs[1], node.Outputs[1], node.Outputs[2])
            : graph.Add(new LayerNormGradientOperator(true), x.Shape, dy, x, node.Inputs[1], node.Outputs[1], node.Outputs[2], existing));
    }
}

/// <summary>dX of layer normalization [+ addend]; inputs dY, x, weight, mean, inverse deviation, [addend].</summary>
internal sealed class LayerNormGradientOperator(bool hasAddend) : Operator
{
    public override string Name => "LayerNormGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[1].Shape;
        lowering.Emit(LayerNorm.Backward(
            lowering.Device,
            x.Rows,
            x.Columns,
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<float>(3),
            lowering.Input<float>(4),
            lowering.Input<float>(0),
            hasAddend ? lowering.Input<float>(5) : null,
            lowering.Output<float>(0)));
    }
}

/// <summary>
/// Sums the gradients by weight and bias; inputs x, mean, inverse deviation, dY, the weight's gradient variable, [the bias's].
/// </summary>
internal sealed class LayerNormParameterGradientOperator(bool hasBias) : Operator
{
    public override string Name => "LayerNormGradient";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * LayerNorm.ParameterGradientWorkspace(device, node.Inputs[0].Shape.Rows, node.Inputs[0].Shape.Columns);

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        lowering.Emit(LayerNorm.ParameterGradient(
            lowering.Device,
            x.Rows,
            x.Columns,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Input<float>(2),
            lowering.Input<float>(3),
            lowering.Input<float>(4),
            hasBias ? lowering.Input<float>(5) : null,
            lowering.Workspace()));
    }
}

internal static class LayerNormExtensions
{
    /// <summary>Layer normalization of x [rows, columns].</summary>
    /// <param name="bias">Null for none.</param>
    public static Tensor LayerNorm(this GraphBuilder graph, Tensor x, Tensor weight, Tensor? bias, float epsilon)
    {
        if (weight.Shape.Count != x.Shape.Columns || (bias ?? weight).Shape.Count != x.Shape.Columns)
        {
            throw new ArgumentException($"Layer normalization of {x} with weight {weight} and bias {bias}: the columns differ.");
        }

        var rows = new Shape(x.Shape.Rows);
        Tensor[] inputs = bias is null ? [x, weight] : [x, weight, bias];
        return graph.Add(new LayerNormOperator(epsilon, bias is not null), inputs, x.Shape, rows, rows)[0];
    }
}

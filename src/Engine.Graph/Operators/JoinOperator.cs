using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Matrices below or beside one another as one, so that one product serves them all. Cheap to make, so the backward pass makes it again;
/// the gradient is taken apart into the matrices' gradient variables.
/// </summary>
internal sealed class JoinOperator(bool columns) : Operator
{
    public override string Name => columns ? "JoinColumns" : "JoinRows";

    public override bool RecomputeInBackward => true;

    public override void Lower(Lowering lowering)
    {
        BufferView<float> output = lowering.Output<float>(0);
        int width = lowering.Node.Outputs[0].Shape.Columns;
        long start = 0;
        for (int i = 0; i < lowering.Node.Inputs.Count; i++)
        {
            Shape part = lowering.Node.Inputs[i].Shape;
            lowering.Emit(Elementwise.Window(
                lowering.Device, part.Rows, part.Columns, adds: false, lowering.Input<float>(i), part.Columns,
                output.Slice(start, output.Length - start), width));
            start += columns ? part.Columns : part.Count;
        }
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        long start = 0;
        for (int i = 0; i < node.Inputs.Count; i++)
        {
            Shape part = node.Inputs[i].Shape;
            if (gradients.ParameterGradient(i) is { } target)
            {
                gradients.Graph.Add(new AddWindowOperator(start), [gradients.OutputGradient(), gradients.Graph.Read(target)]);
            }
            else if (gradients.Wants(i))
            {
                throw new NotSupportedException($"{Name}: only variables are joined with a gradient; {node.Inputs[i]} is computed.");
            }

            start += columns ? part.Columns : part.Count;
        }
    }
}

/// <summary>variable += the part of x that starts at an element and has the variable's rows and columns; inputs x, the variable.</summary>
internal sealed class AddWindowOperator(long start) : Operator
{
    public override string Name => "AddWindow";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering)
    {
        Shape part = lowering.Node.Inputs[1].Shape;
        BufferView<float> x = lowering.Input<float>(0);
        lowering.Emit(Elementwise.Window(
            lowering.Device,
            part.Rows,
            part.Columns,
            adds: true,
            x.Slice(start, x.Length - start),
            lowering.Node.Inputs[0].Shape.Columns,
            lowering.Input<float>(1),
            part.Columns));
    }
}

/// <summary>Tensors side by side or one below the other.</summary>
public static class JoinExtensions
{
    /// <summary>Matrices of one number of columns, one below the other.</summary>
    public static Tensor JoinRows(this GraphBuilder graph, params Tensor[] parts) => graph.Join(
        parts, columns: false, parts.All(part => part.Shape.Columns == parts[0].Shape.Columns),
        new Shape(parts.Sum(part => part.Shape.Rows), parts[0].Shape.Columns));

    /// <summary>Matrices of one number of rows, side by side.</summary>
    public static Tensor JoinColumns(this GraphBuilder graph, params Tensor[] parts) => graph.Join(
        parts, columns: true, parts.All(part => part.Shape.Rows == parts[0].Shape.Rows),
        new Shape(parts[0].Shape.Rows, parts.Sum(part => part.Shape.Columns)));

    private static Tensor Join(this GraphBuilder graph, Tensor[] parts, bool columns, bool fits, Shape shape) => fits
        ? graph.Add(new JoinOperator(columns), shape, parts)
        : throw new ArgumentException(
            $"{string.Join(", ", parts.Select(part => part.ToString()))} cannot be joined: their other dimensions differ.");
}

using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>The columns of x from <c>first</c> on, as many as the output has. dX has dY in these columns and zeros elsewhere.</summary>
internal sealed class ColumnsOperator(int first) : Operator
{
    public override string Name => "Columns";

    public override long MovedBytes(Node node) => 2 * node.Outputs[0].Bytes;

    public override IReadOnlyList<int> RowInputs => [0];

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape, y = lowering.Node.Outputs[0].Shape;
        BufferView<float> from = lowering.Input<float>(0);
        lowering.Emit(Elementwise.Window(
            lowering.Device, y.Rows, y.Columns, adds: false, from.Slice(first, from.Length - first), x.Columns,
            lowering.Output<float>(0), y.Columns));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Shape shape = gradients.Node.Inputs[0].Shape;
        Tensor dy = gradients.OutputGradient();
        gradients.Contribute(0, existing => gradients.Graph.Add(
            new AddColumnsOperator(first), shape, existing ?? gradients.Graph.Zeros(shape), dy));
    }
}

/// <summary>x with y added to its columns from <c>first</c> on; inputs x, y.</summary>
internal sealed class AddColumnsOperator(int first) : Operator
{
    public override string Name => "AddColumns";

    /// <summary>In place: y, and its columns there and back.</summary>
    public override long MovedBytes(Node node) => 3 * node.Inputs[1].Bytes;

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape, y = lowering.Node.Inputs[1].Shape;
        BufferView<float> to = lowering.Output<float>(0);
        if (!lowering.InPlace(0))
        {
            lowering.Emit(Elementwise.Copy(lowering.Device, x.Count, lowering.Input<float>(0), to));
        }

        lowering.Emit(Elementwise.Window(
            lowering.Device, y.Rows, y.Columns, adds: true, lowering.Input<float>(1), y.Columns,
            to.Slice(first, to.Length - first), x.Columns));
    }
}

internal static class ColumnsExtensions
{
    /// <summary>x [rows, columns], <paramref name="count"/> of its columns from <paramref name="first"/> on.</summary>
    public static Tensor Columns(this GraphBuilder graph, Tensor x, int first, int count)
    {
        if (first < 0 || count < 1 || first + count > x.Shape.Columns)
        {
            throw new ArgumentException($"{x} has no {count} columns from {first} on.");
        }

        return graph.Add(new ColumnsOperator(first), new Shape(x.Shape.Rows, count), x);
    }
}

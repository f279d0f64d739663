using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>Which tokens of a ragged batch something reads: the first of each text, the masked ones, an answer's.</summary>
/// <param name="Index">Token indices, int32 [count]; -1 for an unused place.</param>
/// <param name="RowStart">Offsets of each text's places, int32 [texts + 1].</param>
/// <param name="Position">Each place's position in its text, int32 [count].</param>
/// <param name="MaxPerRow">Upper bound of the places of one text.</param>
internal sealed record RowSelectionInputs(Tensor Index, Tensor RowStart, Tensor Position, int MaxPerRow);

/// <summary>
/// y[i] = x[index[i]]. dX is zero but for those rows. A pass moves it towards the inputs: <see cref="Passes.RowSelectionPass"/>.
/// </summary>
internal sealed class TakeRowsOperator(RowSelectionInputs selection) : Operator
{
    internal RowSelectionInputs Selection { get; } = selection;

    public override string Name => "TakeRows";

    public override long MovedBytes(Node node) => 2 * node.Outputs[0].Bytes;

    public override void Lower(Lowering lowering)
    {
        Shape y = lowering.Node.Outputs[0].Shape;
        lowering.Emit(RowSelection.Gather(
            lowering.Device, y[0], Width(y), lowering.Input<float>(0), lowering.Input<int>(1), lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        gradients.Contribute(0, gradients.Graph.Add(
            new PlaceRowsOperator(), node.Inputs[0].Shape, gradients.OutputGradient(), node.Inputs[1]));
    }

    internal static int Width(Shape shape) => checked((int)(shape.Count / Math.Max(shape[0], 1)));
}

/// <summary>x[index[i]] = y[i] over zeros; inputs y, index.</summary>
internal sealed class PlaceRowsOperator : Operator
{
    public override string Name => "TakeRowsGradient";

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Outputs[0].Shape;
        Shape y = lowering.Node.Inputs[0].Shape;
        lowering.Emit(RowSelection.Scatter(
            lowering.Device, y[0], x[0], TakeRowsOperator.Width(x), lowering.Input<float>(0), lowering.Input<int>(1),
            lowering.Output<float>(0)));
    }
}

internal static class TakeRowsExtensions
{
    /// <summary>The rows of x that the selection names.</summary>
    public static Tensor TakeRows(this GraphBuilder graph, Tensor x, RowSelectionInputs selection) =>
        graph.Add(new TakeRowsOperator(selection), new Shape((int)selection.Index.Shape.Count, x.Shape.Columns), x, selection.Index);
}

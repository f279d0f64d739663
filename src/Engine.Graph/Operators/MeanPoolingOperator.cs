using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>The mean of each text's rows; inputs x [tokens, columns], row_start int32 [texts + 1]; output [texts, columns].</summary>
internal sealed class MeanPoolingOperator : Operator
{
    public override string Name => "MeanPooling";

    public override long MovedBytes(Node node) => node.Inputs[0].Bytes + node.Outputs[0].Bytes;

    public override void Lower(Lowering lowering)
    {
        Shape y = lowering.Node.Outputs[0].Shape;
        lowering.Emit(MeanPooling.Forward(
            lowering.Device, y.Rows, y.Columns, lowering.Input<float>(0), lowering.Input<int>(1), lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        gradients.Contribute(0, gradients.Graph.Add(
            new MeanPoolingGradientOperator(), node.Inputs[0].Shape, gradients.OutputGradient(), node.Inputs[1]));
    }
}

/// <summary>
/// Each text's gradient shared out among its rows; inputs dy [texts, columns], row_start int32 [texts + 1]; output [tokens, columns].
/// </summary>
internal sealed class MeanPoolingGradientOperator : Operator
{
    public override string Name => "MeanPoolingGradient";

    public override void Lower(Lowering lowering)
    {
        Shape dx = lowering.Node.Outputs[0].Shape;
        Shape dy = lowering.Node.Inputs[0].Shape;
        lowering.Emit(MeanPooling.Backward(
            lowering.Device, dy.Rows, dx.Rows, dx.Columns, lowering.Input<float>(0), lowering.Input<int>(1), lowering.Output<float>(0)));
    }
}

/// <summary>
/// Each text's row for every one of its tokens; inputs y [texts, columns], row_start int32 [texts + 1]; output [tokens, columns], 0 behind
/// the texts.
/// </summary>
internal sealed class SpreadTextsOperator : Operator
{
    public override string Name => "SpreadTexts";

    public override void Lower(Lowering lowering)
    {
        Shape tokens = lowering.Node.Outputs[0].Shape;
        Shape texts = lowering.Node.Inputs[0].Shape;
        lowering.Emit(MeanPooling.Backward(
            lowering.Device, texts.Rows, tokens.Rows, tokens.Columns, lowering.Input<float>(0), lowering.Input<int>(1),
            lowering.Output<float>(0), mean: false));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Node node = gradients.Node;
        gradients.Contribute(0, gradients.Graph.Add(
            new SumTextsOperator(), node.Inputs[0].Shape, gradients.OutputGradient(), node.Inputs[1]));
    }
}

/// <summary>The sum of each text's rows; inputs dY [tokens, columns], row_start int32 [texts + 1]; output [texts, columns].</summary>
internal sealed class SumTextsOperator : Operator
{
    public override string Name => "SumTexts";

    public override void Lower(Lowering lowering)
    {
        Shape texts = lowering.Node.Outputs[0].Shape;
        lowering.Emit(MeanPooling.Forward(
            lowering.Device, texts.Rows, texts.Columns, lowering.Input<float>(0), lowering.Input<int>(1), lowering.Output<float>(0),
            mean: false));
    }
}

internal static class MeanPoolingExtensions
{
    /// <summary>Each text's row of y [texts, columns] for every one of its tokens.</summary>
    public static Tensor SpreadTexts(this GraphBuilder graph, Tensor y, Tensor rowStart, int tokens) =>
        graph.Add(new SpreadTextsOperator(), new Shape(tokens, y.Shape.Columns), y, rowStart);

    /// <summary>The mean of each text's rows of x [tokens, columns].</summary>
    /// <param name="rowStart">Where each text begins, int32 [texts + 1]; none is empty.</param>
    public static Tensor MeanPooling(this GraphBuilder graph, Tensor x, Tensor rowStart) =>
        graph.Add(new MeanPoolingOperator(), new Shape((int)rowStart.Shape.Count - 1, x.Shape.Columns), x, rowStart);
}

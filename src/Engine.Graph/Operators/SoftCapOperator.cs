using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = cap tanh(x / cap). dX = dY (1 - (y / cap)^2), of the output.</summary>
internal sealed class SoftCapOperator(float cap) : Operator
{
    public override string Name => "SoftCap";

    public override IReadOnlyList<int> RowInputs => [0];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(SoftCap.Forward(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, cap, lowering.Input<float>(0), lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor y = gradients.Saved(gradients.Node.Outputs[0]);
        gradients.Contribute(0, gradients.Graph.Add(new SoftCapGradientOperator(cap), y.Shape, gradients.OutputGradient(), y));
    }
}

/// <summary>dX = dY (1 - (y / cap)^2); inputs dY, y.</summary>
internal sealed class SoftCapGradientOperator(float cap) : Operator
{
    public override string Name => "SoftCapGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(SoftCap.Backward(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, cap, lowering.Input<float>(1), lowering.Input<float>(0),
        lowering.Output<float>(0)));
}

internal static class SoftCapExtensions
{
    /// <summary>cap tanh(x / cap), elementwise.</summary>
    public static Tensor SoftCap(this GraphBuilder graph, Tensor x, float cap) => graph.Add(new SoftCapOperator(cap), x.Shape, x);
}

using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = silu(gate) up; inputs gate, up. One kernel gives both gradients.</summary>
internal sealed class SwiGluOperator : Operator
{
    public override string Name => "SwiGlu";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(SwiGlu.Forward(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor gate = gradients.Saved(gradients.Node.Inputs[0]);
        Tensor up = gradients.Saved(gradients.Node.Inputs[1]);
        IReadOnlyList<Tensor> results = gradients.Graph.Add(
            new SwiGluGradientOperator(), [gradients.OutputGradient(), gate, up], gate.Shape, up.Shape);
        gradients.Contribute(0, results[0]);
        gradients.Contribute(1, results[1]);
    }
}

/// <summary>dGate, dUp; inputs dY, gate, up.</summary>
internal sealed class SwiGluGradientOperator : Operator
{
    public override string Name => "SwiGluGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(SwiGlu.Backward(
        lowering.Device,
        lowering.Node.Outputs[0].Shape.Count,
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(0),
        lowering.Output<float>(0),
        lowering.Output<float>(1)));
}

internal static class SwiGluExtensions
{
    /// <summary>silu(gate) up, elementwise.</summary>
    public static Tensor SwiGlu(this GraphBuilder graph, Tensor gate, Tensor up)
    {
        if (gate.Shape != up.Shape)
        {
            throw new ArgumentException($"{gate} cannot gate {up}: their shapes differ.");
        }

        return graph.Add(new SwiGluOperator(), gate.Shape, gate, up);
    }
}

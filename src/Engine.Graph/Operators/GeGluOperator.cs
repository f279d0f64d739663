using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = gelu(gate) up; inputs gate, up. One kernel gives both gradients.</summary>
internal sealed class GeGluOperator(ActivationKind kind) : Operator
{
    public override string Name => "GeGlu";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(GeGlu.Forward(
        lowering.Device, kind, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1),
        lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor gate = gradients.Saved(gradients.Node.Inputs[0]);
        Tensor up = gradients.Saved(gradients.Node.Inputs[1]);
        IReadOnlyList<Tensor> results = gradients.Graph.Add(
            new GeGluGradientOperator(kind), [gradients.OutputGradient(), gate, up], gate.Shape, up.Shape);
        gradients.Contribute(0, results[0]);
        gradients.Contribute(1, results[1]);
    }
}

/// <summary>dGate, dUp; inputs dY, gate, up.</summary>
internal sealed class GeGluGradientOperator(ActivationKind kind) : Operator
{
    public override string Name => "GeGluGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(GeGlu.Backward(
        lowering.Device,
        kind,
        lowering.Node.Outputs[0].Shape.Count,
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(0),
        lowering.Output<float>(0),
        lowering.Output<float>(1)));
}

internal static class GeGluExtensions
{
    /// <summary>gelu(gate) up, elementwise, with <see cref="ActivationKind.GeluErf"/> or <see cref="ActivationKind.GeluTanh"/>.</summary>
    public static Tensor GeGlu(this GraphBuilder graph, Tensor gate, Tensor up, ActivationKind kind)
    {
        if (gate.Shape != up.Shape)
        {
            throw new ArgumentException($"{gate} cannot gate {up}: their shapes differ.");
        }

        return graph.Add(new GeGluOperator(kind), gate.Shape, gate, up);
    }
}

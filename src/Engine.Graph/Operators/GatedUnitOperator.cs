using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>y = activation(gate) up; inputs gate, up. One kernel gives both gradients.</summary>
/// <param name="gelu">Which GELU; null: SiLU.</param>
internal sealed class GatedUnitOperator(ActivationKind? gelu) : Operator
{
    public override string Name => gelu is null ? "SwiGlu" : "GeGlu";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        long count = lowering.Node.Outputs[0].Shape.Count;
        BufferView<float> gate = lowering.Input<float>(0), up = lowering.Input<float>(1), y = lowering.Output<float>(0);
        lowering.Emit(gelu is { } kind
            ? GeGlu.Forward(lowering.Device, kind, count, gate, up, y)
            : SwiGlu.Forward(lowering.Device, count, gate, up, y));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor gate = gradients.Saved(gradients.Node.Inputs[0]);
        Tensor up = gradients.Saved(gradients.Node.Inputs[1]);
        IReadOnlyList<Tensor> results = gradients.Graph.Add(
            new GatedUnitGradientOperator(gelu), [gradients.OutputGradient(), gate, up], gate.Shape, up.Shape);
        gradients.Contribute(0, results[0]);
        gradients.Contribute(1, results[1]);
    }
}

/// <summary>dGate, dUp; inputs dY, gate, up.</summary>
internal sealed class GatedUnitGradientOperator(ActivationKind? gelu) : Operator
{
    public override string Name => gelu is null ? "SwiGluGradient" : "GeGluGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        long count = lowering.Node.Outputs[0].Shape.Count;
        BufferView<float> dy = lowering.Input<float>(0), gate = lowering.Input<float>(1), up = lowering.Input<float>(2),
            dGate = lowering.Output<float>(0), dUp = lowering.Output<float>(1);
        lowering.Emit(gelu is { } kind
            ? GeGlu.Backward(lowering.Device, kind, count, gate, up, dy, dGate, dUp)
            : SwiGlu.Backward(lowering.Device, count, gate, up, dy, dGate, dUp));
    }
}

internal static class GatedUnitExtensions
{
    /// <summary>silu(gate) up, elementwise.</summary>
    public static Tensor SwiGlu(this GraphBuilder graph, Tensor gate, Tensor up) => graph.GatedUnit(gate, up, gelu: null);

    /// <summary>gelu(gate) up, elementwise, with <see cref="ActivationKind.GeluErf"/> or <see cref="ActivationKind.GeluTanh"/>.</summary>
    public static Tensor GeGlu(this GraphBuilder graph, Tensor gate, Tensor up, ActivationKind kind) => graph.GatedUnit(gate, up, kind);

    private static Tensor GatedUnit(this GraphBuilder graph, Tensor gate, Tensor up, ActivationKind? gelu) => gate.Shape == up.Shape
        ? graph.Add(new GatedUnitOperator(gelu), gate.Shape, gate, up)
        : throw new ArgumentException($"{gate} cannot gate {up}: their shapes differ.");
}

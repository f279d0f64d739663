using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests;

/// <summary>
/// A variable's value as a computed tensor, so that an operator's input gradient can be read: it is summed into the variable's.
/// </summary>
internal sealed class SourceOperator : Operator
{
    public override string Name => "Source";

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Copy(
        lowering.Device, lowering.Node.Outputs[0].Shape.Count, lowering.Input<float>(0), lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients) =>
        gradients.Graph.Accumulate(gradients.OutputGradient(), gradients.ParameterGradient(0)!);
}

/// <summary>
/// A scalar function whose gradient by its input is a given tensor: inputs x, that tensor; outputs an unused loss [1] and the gradient.
/// </summary>
internal sealed class ProbeOperator : Operator
{
    public override string Name => "Probe";

    public override long MovedBytes(Node node) => 2 * node.Outputs[1].Bytes;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Copy(
        lowering.Device, lowering.Node.Outputs[1].Shape.Count, lowering.Input<float>(1), lowering.Output<float>(1)));

    public override void Gradient(GradientBuilder gradients) => gradients.Contribute(0, gradients.Node.Outputs[1]);
}

/// <summary>An operator that is planned and never run.</summary>
internal sealed class PlannedOperator(int inPlaceInput, long workspace) : Operator
{
    public override string Name => "Planned";

    public override int InPlaceInput => inPlaceInput;

    public override long WorkspaceBytes(Device device, Node node) => workspace;

    public override void Lower(Lowering lowering) => throw new NotSupportedException("This operator is only planned.");
}

internal static class TestOperatorExtensions
{
    public static Tensor Source(this GraphBuilder graph, Variable variable) =>
        graph.Add(new SourceOperator(), variable.Shape, graph.Read(variable));

    /// <summary>The sum of x times <paramref name="weights"/>, as far as gradients are concerned.</summary>
    public static Tensor Probe(this GraphBuilder graph, Tensor x, Variable weights) =>
        graph.Add(new ProbeOperator(), [x, graph.Read(weights)], new Shape(1), x.Shape)[0];
}

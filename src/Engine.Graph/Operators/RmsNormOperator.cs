using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Root mean square normalization of groups of columns; inputs x [rows, groups * size], weight [size]; outputs y, 1 / rms [rows, groups].
/// Gradient contract: dX in one kernel with whatever is already summed for x; the weight sums into its gradient variable.
/// </summary>
internal sealed class RmsNormOperator(float epsilon, bool oneMore) : Operator
{
    public override string Name => "RmsNorm";

    public override IReadOnlyList<int> RowInputs => [0];

    public override void Lower(Lowering lowering) => lowering.Emit(RmsNorm.Forward(
        lowering.Device,
        Groups(lowering.Node.Outputs[1]),
        Size(lowering.Node.Inputs[1]),
        epsilon,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Output<float>(0),
        lowering.Output<float>(1),
        oneMore));

    public override void Gradient(GradientBuilder gradients)
    {
        GraphBuilder graph = gradients.Graph;
        Node node = gradients.Node;
        Tensor x = gradients.Saved(node.Inputs[0]);
        Tensor weight = node.Inputs[1];
        Tensor inverseRms = node.Outputs[1];
        Tensor dy = gradients.OutputGradient();
        if (gradients.ParameterGradient(1) is { } weightGradient)
        {
            graph.Add(new RmsNormParameterGradientOperator(), [x, inverseRms, dy, graph.Read(weightGradient)]);
        }

        gradients.Contribute(0, existing => existing is null
            ? graph.Add(new RmsNormGradientOperator(false, oneMore), x.Shape, dy, x, weight, inverseRms)
            : graph.Add(new RmsNormGradientOperator(true, oneMore), x.Shape, dy, x, weight, inverseRms, existing));
    }

    /// <summary>Groups of all rows.</summary>
    internal static int Groups(Tensor inverseRms) => checked((int)inverseRms.Shape.Count);

    /// <summary>Columns of a group.</summary>
    internal static int Size(Tensor weight) => checked((int)weight.Shape.Count);
}

/// <summary>dX of root mean square normalization [+ addend]; inputs dY, x, weight, 1 / rms, [addend].</summary>
internal sealed class RmsNormGradientOperator(bool hasAddend, bool oneMore) : Operator
{
    public override string Name => "RmsNormGradient";

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering) => lowering.Emit(RmsNorm.Backward(
        lowering.Device,
        RmsNormOperator.Groups(lowering.Node.Inputs[3]),
        RmsNormOperator.Size(lowering.Node.Inputs[2]),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(0),
        hasAddend ? lowering.Input<float>(4) : null,
        lowering.Output<float>(0),
        oneMore));
}

/// <summary>Sums the gradient by the weight; inputs x, 1 / rms, dY, the gradient variable.</summary>
internal sealed class RmsNormParameterGradientOperator : Operator
{
    public override string Name => "RmsNormGradient";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) => sizeof(float)
        * RmsNorm.ParameterGradientWorkspace(device, RmsNormOperator.Groups(node.Inputs[1]), RmsNormOperator.Size(node.Inputs[3]));

    public override void Lower(Lowering lowering) => lowering.Emit(RmsNorm.ParameterGradient(
        lowering.Device,
        RmsNormOperator.Groups(lowering.Node.Inputs[1]),
        RmsNormOperator.Size(lowering.Node.Inputs[3]),
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Workspace()));
}

internal static class RmsNormExtensions
{
    /// <summary>
    /// Root mean square normalization of x [rows, groups * size], each group by itself; weight [size]. One group: the whole row.
    /// </summary>
    /// <param name="oneMore">The factor is 1 + weight.</param>
    public static Tensor RmsNorm(this GraphBuilder graph, Tensor x, Tensor weight, float epsilon, bool oneMore = false)
    {
        int size = RmsNormOperator.Size(weight);
        if (x.Shape.Columns % size != 0)
        {
            throw new ArgumentException(
                $"Root mean square normalization of {x} with weight {weight}: the columns are no multiple of the weight's.");
        }

        return graph.Add(new RmsNormOperator(epsilon, oneMore), [x, weight], x.Shape, new Shape(x.Shape.Rows, x.Shape.Columns / size))[0];
    }
}

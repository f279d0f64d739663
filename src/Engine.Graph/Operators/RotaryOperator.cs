using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Cosines and sines of every token's rotary angles [tokens, 2 half]; inputs positions int32 [tokens], frequencies uint64 [half].
/// </summary>
internal sealed class RotaryAnglesOperator : Operator
{
    public override string Name => "RotaryAngles";

    public override void Lower(Lowering lowering) => lowering.Emit(Rotary.Angles(
        lowering.Device,
        lowering.Node.Outputs[0].Shape.Rows,
        checked((int)lowering.Node.Inputs[1].Shape.Count),
        lowering.Input<int>(0),
        lowering.Input<ulong>(1),
        lowering.Output<float>(0)));
}

/// <summary>
/// Turns every head of x by its token's angles; inputs x [tokens, heads * size], angles [tokens, size]. dX is dY turned back.
/// </summary>
internal sealed class RotaryOperator(bool backwards) : Operator
{
    public override string Name => backwards ? "RotaryGradient" : "Rotary";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        int size = lowering.Node.Inputs[1].Shape.Columns;
        lowering.Emit(Rotary.Apply(
            lowering.Device, x.Rows, x.Columns / size, size / 2, lowering.Input<float>(0), lowering.Input<float>(1), backwards,
            lowering.Output<float>(0)));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor dy = gradients.OutputGradient();
        gradients.Contribute(0, gradients.Graph.Add(new RotaryOperator(!backwards), dy.Shape, dy, gradients.Node.Inputs[1]));
    }
}

internal static class RotaryExtensions
{
    /// <summary>
    /// The angles of positions int32 [tokens]; frequencies uint64 [half] as <see cref="Kernels.Rotary.Frequency"/> makes them. One tensor
    /// serves every layer.
    /// </summary>
    public static Tensor RotaryAngles(this GraphBuilder graph, Tensor positions, Tensor frequencies) => graph.Add(
        new RotaryAnglesOperator(), new Shape((int)positions.Shape.Count, checked(2 * (int)frequencies.Shape.Count)), positions,
        frequencies);

    /// <summary>x [tokens, heads * size], each head turned by angles [tokens, size].</summary>
    public static Tensor Rotary(this GraphBuilder graph, Tensor x, Tensor angles)
    {
        if (x.Shape.Rows != angles.Shape.Rows || x.Shape.Columns % angles.Shape.Columns != 0)
        {
            throw new ArgumentException(
                $"{x} cannot be turned by {angles}: one row of angles for each token and whole heads of its width were expected.");
        }

        return graph.Add(new RotaryOperator(backwards: false), x.Shape, x, angles);
    }
}

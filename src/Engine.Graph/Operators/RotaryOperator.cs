using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Cosines and sines, times a scale, of every token's rotary angles [tokens, 2 half]; inputs positions int32 [tokens], frequencies
/// uint64 [half].
/// </summary>
internal sealed class RotaryAnglesOperator(float scale) : Operator
{
    public override string Name => "RotaryAngles";

    public override void Lower(Lowering lowering) => lowering.Emit(Rotary.Angles(
        lowering.Device,
        lowering.Node.Outputs[0].Shape.Rows,
        checked((int)lowering.Node.Inputs[1].Shape.Count),
        lowering.Input<int>(0),
        lowering.Input<ulong>(1),
        lowering.Output<float>(0),
        scale));
}

/// <summary>
/// Turns every head of x by its token's angles; inputs x [tokens, heads * size], angles [tokens, at most size]. dX is dY turned back.
/// </summary>
internal sealed class RotaryOperator(int headSize, bool backwards) : Operator
{
    public override string Name => backwards ? "RotaryGradient" : "Rotary";

    public override IReadOnlyList<int> RowInputs => [0, 1];

    public override int InPlaceInput => 0;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        int turned = lowering.Node.Inputs[1].Shape.Columns;
        lowering.Emit(Rotary.Apply(
            lowering.Device, x.Rows, x.Columns / headSize, turned / 2, lowering.Input<float>(0), lowering.Input<float>(1), backwards,
            lowering.Output<float>(0), headSize - turned));
    }

    public override void Gradient(GradientBuilder gradients)
    {
        Tensor dy = gradients.OutputGradient();
        gradients.Contribute(0, gradients.Graph.Add(new RotaryOperator(headSize, !backwards), dy.Shape, dy, gradients.Node.Inputs[1]));
    }
}

internal static class RotaryExtensions
{
    /// <summary>
    /// The angles of positions int32 [tokens]; frequencies uint64 [half] as <see cref="Kernels.Rotary.Frequency"/> makes them. One tensor
    /// serves every layer.
    /// </summary>
    public static Tensor RotaryAngles(this GraphBuilder graph, Tensor positions, Tensor frequencies, float scale = 1f) => graph.Add(
        new RotaryAnglesOperator(scale), new Shape((int)positions.Shape.Count, checked(2 * (int)frequencies.Shape.Count)), positions,
        frequencies);

    /// <summary>x [tokens, heads * size], each head turned by angles [tokens, size], or the first elements of it by as many.</summary>
    /// <param name="headSize">A head's size; null: as many elements as there are angles.</param>
    public static Tensor Rotary(this GraphBuilder graph, Tensor x, Tensor angles, int? headSize = null)
    {
        int size = headSize ?? angles.Shape.Columns;
        if (x.Shape.Rows != angles.Shape.Rows || x.Shape.Columns % size != 0 || size < angles.Shape.Columns)
        {
            throw new ArgumentException(
                $"{x} cannot be turned by {angles}: one row of angles for each token and whole heads of its width were expected.");
        }

        return graph.Add(new RotaryOperator(size, backwards: false), x.Shape, x, angles);
    }
}

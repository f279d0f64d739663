using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// y = dropout(x) [+ residual] with the counter-based mask of one stream. dX = dropout(dY) with the same mask, made again.
/// Inputs x, random state, [residual].
/// </summary>
/// <param name="recompute">y is made again where the backward pass reads it, so that x alone is kept.</param>
internal sealed class DropoutOperator(float probability, uint stream, bool hasResidual = false, bool recompute = false) : Operator
{
    public override string Name => "Dropout";

    public override bool RecomputeInBackward => recompute;

    public override IReadOnlyList<int> RowInputs => hasResidual ? [0, 2] : [0];

    public override int InPlaceInput => 0;

    internal bool HasResidual => hasResidual;

    internal DropoutOperator WithResidual() => new(probability, stream, hasResidual: true);

    public override void Lower(Lowering lowering) => lowering.Emit(Dropouts.Apply(
        lowering.Device,
        lowering.Node.Outputs[0].Shape.Count,
        probability,
        stream,
        lowering.Input<float>(0),
        hasResidual ? lowering.Input<float>(2) : null,
        lowering.Input<uint>(1),
        lowering.Output<float>(0)));

    public override void Gradient(GradientBuilder gradients)
    {
        if (hasResidual)
        {
            throw new NotSupportedException($"{Name}: the form with a residual has no gradient; differentiate before fusing.");
        }

        Tensor dy = gradients.OutputGradient();
        gradients.Contribute(0, gradients.Graph.Add(this, dy.Shape, dy, gradients.Node.Inputs[1]));
    }
}

internal static class DropoutExtensions
{
    /// <summary>Dropout of x; x itself where the probability is 0. <paramref name="stream"/> must be unique in the step.</summary>
    /// <param name="random">The generator's state, uint32 [<see cref="RandomState.Count"/>].</param>
    /// <param name="recompute">Several of one x: each is made again where the backward pass reads it, so that x alone is kept.</param>
    public static Tensor Dropout(this GraphBuilder graph, Tensor x, float probability, uint stream, Tensor random, bool recompute = false)
    {
        if (probability is < 0 or >= 1)
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A dropout probability lies in [0, 1).");
        }

        return probability == 0 ? x : graph.Add(new DropoutOperator(probability, stream, recompute: recompute), x.Shape, x, random);
    }
}

using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// variable += weight x, or variable = (1 - weight) variable + weight x; weight = factor * a step scalar. Inputs step scalars, whether the
/// step is finite, x, the variable.
/// </summary>
internal sealed class MixOperator(float factor, int slot, bool blends) : Operator
{
    public override string Name => "Mix";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Mix(
        lowering.Device,
        lowering.Node.Inputs[2].Shape.Count,
        factor,
        slot,
        blends,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3)));
}

/// <summary>Running means and sums in variables, left as they are where a step is not finite.</summary>
public static class MixExtensions
{
    /// <summary>variable += factor * scalars[slot] * x, of one number of elements.</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>.</param>
    public static void AddScaled(
        this GraphBuilder graph, Tensor scalars, int slot, float factor, Tensor finite, Tensor x, Variable variable) =>
        graph.Mix(new MixOperator(factor, slot, blends: false), scalars, finite, x, variable);

    /// <summary>variable = (1 - w) variable + w x with w = scalars[slot]: a moving average.</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>.</param>
    public static void Blend(this GraphBuilder graph, Tensor scalars, int slot, Tensor finite, Tensor x, Variable variable) =>
        graph.Mix(new MixOperator(1f, slot, blends: true), scalars, finite, x, variable);

    private static void Mix(this GraphBuilder graph, MixOperator mix, Tensor scalars, Tensor finite, Tensor x, Variable variable)
    {
        if (x.Shape.Count != variable.Shape.Count)
        {
            throw new ArgumentException($"{x} cannot be mixed into the variable {variable}: they have different numbers of elements.");
        }

        graph.Add(mix, [scalars, finite, x, graph.Read(variable)]);
    }
}

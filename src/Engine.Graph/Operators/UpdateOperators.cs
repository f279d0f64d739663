using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>What a step's gradients allow its update.</summary>
/// <param name="Clip">[1] The factor that clips the gradients to the largest norm; NaN where they are not finite.</param>
/// <param name="Finite">[1] 1; NaN where the gradients are not finite and nothing may be written.</param>
public readonly record struct GradientFactors(Tensor Clip, Tensor Finite);

/// <summary>
/// The global gradient norm, written to a variable, and what follows from it; inputs gradients, the norm's variable, further gradients that
/// count only by whether they are finite; outputs squared norm, clipping factor, finiteness, each [1].
/// </summary>
internal sealed class ClipOperator(float maxNorm) : Operator
{
    public override string Name => "GradientNorm";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * node.Inputs.Max(input => Reductions.SquaredNormWorkspace(device, input.Shape.Count));

    public override void Lower(Lowering lowering)
    {
        BufferView<float> norm = lowering.Input<float>(1), square = lowering.Output<float>(0), finite = lowering.Output<float>(2);
        SquaredNorm(0, square);
        for (int further = 2; further < lowering.Node.Inputs.Count; further++)
        {
            // Nothing is added but what is not finite: 0 times infinity is NaN.
            SquaredNorm(further, finite);
            lowering.Emit(Elementwise.AddScaled(lowering.Device, 1, 0f, finite, square));
        }

        lowering.Emit(Reductions.ClipFactor(lowering.Device, maxNorm, square, norm, lowering.Output<float>(1)));
        lowering.Emit(Reductions.ClipFactor(lowering.Device, 0f, square, norm, finite));

        void SquaredNorm(int input, BufferView<float> result) => lowering.Emit(Reductions.SquaredNorm(
            lowering.Device, lowering.Node.Inputs[input].Shape.Count, lowering.Input<float>(input), lowering.Workspace(), result));
    }
}

/// <summary>variable += x; inputs x, the variable.</summary>
internal sealed class AddToVariableOperator : Operator
{
    public override string Name => "Add";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Add(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(1), lowering.Input<float>(0),
        lowering.Input<float>(1)));
}

/// <summary>variable += factor * x; inputs x, the variable.</summary>
internal sealed class AddScaledToVariableOperator(float factor) : Operator
{
    public override string Name => "AddScaled";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.AddScaled(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, factor, lowering.Input<float>(0), lowering.Input<float>(1)));
}

/// <summary>variable += one of the step's scalars * x, all of one element; inputs x, the scalars, the variable.</summary>
internal sealed class AddWeightedOperator(int slot) : Operator
{
    public override string Name => "AddWeighted";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.AddProduct(
        lowering.Device, 1, lowering.Input<float>(0), lowering.Input<float>(1).Slice(slot, 1), lowering.Input<float>(2)));
}

/// <summary>The constants of AdamW, float64 as PyTorch has them: 1 - 0.999f is off in the fifth digit.</summary>
public sealed record AdamWSettings(double Beta1, double Beta2, double Epsilon, double WeightDecay)
{
    /// <summary>What the step's learning rate is multiplied by for these parameters.</summary>
    public double LearningRateRatio { get; init; } = 1;
}

/// <summary>One AdamW step over a run of parameters; inputs parameters, gradients, m, v, step scalars, clipping factor.</summary>
internal sealed class AdamWOperator(AdamWSettings settings) : Operator
{
    public override string Name => "AdamW";

    public override bool HasEffects => true;

    /// <summary>The gradient, and parameters and both averages there and back.</summary>
    public override long MovedBytes(Node node) => 7 * node.Inputs[0].Bytes;

    public override void Lower(Lowering lowering) => lowering.Emit(AdamW.Step(
        lowering.Device,
        lowering.Node.Inputs[0].Shape.Count,
        settings.Beta1,
        settings.Beta2,
        settings.Epsilon,
        settings.WeightDecay,
        settings.LearningRateRatio,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(4),
        lowering.Input<float>(5)));
}

/// <summary>One step of gradient descent over a run of parameters; inputs parameters, gradients, step scalars, clipping factor.</summary>
internal sealed class SgdOperator(double weightDecay, double learningRateRatio) : Operator
{
    public override string Name => "Sgd";

    public override bool HasEffects => true;

    /// <summary>The gradient, and parameters there and back.</summary>
    public override long MovedBytes(Node node) => 3 * node.Inputs[0].Bytes;

    public override void Lower(Lowering lowering) => lowering.Emit(Sgd.Step(
        lowering.Device,
        lowering.Node.Inputs[0].Shape.Count,
        weightDecay,
        learningRateRatio,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3)));
}

/// <summary>variable += one of the step's scalars * factor * x, x = 0; inputs x, the scalars, the factor [1], the variable.</summary>
internal sealed class MoveOperator(int slot) : Operator
{
    public override string Name => "Move";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Move(
        lowering.Device,
        lowering.Node.Inputs[0].Shape.Count,
        slot,
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(0),
        lowering.Input<float>(3)));
}

/// <summary>variable *= one of the step's scalars; inputs the variable, the scalars.</summary>
internal sealed class ScaleByOperator(int slot) : Operator
{
    public override string Name => "Scale";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.ScaleBy(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(1).Slice(slot, 1), lowering.Input<float>(0),
        lowering.Input<float>(0)));
}

/// <summary>variable = x; inputs x, the variable.</summary>
internal sealed class StoreOperator : Operator
{
    public override string Name => "Store";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Copy(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1)));
}

/// <summary>Sets a variable to zero.</summary>
internal sealed class ClearOperator : Operator
{
    public override string Name => "Clear";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Fill(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, 0f, lowering.Input<float>(0)));
}

/// <summary>What writes variables: sums, copies, scalings, AdamW.</summary>
public static class UpdateExtensions
{
    /// <summary>Writes the global norm of the gradients; returns what clips it to <paramref name="maxNorm"/> (0: never).</summary>
    /// <param name="further">Gradients outside the norm; where any of them is not finite, the norm is not either.</param>
    public static GradientFactors GradientNorm(
        this GraphBuilder graph, Variable gradients, float maxNorm, Variable norm, params IEnumerable<Variable> further)
    {
        IReadOnlyList<Tensor> outputs = graph.Add(
            new ClipOperator(maxNorm), [graph.Read(gradients), graph.Read(norm), .. further.Select(graph.Read)], new Shape(1), new Shape(1),
            new Shape(1));
        return new GradientFactors(outputs[1], outputs[2]);
    }

    /// <summary>variable += x, of one shape.</summary>
    public static void Accumulate(this GraphBuilder graph, Tensor x, Variable variable)
    {
        if (x.Shape != variable.Shape)
        {
            throw new ArgumentException($"{x} cannot be added to the variable {variable}: their shapes differ.");
        }

        graph.Add(new AddToVariableOperator(), [x, graph.Read(variable)]);
    }

    /// <summary>variable += factor * x, of one number of elements.</summary>
    public static void AccumulateScaled(this GraphBuilder graph, Tensor x, float factor, Variable variable)
    {
        if (x.Shape.Count != variable.Shape.Count)
        {
            throw new ArgumentException($"{x} cannot be added to the variable {variable}: they have different numbers of elements.");
        }

        graph.Add(new AddScaledToVariableOperator(factor), [x, graph.Read(variable)]);
    }

    /// <summary>variable += a slot of <see cref="StepScalars"/> * x, both [1].</summary>
    public static void AccumulateWeighted(this GraphBuilder graph, Tensor x, Variable scalars, int slot, Variable variable)
    {
        if (x.Shape.Count != 1 || variable.Shape.Count != 1)
        {
            throw new ArgumentException($"{x} cannot be added to the variable {variable} with a weight: single numbers were expected.");
        }

        graph.Add(new AddWeightedOperator(slot), [x, graph.Read(scalars), graph.Read(variable)]);
    }

    /// <summary>variable = x, of one number of elements.</summary>
    public static void Store(this GraphBuilder graph, Tensor x, Variable variable)
    {
        if (x.Shape.Count != variable.Shape.Count)
        {
            throw new ArgumentException($"{x} cannot be stored in the variable {variable}: they have different numbers of elements.");
        }

        graph.Add(new StoreOperator(), [x, graph.Read(variable)]);
    }

    /// <summary>One AdamW step of parameters with their gradients and moments, vectors of one length.</summary>
    /// <param name="scalars">float32 [<see cref="StepScalars.Count"/>].</param>
    /// <param name="clip">The clipping factor [1].</param>
    public static void AdamW(
        this GraphBuilder graph, Tensor parameters, Tensor gradients, Tensor m, Tensor v, Tensor scalars, Tensor clip,
        AdamWSettings settings) =>
        graph.Add(new AdamWOperator(settings), [parameters, gradients, m, v, scalars, clip]);

    /// <summary>One step of plain gradient descent, vectors of one length; decay is part of the gradient.</summary>
    /// <param name="scalars">float32 [<see cref="StepScalars.Count"/>].</param>
    /// <param name="clip">The clipping factor [1].</param>
    internal static void Sgd(
        this GraphBuilder graph, Tensor parameters, Tensor gradients, Tensor scalars, Tensor clip, double weightDecay,
        double learningRateRatio) =>
        graph.Add(new SgdOperator(weightDecay, learningRateRatio), [parameters, gradients, scalars, clip]);

    /// <summary>variable += a slot of <see cref="StepScalars"/> * factor * x, and x = 0, of one number of elements.</summary>
    /// <param name="factor">[1]; NaN makes the variable NaN.</param>
    internal static void Move(this GraphBuilder graph, Variable x, Variable scalars, int slot, Tensor factor, Variable variable)
    {
        if (x.Shape.Count != variable.Shape.Count)
        {
            throw new ArgumentException($"{x} cannot be moved into the variable {variable}: they have different numbers of elements.");
        }

        graph.Add(new MoveOperator(slot), [graph.Read(x), graph.Read(scalars), factor, graph.Read(variable)]);
    }

    /// <summary>Multiplies a variable by a slot of <see cref="StepScalars"/>.</summary>
    public static void ScaleBy(this GraphBuilder graph, Variable variable, Variable scalars, int slot) =>
        graph.Add(new ScaleByOperator(slot), [graph.Read(variable), graph.Read(scalars)]);

    /// <summary>Sets a variable to zero.</summary>
    public static void Clear(this GraphBuilder graph, Variable variable) => graph.Add(new ClearOperator(), [graph.Read(variable)]);
}

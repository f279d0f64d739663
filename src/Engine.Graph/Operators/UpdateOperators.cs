using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>The global gradient norm, written to a variable, and the clipping factor; inputs gradients, the norm's variable; outputs squared norm and factor, each [1].</summary>
public sealed class ClipOperator(float maxNorm) : Operator
{
    public override string Name => "GradientNorm";

    public override bool HasEffects => true;

    public override long WorkspaceBytes(Device device, Node node) =>
        sizeof(float) * Reductions.SquaredNormWorkspace(device, node.Inputs[0].Shape.Count);

    public override void Lower(Lowering lowering)
    {
        lowering.Emit(Reductions.SquaredNorm(
            lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(0), lowering.Workspace(), lowering.Output<float>(0)));
        lowering.Emit(Reductions.ClipFactor(
            lowering.Device, maxNorm, lowering.Output<float>(0), lowering.Input<float>(1), lowering.Output<float>(1)));
    }
}

/// <summary>variable += x; inputs x, the variable.</summary>
public sealed class AddToVariableOperator : Operator
{
    public override string Name => "Add";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Add(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(1), lowering.Input<float>(0), lowering.Input<float>(1)));
}

/// <summary>The constants of AdamW, float64 as PyTorch has them: 1 - 0.999f is off in the fifth digit.</summary>
public sealed record AdamWSettings(double Beta1, double Beta2, double Epsilon, double WeightDecay)
{
    /// <summary>What the step's learning rate is multiplied by for these parameters.</summary>
    public double LearningRateRatio { get; init; } = 1;
}

/// <summary>One AdamW step over a run of parameters; inputs parameters, gradients, m, v, step scalars, clipping factor.</summary>
public sealed class AdamWOperator(AdamWSettings settings) : Operator
{
    public override string Name => "AdamW";

    public override bool HasEffects => true;

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

/// <summary>variable *= one of the step's scalars; inputs the variable, the scalars.</summary>
public sealed class ScaleByOperator(int slot) : Operator
{
    public override string Name => "Scale";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.ScaleBy(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(1).Slice(slot, 1), lowering.Input<float>(0), lowering.Input<float>(0)));
}

/// <summary>variable = x; inputs x, the variable.</summary>
public sealed class StoreOperator : Operator
{
    public override string Name => "Store";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Copy(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, lowering.Input<float>(0), lowering.Input<float>(1)));
}

/// <summary>Sets a variable to zero.</summary>
public sealed class ClearOperator : Operator
{
    public override string Name => "Clear";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Elementwise.Fill(
        lowering.Device, lowering.Node.Inputs[0].Shape.Count, 0f, lowering.Input<float>(0)));
}

public static class UpdateExtensions
{
    /// <summary>Writes the global norm of the gradients; returns the factor that clips it to <paramref name="maxNorm"/> (0: never).</summary>
    public static Tensor GradientNorm(this GraphBuilder graph, Variable gradients, float maxNorm, Variable norm) =>
        graph.Add(new ClipOperator(maxNorm), [graph.Read(gradients), graph.Read(norm)], new Shape(1), new Shape(1))[1];

    /// <summary>variable += x, of one shape.</summary>
    public static void Accumulate(this GraphBuilder graph, Tensor x, Variable variable)
    {
        if (x.Shape != variable.Shape)
        {
            throw new ArgumentException($"{x} cannot be added to the variable {variable}: their shapes differ.");
        }

        graph.Add(new AddToVariableOperator(), [x, graph.Read(variable)]);
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
        this GraphBuilder graph, Tensor parameters, Tensor gradients, Tensor m, Tensor v, Tensor scalars, Tensor clip, AdamWSettings settings) =>
        graph.Add(new AdamWOperator(settings), [parameters, gradients, m, v, scalars, clip]);

    /// <summary>Multiplies a variable by a slot of <see cref="StepScalars"/>.</summary>
    public static void ScaleBy(this GraphBuilder graph, Variable variable, Variable scalars, int slot) =>
        graph.Add(new ScaleByOperator(slot), [graph.Read(variable), graph.Read(scalars)]);

    /// <summary>Sets a variable to zero.</summary>
    public static void Clear(this GraphBuilder graph, Variable variable) => graph.Add(new ClearOperator(), [graph.Read(variable)]);
}

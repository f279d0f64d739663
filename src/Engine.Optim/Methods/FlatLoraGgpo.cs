using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>Whether the gradient by a layer's input sees LoRA-GGPO's noise.</summary>
public enum NoiseGradient
{
    /// <summary>No: the noise is part of the forward pass alone, as public code has it.</summary>
    [EnumMember(Value = "none")]
    None,

    /// <summary>Yes, as in Flat-LoRA.</summary>
    [EnumMember(Value = "input")]
    Input,
}

/// <summary>
/// LoRA-GGPO (arXiv 2502.14538): noise on the adapted layers' frozen weights, as Flat-LoRA's, whose deviation of an output row adds the
/// last step's gradient to the weight: (sigma ||row of W0 + s B A|| + beta ||row of G||^2) / sqrt(out), G = s (B G_A + G_B A). The first
/// step has no noise.
/// </summary>
public sealed record FlatLoraGgpo : OnePassPerturbation
{
    internal const string MethodName = "flat-lora-ggpo";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Weight of the rows' norms.</summary>
    [Key(Minimum = 0)]
    public double Sigma { get; init; } = 0.03;

    /// <summary>Weight of the gradient's squared row norms.</summary>
    [Key(Minimum = 0)]
    public double Beta { get; init; } = 0.01;

    /// <summary>Whether the gradient by a layer's input sees the noise: not in public code (none), or as in flat-lora (input).</summary>
    [Key]
    public NoiseGradient NoiseGradient { get; init; } = NoiseGradient.None;

    /// <summary>Seed of the noise.</summary>
    [Key(Minimum = 0)]
    public ulong NoiseSeed { get; init; } = 42;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new FlatLoraGgpoMethod(this);
}

/// <summary>
/// Keeps the gradient's squared norm of every row from one step to the next, before clipping. Rows of the m x n matrix G are made a layer
/// at a time in the update's scratch memory, which is idle.
/// </summary>
internal sealed class FlatLoraGgpoMethod(FlatLoraGgpo settings) : WeightNoise(settings, settings.NoiseSeed)
{
    private readonly Dictionary<LoraLinear, Variable> gradientSquares = [];

    protected override bool ReachesInputs => settings.NoiseGradient == NoiseGradient.Input;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in Deviations.Keys)
        {
            gradientSquares.Add(layer, context.State.Reserve($"{layer.Module}.gradient_squares", new Shape(layer.Weight.Shape.Rows)));
        }
    }

    /// <summary>0 in the first perturbed step, which has no gradient of a step before it.</summary>
    public override double Factor(long step, long totalSteps) => Due(step) > 0 ? 1 : 0;

    public override void OnStepBegin(GraphBuilder graph, StepCourse course)
    {
        foreach ((LoraLinear layer, Variable deviation) in Deviations)
        {
            double rows = layer.Weight.Shape.Rows;
            Deviate(graph, layer, settings.Sigma * Math.Sqrt(layer.Weight.Shape.Columns / rows));
            graph.AccumulateScaled(graph.Read(gradientSquares[layer]), (float)(settings.Beta / Math.Sqrt(rows)), deviation);
        }
    }

    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        foreach ((LoraLinear layer, Variable squares) in gradientSquares)
        {
            Tensor gradientA = graph.Read(layer.A.Gradient!), gradientB = graph.Read(layer.B.Gradient!);
            Tensor ofA = graph.MatMul(graph.Read(layer.B), gradientA, MatMulLayout.NN, layer.Scale);
            Variable norms = Deviations[layer];
            graph.RowSquaredNorms(graph.MatMul(gradientB, graph.Read(layer.A), MatMulLayout.NN, layer.Scale, addTo: ofA), norms);
            graph.Blend(graph.Read(Context.Scalars), MethodScalars.AverageWeight, finite, graph.Read(norms), squares);
        }
    }

    /// <summary>The newest gradient alone counts.</summary>
    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        base.WriteFactors(step, totalSteps, scalars);
        scalars[MethodScalars.AverageWeight] = 1;
    }
}

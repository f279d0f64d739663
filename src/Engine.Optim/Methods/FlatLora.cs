using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>
/// Flat-LoRA (Li et al., ICML 2025, arXiv 2409.14396): each step the adapted layers' frozen weights carry seeded Gaussian noise whose deviation
/// per output row is factor * rho / sqrt(in) * ||row of W0 + s B A||; the factor rises from 0 to 1 over the run as (1 - cos(pi t / T)) / 2.
/// </summary>
public sealed record FlatLora : OnePassPerturbation
{
    public const string MethodName = "flat-lora";

    public override string Name => MethodName;

    /// <summary>Relative size of the noise at the end of the run (the paper's sigma).</summary>
    [Key(Minimum = 0)]
    public double Rho { get; init; } = 0.05;

    /// <summary>Seed of the noise.</summary>
    [Key(Minimum = 0)]
    public ulong NoiseSeed { get; init; } = 42;

    protected override TrainingMethod Create() => new FlatLoraMethod(this);
}

/// <summary>
/// The base weights are never written: the perturbed weight is made in scratch memory, once for the forward and once for the backward pass,
/// and the row norms come from ||W0_i||^2 + 2 s b_i . (W0 A^T)_i + s^2 b_i (A A^T) b_i. Memory: a deviation for every output row.
/// The noise's streams are the adapted layers' numbers, its steps the optimizer's.
/// </summary>
internal sealed class FlatLoraMethod(FlatLora settings) : PerturbationMethod(settings)
{
    private readonly Dictionary<LoraLinear, Variable> deviations = [];

    public override ulong NoiseSeed => settings.NoiseSeed;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(this, "perturbs the frozen weights under LoRA adapters", context))
        {
            deviations.Add(layer, context.Scratch.Reserve($"{layer.Module}.deviation", new Shape(layer.Weight.Shape.Rows)));
        }
    }

    public override void OnStepBegin(GraphBuilder graph, StepCourse course)
    {
        foreach ((LoraLinear layer, Variable deviation) in deviations)
        {
            // The frozen rows' norms never change. Taking them anew reads the weight once, where the noise reads it twice and draws for every element, and nothing is kept.
            graph.RowSquaredNorms(graph.Read(layer.Weight), deviation);
            Tensor a = graph.Read(layer.A);
            Tensor product = graph.MatMul(a, graph.Read(layer.Weight), MatMulLayout.NT);
            Tensor gram = graph.MatMul(a, a, MatMulLayout.NT);
            graph.FlatDeviation(
                layer.Weight.Shape.Columns,
                (float)settings.Rho,
                layer.Scale,
                product,
                graph.Read(layer.B),
                gram,
                graph.Read(Context.Scalars),
                deviation);
        }
    }

    public override Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) =>
        graph.PerturbWeight(weight, graph.Read(deviations[layer]), graph.Read(Context.NoiseRandom), (uint)layer.Index);

    public override double Factor(long step, long totalSteps) => (1 - Math.Cos(Math.PI * step / totalSteps)) / 2;
}

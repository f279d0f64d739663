using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>
/// Flat-LoRA (Li et al., ICML 2025, arXiv 2409.14396): each step the adapted layers' frozen weights carry seeded Gaussian noise whose deviation
/// per output row is factor * rho / sqrt(in) * ||row of W0 + s B A||; the factor rises from 0 to 1 over the run as (1 - cos(pi t / T)) / 2.
/// The base weights are never written: the perturbed weight is made in scratch memory, once for the forward and once for the backward pass,
/// and the row norms come from the low-rank identity of METHODS.md section 0.
/// </summary>
/// <param name="rho">The noise's relative size at the end of the run (the paper's sigma).</param>
/// <param name="noiseSeed">Seed of the noise; streams are the adapted layers' numbers, steps the optimizer's.</param>
public sealed class FlatLora(double rho, ulong noiseSeed) : TrainingMethod
{
    private readonly Dictionary<LoraLinear, (Variable BaseNorm, Variable Deviation)> layers = [];

    public const string MethodName = "flat-lora";

    public override string Name => MethodName;

    public override MethodRole Role => MethodRole.Perturbation;

    public override ulong NoiseSeed => noiseSeed;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (context.Model.Tuning is not Tuning.Lora)
        {
            throw new ConfigurationException(
                "method flat-lora perturbs the frozen weights under LoRA adapters, but the run has no adapter; add an 'adapter:' section, or remove the method for full fine-tuning.");
        }

        foreach (LoraLinear layer in context.Model.Adapters)
        {
            var rows = new Shape(layer.Weight.Shape.Rows);
            layers.Add(layer, (context.State.Reserve($"{layer.Module}.base_norm", rows), context.State.Reserve($"{layer.Module}.deviation", rows)));
        }
    }

    public override void OnRunBegin(GraphBuilder graph)
    {
        foreach ((LoraLinear layer, (Variable baseNorm, _)) in layers)
        {
            graph.RowSquaredNorms(graph.Read(layer.Weight), baseNorm);
        }
    }

    public override void OnStepBegin(GraphBuilder graph, StepCourse course)
    {
        foreach ((LoraLinear layer, (Variable baseNorm, Variable deviation)) in layers)
        {
            Tensor a = graph.Read(layer.A);
            Tensor product = graph.MatMul(a, graph.Read(layer.Weight), MatMulLayout.NT);
            Tensor gram = graph.MatMul(a, a, MatMulLayout.NT);
            graph.FlatDeviation(
                layer.Weight.Shape.Columns, (float)rho, layer.Scale, graph.Read(baseNorm), product, graph.Read(layer.B), gram, graph.Read(Context.Scalars), deviation);
        }
    }

    public override Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) =>
        graph.PerturbWeight(weight, graph.Read(layers[layer].Deviation), graph.Read(Context.NoiseRandom), (uint)layer.Index);

    public override double Factor(long step, long totalSteps) => (1 - Math.Cos(Math.PI * step / totalSteps)) / 2;
}

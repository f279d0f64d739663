using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>
/// What methods of seeded Gaussian noise on the adapted layers' frozen weights share. The base weights are never written: the perturbed
/// weight is made in scratch memory, once for the forward and once for the backward pass. Row norms of W0 + s B A come from
/// ||W0_i||^2 + 2 s b_i . (W0 A^T)_i + s^2 b_i (A A^T) b_i. Memory: a deviation for every output row. The noise's streams are the adapted
/// layers' numbers, its steps the optimizer's.
/// </summary>
internal abstract class WeightNoise(Perturbation settings, ulong noiseSeed) : PerturbationMethod(settings)
{
    private readonly Dictionary<LoraLinear, Variable> deviations = [];

    public override ulong NoiseSeed => noiseSeed;

    /// <summary>Whether the gradient by a layer's input sees the noise.</summary>
    protected virtual bool ReachesInputs => true;

    /// <summary>The adapted layers, each with its rows' deviations, which are free for other use once a step's passes have run.</summary>
    protected IReadOnlyDictionary<LoraLinear, Variable> Deviations => deviations;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(this, "perturbs the frozen weights under LoRA adapters", context))
        {
            deviations.Add(layer, context.Scratch.Reserve($"{layer.Module}.deviation", new Shape(layer.Weight.Shape.Rows)));
        }
    }

    public override Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) => graph.PerturbWeight(
        weight, graph.Read(deviations[layer]), graph.Read(Context.NoiseRandom), (uint)layer.Index, ReachesInputs);

    /// <summary>Sets a layer's deviations to the step's factor times rho / sqrt(in) times the norm of each row of W0 + s B A.</summary>
    protected void Deviate(GraphBuilder graph, LoraLinear layer, double rho)
    {
        // The frozen rows' norms never change. Taking them anew reads the weight once, where the noise reads it twice and draws for every
        // element, and nothing is kept.
        Variable deviation = deviations[layer];
        graph.RowSquaredNorms(graph.Read(layer.Weight), deviation);
        Tensor a = graph.Read(layer.A);
        Tensor product = graph.MatMul(a, graph.Read(layer.Weight), MatMulLayout.NT);
        Tensor gram = graph.MatMul(a, a, MatMulLayout.NT);
        graph.FlatDeviation(
            layer.Weight.Shape.Columns,
            (float)rho,
            layer.Scale,
            product,
            graph.Read(layer.B),
            gram,
            graph.Read(Context.Scalars),
            MethodScalars.Factor,
            deviation);
    }
}

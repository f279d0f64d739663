using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// What methods of the SAM family share: the gradients of a first pass perturb some of the trainable tensors by e = factor * g, a second pass computes the
/// gradients that count, and the tensors return to a copy of what they were, bit for bit. Memory: that copy.
/// </summary>
/// <param name="rho">Radius of the perturbation, over all perturbed tensors together.</param>
public abstract class SamMethod(double rho) : TrainingMethod
{
    private TensorSegments? segments;
    private Variable? saved;

    public override MethodRole Role => MethodRole.Perturbation;

    public override IReadOnlyList<StepCourse> Courses { get; } = [StepCourse.TwoPasses];

    /// <summary>The tensors that are perturbed; the norm is taken over all of them together.</summary>
    protected TensorSegments Perturbed => segments ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    protected Variable Values => Context.Trainables.Values;

    protected Variable Gradients => Context.Trainables.Gradients;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        segments = context.Segments(PerturbedTensors(context));
        saved = context.Scratch.Reserve("unperturbed", new Shape(segments.Table.PackedCount));
    }

    public override void OnGradientsReady(GraphBuilder graph, StepCourse course) => Perturb(graph);

    public override void OnRestore(GraphBuilder graph, StepCourse course)
    {
        if (course != StepCourse.OnePass)
        {
            graph.MapSegments(Perturbed, SegmentMap.Restore, Values, packed: saved);
        }
    }

    /// <summary>Which trainable tensors are perturbed.</summary>
    protected virtual IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context) => context.Trainables.Entries;

    /// <summary>Saves the perturbed tensors and moves them: e = rho g / ||g||.</summary>
    protected virtual void Perturb(GraphBuilder graph) => Ascend(graph, graph.SamFactors(graph.SegmentNorms(Perturbed, Gradients), (float)rho));

    /// <summary>Saves the perturbed tensors; w += factor g.</summary>
    protected void Ascend(GraphBuilder graph, Tensor factors) =>
        graph.MapSegments(Perturbed, SegmentMap.Perturb, Values, factors, saved, Gradients);

    /// <summary>Saves the perturbed tensors; w += factor T^2 g with T = |w| + eta.</summary>
    protected void AscendAdaptively(GraphBuilder graph, Tensor factors, float eta) =>
        graph.MapSegments(Perturbed, SegmentMap.PerturbAdaptive, Values, factors, saved, Gradients, eta);
}

/// <summary>SAM (Foret et al. 2021, arXiv 2010.01412): e = rho g / ||g|| over every trainable tensor.</summary>
/// <param name="rho">Radius of the perturbation.</param>
public sealed class Sam(double rho) : SamMethod(rho)
{
    public const string MethodName = "sam";

    public override string Name => MethodName;
}

/// <summary>LoRA-SAM (compared with in arXiv 2410.14802 and 2508.19564): SAM on the adapters' factors alone.</summary>
/// <param name="rho">Radius over the A and B of all layers together.</param>
public sealed class LoraSam(double rho) : SamMethod(rho)
{
    public const string MethodName = "lora-sam";

    public override string Name => MethodName;

    protected override IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context) =>
        AdapterRequirement.Tensors(this, "perturbs LoRA adapters, but the run has none; add an 'adapter:' section, or use method sam for full fine-tuning", context);
}

/// <summary>
/// ASAM (Kwon et al. 2021, arXiv 2102.11600): e = rho T^2 g / ||T g|| with T = |w| + eta elementwise, the identity for tensors whose name has no "weight"
/// (biases).
/// </summary>
/// <param name="rho">Radius of T^-1 e.</param>
/// <param name="eta">What is added to |w|.</param>
public sealed class Asam(double rho, double eta) : SamMethod(rho)
{
    private readonly float radius = (float)rho;

    public const string MethodName = "asam";

    public override string Name => MethodName;

    protected override void Perturb(GraphBuilder graph) =>
        AscendAdaptively(graph, graph.SamFactors(graph.AdaptiveNorms(Perturbed, Values, Gradients, (float)eta), radius), (float)eta);
}

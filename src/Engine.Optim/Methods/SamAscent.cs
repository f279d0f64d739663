using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// What methods of the SAM family share: the gradients of a first pass perturb some of the trainable tensors by e = factor * g, a second
/// pass computes the gradients that count, and the tensors return to a copy of what they were, bit for bit. Memory: that copy.
/// </summary>
/// <param name="settings">The method's settings.</param>
/// <param name="rho">Radius of the perturbation, over all perturbed tensors together.</param>
public abstract class SamAscent(Perturbation settings, Radius rho) : PerturbationMethod(settings)
{
    private readonly ChosenRadius? chosen = ChosenRadius.Of(settings, rho);
    private TensorSegments? segments;
    private Variable? saved;

    /// <inheritdoc/>
    protected override IReadOnlyList<StepCourse> PerturbedCourses { get; } = [StepCourse.TwoPasses];

    /// <summary>The tensors that are perturbed; the norm is taken over all of them together.</summary>
    protected TensorSegments Perturbed =>
        segments ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    /// <summary>All trainable values as one vector.</summary>
    protected Variable Values => Context.Trainables.Values;

    /// <summary>Their gradients, laid out alike.</summary>
    protected Variable Gradients => Context.Trainables.Gradients;

    /// <inheritdoc/>
    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        segments = context.Segments(PerturbedTensors(context));
        saved = context.Scratch.Reserve("unperturbed", new Shape(segments.PackedCount));
        chosen?.Attach(context);
    }

    /// <inheritdoc/>
    public override void OnGradientsReady(GraphBuilder graph, StepCourse course) => Perturb(graph);

    /// <inheritdoc/>
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
    protected virtual void Perturb(GraphBuilder graph) =>
        Ascend(graph, Factors(graph, graph.SegmentNorms(Perturbed, Gradients), rho.Value));

    /// <summary>What the gradient of each perturbed tensor is multiplied by: the step's radius over the norm.</summary>
    /// <param name="squares">Each tensor's squared norm.</param>
    /// <param name="radius">The radius where the step does not choose it.</param>
    /// <param name="mask">1 for each tensor that takes part; null: all do.</param>
    protected Tensor Factors(GraphBuilder graph, Tensor squares, double radius, Tensor? mask = null) => chosen is null
        ? graph.SamFactors(squares, (float)radius, mask)
        : graph.SamFactors(squares, 1f, mask, chosen.Choose(graph, Context, squares, mask: mask));

    /// <summary>Saves the perturbed tensors; w += factor g.</summary>
    protected void Ascend(GraphBuilder graph, Tensor factors) =>
        graph.MapSegments(Perturbed, SegmentMap.Perturb, Values, factors, saved, Gradients);

    /// <summary>Saves the perturbed tensors; w += factor T^2 g with T = |w| + eta.</summary>
    protected void AscendAdaptively(GraphBuilder graph, Tensor factors, float eta) =>
        graph.MapSegments(Perturbed, SegmentMap.PerturbAdaptive, Values, factors, saved, Gradients, eta);

    private protected override bool ChoosesRadius => chosen is not null;

    private protected override double RadiusOf(StepReadings readings) =>
        chosen is null || readings.Course == StepCourse.OnePass ? double.NaN : readings.Of(chosen.Value)[0];

    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        base.WriteFactors(step, totalSteps, scalars);
        chosen?.WriteTarget(step, totalSteps, scalars);
    }
}

using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// LookSAM (Liu et al., CVPR 2022, arXiv 2203.02714): every k-th step is a SAM step that also remembers g_v, the part of SAM's gradient
/// that is orthogonal to the plain one; the steps between add a ||g|| / (||g_v|| + 1e-8) g_v to theirs. On adapters where the run has them,
/// else on every trainable tensor; projection and norms over all of these together. Memory: g_v beside SAM's copy.
/// </summary>
public sealed record LookSam : Perturbation
{
    internal const string MethodName = "looksam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.1;

    /// <summary>Steps from one SAM step to the next, counted in those that <c>every</c> leaves.</summary>
    [Key(Minimum = 1)]
    public int K { get; init; } = 10;

    /// <summary>Weight of the remembered direction.</summary>
    [Key(Minimum = 0)]
    public double A { get; init; } = 0.7;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LookSamMethod(this);
}

/// <summary>Two courses: SAM's two passes, and one that adds the direction.</summary>
internal sealed class LookSamMethod(LookSam settings) : SamAscent(settings, settings.Rho)
{
    private Variable? direction;

    protected override IReadOnlyList<StepCourse> PerturbedCourses { get; } =
        settings.K == 1 ? [StepCourse.TwoPasses] : [StepCourse.TwoPasses, StepCourse.OnePass];

    private Variable Direction => direction ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        direction = context.State.Reserve("looksam.direction", new Shape(Perturbed.PackedCount));
    }

    protected override StepCourse PerturbedCourse(long due) => due % settings.K == 0 ? StepCourse.TwoPasses : StepCourse.OnePass;

    public override void OnTransformGradients(GraphBuilder graph, StepCourse course)
    {
        if (course == StepCourse.OnePass)
        {
            Tensor share = graph.NormRatioFactors(
                graph.SegmentNorms(Perturbed, Gradients),
                graph.SegmentDots(Perturbed, Direction, true, Direction, true),
                (float)settings.A);
            graph.MapSegments(Perturbed, SegmentMap.AddPacked, Gradients, share, Direction);
            return;
        }

        // The direction's memory holds the plain gradient since the first pass.
        Tensor along = graph.ProjectionFactors(
            graph.SegmentDots(Perturbed, Gradients, false, Direction, true),
            graph.SegmentDots(Perturbed, Direction, true, Direction, true));
        graph.MapSegments(Perturbed, SegmentMap.Combine, Gradients, along, Direction);
    }

    protected override IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context) => context.AdaptersOrAll;

    protected override void Perturb(GraphBuilder graph)
    {
        base.Perturb(graph);
        graph.MapSegments(Perturbed, SegmentMap.Save, Gradients, packed: Direction);
    }
}

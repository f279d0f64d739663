using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>
/// FMLoRA (Deng et al., arXiv 2508.00522): each layer's steepest ascent, from this step's own gradients; the step's come from a second pass
/// there.
/// </summary>
public sealed record FmLora : LossRiseAscent
{
    internal const string MethodName = "fm-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of each layer's perturbation in the first step.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <summary>Radius at the end of the run, at most <see cref="Rho"/>; between them half a cosine.</summary>
    [Key(Minimum = 0, Default = "rho")]
    public double? RhoMin { get; init; }

    /// <inheritdoc/>
    protected override KeyProblem? Problem => ProblemBeside(Rho)
        ?? (Sigma is not null && RhoMin is not null
            ? new KeyProblem(nameof(RhoMin), $"nothing, since {Setting.Of("sigma")} says the rise of the loss")
            : null)
        ?? LowRankAscent.Problem(Rho, RhoMin)
        ?? base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new FmLoraMethod(this);
}

/// <summary>
/// EFMLoRA (Deng et al., arXiv 2508.00522): one pass a step. The step runs under a moving average of the perturbations of the steps before
/// it; the first step runs unperturbed and starts the average.
/// </summary>
public sealed record EfmLora : OnePassPerturbation
{
    internal const string MethodName = "efm-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of each layer's perturbation in the first step.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <summary>Radius at the end of the run, at most <see cref="Rho"/>; between them half a cosine.</summary>
    [Key(Minimum = 0, Default = "rho")]
    public double? RhoMin { get; init; }

    /// <summary>Weight of the newest perturbation in the average; 1: the last step's alone.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double Beta { get; init; } = 0.9;

    /// <inheritdoc/>
    protected override KeyProblem? Problem => LowRankAscent.Problem(Rho, RhoMin) ?? base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new EfmLoraMethod(this);
}

/// <summary>
/// What FMLoRA and EFMLoRA share (Deng et al., arXiv 2508.00522): each layer's steepest ascent within radius rho of the full weight, as far
/// as the factors see it, carried over to B alone. Everything goes through r x r products; the m x n gradient is never formed.
/// </summary>
/// <param name="settings">The method's settings.</param>
/// <param name="rho">The radius of each layer's perturbation in the first step.</param>
/// <param name="rhoMin">The radius at the end of the run, between them half a cosine; null: rho's.</param>
internal abstract class LowRankAscent(Perturbation settings, Radius rho, double? rhoMin) : PerturbationMethod(settings)
{
    private readonly ChosenRadius? chosen = ChosenRadius.Of(settings, rho);
    private readonly double last = rhoMin ?? rho.Value;

    /// <summary>Every B as one segment, and the direction of radius 1; only where the radius is chosen.</summary>
    private (TensorSegments B, Variable Direction)? ascent;
    private LowRankLayers? layers;
    private Variable? savedB;

    /// <summary>Every adapter's B, as one vector.</summary>
    protected Variable B => Context.Trainables.AdapterB;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        IReadOnlyList<LoraLinear> adapters = AdapterRequirement.Layers(this, "perturbs the B of LoRA adapters", context);
        if (adapters.Any(adapter => adapter.Magnitude is not null))
        {
            throw Refusal(
                $"method {Name} is derived for W0 + s B A, and with {Setting.Of("use_dora")} the weight is rescaled by row; set "
                    + $"{Setting.Of("use_dora", "false")}, or choose bi-lora or flat-lora.");
        }

        layers = context.LowRankLayers(
            adapters.Select(adapter => (adapter.A, adapter.B, adapter.Scale)), context.Trainables.Values, "adapter.r", Name);
        savedB = context.Scratch.Reserve("unperturbed_B", B.Shape);
        if (chosen is not null)
        {
            chosen.Attach(context);
            ascent = (context.Segments([("lora_B.weight", B)]), context.Scratch.Reserve("direction", B.Shape));
        }
    }

    /// <summary>Radii that do not go together; null where they do.</summary>
    internal static KeyProblem? Problem(Radius rho, double? rhoMin) => rhoMin is null ? null
        : rho.Rise is not null ? new KeyProblem(nameof(FmLora.RhoMin), $"nothing, since {Setting.Of("rho")} says the rise of the loss")
        : rhoMin > rho.Value
            ? new KeyProblem(
                nameof(FmLora.RhoMin), FormattableString.Invariant($"a number of at most {Setting.Of("rho")}, which is {rho.Value}"))
        : null;

    public override double Factor(long step, long totalSteps) =>
        chosen is null ? last + ((rho.Value - last) * (1 + Math.Cos(Math.PI * step / totalSteps)) / 2) : 1;

    /// <summary>
    /// E_B of every layer at the present point, from the gradients there. Where the radius is chosen, it is one for all layers: the rise is
    /// the sum over layers of G_B . E_B, linear in it.
    /// </summary>
    protected Tensor Direction(GraphBuilder graph)
    {
        Tensor direction = graph.AscentDirection(
            layers!, Context.Trainables.Gradients, graph.Read(Context.Scalars), MethodScalars.Factor);
        if (chosen is null || ascent is not var (segments, unit))
        {
            return direction;
        }

        graph.Store(direction, unit);
        chosen.Choose(graph, Context, graph.SegmentDots(segments, Context.Trainables.Gradients, false, unit, true), areSquares: false);
        graph.ScaleBy(unit, chosen.Value, slot: 0);
        return graph.Read(unit);
    }

    /// <summary>Keeps B, then adds to it.</summary>
    protected void Perturb(GraphBuilder graph, Tensor perturbation)
    {
        graph.Store(graph.Read(B), savedB!);
        graph.Accumulate(perturbation, B);
    }

    /// <summary>B as it was kept: a copy, so that round-off leaves no trace.</summary>
    public override void OnRestore(GraphBuilder graph, StepCourse course) => graph.Store(graph.Read(savedB!), B);

    private protected override bool ChoosesRadius => chosen is not null;

    private protected override double RadiusOf(StepReadings readings) => chosen is null ? double.NaN : readings.Of(chosen.Value)[0];

    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        base.WriteFactors(step, totalSteps, scalars);
        chosen?.WriteTarget(step, totalSteps, scalars);
    }
}

/// <summary>The perturbation comes from this step's own gradients, and the step from a second pass at the perturbed point.</summary>
internal class FmLoraMethod(FmLora settings) : LowRankAscent(settings, settings.Rho, settings.RhoMin)
{
    protected override IReadOnlyList<StepCourse> PerturbedCourses { get; } = [StepCourse.TwoPasses];

    public override void OnGradientsReady(GraphBuilder graph, StepCourse course) => Perturb(graph, Direction(graph));
}

/// <summary>Keeps the average of the perturbations as its state.</summary>
internal sealed class EfmLoraMethod(EfmLora settings) : LowRankAscent(settings, settings.Rho, settings.RhoMin)
{
    /// <summary>[1] How many perturbations are in the average.</summary>
    private readonly double[] averaged = new double[1];
    private Variable? average;
    private Tensor? newest;

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [("efm_lora.averaged", averaged)];

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        average = context.State.Reserve("perturbation", B.Shape);
    }

    public override void OnStepBegin(GraphBuilder graph, StepCourse course) => Perturb(graph, graph.Read(average!));

    /// <summary>Before B returns: at the perturbed point, where the gradients were taken, G_A = s B^T G holds.</summary>
    public override void OnRestore(GraphBuilder graph, StepCourse course)
    {
        newest = Direction(graph);
        base.OnRestore(graph, course);
    }

    public override void OnUpdate(GraphBuilder graph, StepCourse course, Tensor finite) => graph.Blend(
        graph.Read(Context.Scalars),
        MethodScalars.AverageWeight,
        finite,
        newest ?? throw new InvalidOperationException($"{nameof(OnRestore)} comes before {nameof(OnUpdate)}."),
        average!);

    public override void OnStepEnd(StepReadings readings)
    {
        base.OnStepEnd(readings);
        averaged[0]++;
    }

    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        base.WriteFactors(step, totalSteps, scalars);
        scalars[MethodScalars.AverageWeight] = averaged[0] == 0 ? 1f : (float)settings.Beta;
    }
}

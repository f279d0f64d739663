using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;

namespace Engine.Optim.Methods;

/// <summary>SAM (Foret et al. 2021, arXiv 2010.01412): e = rho g / ||g|| over every trainable tensor.</summary>
public sealed record Sam : LossRiseAscent
{
    internal const string MethodName = "sam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <inheritdoc/>
    protected override KeyProblem? Problem => ProblemBeside(Rho) ?? base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new SamMethod(this);
}

/// <summary>LoRA-SAM (compared with in arXiv 2410.14802 and 2508.19564): SAM on the adapters' factors alone.</summary>
public sealed record LoraSam : Perturbation
{
    internal const string MethodName = "lora-sam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation, over the A and B of all layers together; papers use 0.003 to 0.2.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LoraSamMethod(this, Rho);
}

/// <summary>
/// LE-SAM (ICML 2026, arXiv 2605.10183) on the adapters' factors: LoRA-SAM whose radius is chosen in each step for a fixed rise of the
/// loss.
/// </summary>
public sealed record LoraSamLesam : LossRiseAscent
{
    internal const string MethodName = "lora-sam-lesam";

    /// <summary>LE-SAM's sigma is 0.01 unless it is set.</summary>
    public LoraSamLesam() => Sigma = 0.01;

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    protected override KeyProblem? Problem => Sigma is null ? new KeyProblem(nameof(Sigma), "a number of at least 0") : base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LoraSamMethod(this, rho: 0);
}

/// <summary>
/// ASAM (Kwon et al. 2021, arXiv 2102.11600): e = rho T^2 g / ||T g|| with T = |w| + eta elementwise, the identity for tensors whose name
/// has no "weight" (biases).
/// </summary>
public sealed record Asam : Perturbation
{
    internal const string MethodName = "asam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation in units of the weights, T^-1 e; about ten times SAM's.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.5;

    /// <summary>What is added to each weight's magnitude.</summary>
    [Key(Minimum = 0)]
    public double Eta { get; init; } = 0.01;

    internal override double LargestRadius => 10 * base.LargestRadius;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new AsamMethod(this);
}

/// <summary>The family's ascent as it is.</summary>
internal sealed class SamMethod(Sam settings) : SamAscent(settings, settings.Rho);

/// <summary>The family's ascent on adapters.</summary>
internal sealed class LoraSamMethod(Perturbation settings, Radius rho) : SamAscent(settings, rho)
{
    protected override IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context) => AdapterRequirement.Tensors(
        this,
        $"perturbs LoRA adapters, but the run has none; add an {Setting.Section("adapter")}, or use method {Sam.MethodName} for full "
            + "fine-tuning",
        context);
}

/// <summary>The ascent in units of the weights.</summary>
internal sealed class AsamMethod(Asam settings) : SamAscent(settings, settings.Rho)
{
    private readonly float eta = (float)settings.Eta;

    protected override void Perturb(GraphBuilder graph) =>
        AscendAdaptively(graph, Factors(graph, graph.AdaptiveNorms(Perturbed, Values, Gradients, eta), settings.Rho.Value), eta);
}

using Engine.Common.Keys;

namespace Engine.Optim.Methods;

/// <summary>
/// A two-pass ascent whose radius may follow LE-SAM (ICML 2026, arXiv 2605.10183), which fixes the rise of the loss in place of the radius:
/// with sigma set, the radius is min(sigma_t / (slope + c), rho_max), slope the rise per unit of radius (||g|| for SAM), and sigma_t falls
/// to 0 along half a cosine at the end of the run.
/// </summary>
public abstract record LossRiseAscent : Perturbation
{
    internal const double DefaultRhoMax = 0.2;
    private const double DefaultC = 1e-8;

    /// <summary>
    /// Rise of the loss, to first order, that each step's radius is chosen for (LE-SAM); it takes the place of <c>rho</c>.
    /// </summary>
    [Key(Minimum = 0)]
    public double? Sigma { get; init; }

    /// <summary>What is added to the slope that <c>sigma</c> is divided by.</summary>
    [Key(Minimum = 0)]
    public double C { get; init; } = DefaultC;

    /// <summary>Largest radius that <c>sigma</c> may give.</summary>
    [Key(Minimum = 0, Above = true)]
    public double RhoMax { get; init; } = DefaultRhoMax;

    /// <summary>The step from which <c>sigma</c> falls to 0: its number, or below 1 a share of the run.</summary>
    [Key(Minimum = 0, Default = "never")]
    public double? AnnealStart { get; init; }

    /// <inheritdoc/>
    protected override KeyProblem? Problem =>
        Sigma is null && OfSigma is { } idle ? new KeyProblem(idle, $"nothing without {Setting.Of("sigma")}, which it is of")
        : AnnealStart is { } point ? RunPoint.Problem(nameof(AnnealStart), point) ?? base.Problem
        : base.Problem;

    /// <summary>A setting that only sigma reads, where one is not the default.</summary>
    private string? OfSigma => AnnealStart is not null ? nameof(AnnealStart)
        : C != DefaultC ? nameof(C)
        : RhoMax != DefaultRhoMax ? nameof(RhoMax)
        : null;

    /// <summary>What is wrong with sigma beside a radius; null: nothing.</summary>
    private protected KeyProblem? ProblemBeside(Radius rho) => Sigma is not null && rho.Rise is not null
        ? new KeyProblem(nameof(Sigma), $"nothing, since {Setting.Of("rho")} says the rise of the loss")
        : null;

    /// <summary>sigma_t; only where <see cref="Sigma"/> is set.</summary>
    internal double SigmaAt(long step, long totalSteps)
    {
        double start = AnnealStart is { } point ? RunPoint.Step(point, totalSteps) : totalSteps;
        return Sigma!.Value * (step < start ? 1 : (1 + Math.Cos(Math.PI * (step - start) / (totalSteps - start))) / 2);
    }
}

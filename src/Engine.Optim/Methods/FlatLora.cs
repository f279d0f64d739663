using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>
/// Flat-LoRA (Li et al., ICML 2025, arXiv 2409.14396): each step the adapted layers' frozen weights carry seeded Gaussian noise whose
/// deviation per output row is factor * rho / sqrt(in) * ||row of W0 + s B A||; the factor rises from 0 to 1 over the run as (1 - cos(pi t
/// / T)) / 2.
/// </summary>
public sealed record FlatLora : OnePassPerturbation
{
    internal const string MethodName = "flat-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Relative size of the noise at the end of the run (the paper's sigma).</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <summary>Seed of the noise.</summary>
    [Key(Minimum = 0)]
    public ulong NoiseSeed { get; init; } = 42;

    /// <inheritdoc/>
    protected override KeyProblem? Problem => MeasuredRadius.Problem(Rho, RiseEvery) ?? base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new FlatLoraMethod(this);
}

/// <summary>
/// The noise grows along half a cosine to what rho says. Where the radius is measured instead, it is that from the first step on.
/// </summary>
internal sealed class FlatLoraMethod(FlatLora settings) : WeightNoise(settings, settings.NoiseSeed)
{
    private readonly MeasuredRadius? measured =
        settings.Rho.Rise is null ? null : new MeasuredRadius(settings.Rho, power: 2, settings.LargestRadius);

    public override IReadOnlyList<(string Name, double[] Values)> HostState => measured is null ? [] : [measured.State];

    protected override LossProbe Probe => measured is null ? LossProbe.Unperturbed : LossProbe.Mirrored;

    public override void OnStepBegin(GraphBuilder graph, StepCourse course) => DeviateAll(graph, measured is null ? settings.Rho.Value : 1);

    /// <summary>The same normals with the deviations' sign turned.</summary>
    public override void OnMirror(GraphBuilder graph) => DeviateAll(graph, -1);

    public override double Factor(long step, long totalSteps) => measured?.Current ?? (1 - Math.Cos(Math.PI * step / totalSteps)) / 2;

    /// <summary>
    /// The rise that is measured is the mean of the losses under the noise and under its opposite, less that without: what is linear in the
    /// noise cancels.
    /// </summary>
    public override void OnStepEnd(StepReadings readings)
    {
        base.OnStepEnd(readings);
        if (readings.Probe == LossProbe.Mirrored)
        {
            double before = readings.Of(Context.Losses.UnperturbedLoss)[0];
            double after = ((double)readings.Of(Context.Losses.Loss)[0] + readings.Of(Context.Losses.ProbedLoss)[0]) / 2;
            measured!.Measure((after - before) / before);
        }
    }

    private protected override bool ChoosesRadius => measured is not null;

    private protected override double RadiusOf(StepReadings readings) => measured?.Current ?? double.NaN;

    /// <param name="rho">What the step's factor is multiplied by.</param>
    private void DeviateAll(GraphBuilder graph, double rho)
    {
        foreach (LoraLinear layer in Deviations.Keys)
        {
            Deviate(graph, layer, rho);
        }
    }
}

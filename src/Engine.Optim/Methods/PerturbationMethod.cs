namespace Engine.Optim.Methods;

/// <summary>
/// A <see cref="Perturbation"/> at work. Steps that it leaves out take <see cref="StepCourse.Plain"/>, in which none of its hooks run.
/// </summary>
public abstract class PerturbationMethod(Perturbation settings) : TrainingMethod
{
    private readonly int riseEvery = settings is OnePassPerturbation { RiseEvery: var every } ? every : 0;
    private readonly StepNumber radius = new("rho");
    private IReadOnlyList<StepCourse>? courses;

    /// <inheritdoc/>
    public override string Name => settings.Name;

    /// <inheritdoc/>
    public override MethodRole Role => MethodRole.Perturbation;

    /// <inheritdoc/>
    public sealed override IReadOnlyList<StepCourse> Courses =>
        courses ??= settings.Start > 0 || settings.Every > 1 ? [.. PerturbedCourses, StepCourse.Plain] : PerturbedCourses;

    /// <summary>Every course of the steps that are perturbed.</summary>
    protected virtual IReadOnlyList<StepCourse> PerturbedCourses { get; } = [StepCourse.OnePass];

    /// <inheritdoc/>
    public sealed override StepCourse CourseOf(long step) => Due(step) is >= 0 and var due ? PerturbedCourse(due) : StepCourse.Plain;

    /// <summary>The course of a step that is perturbed: one of <see cref="PerturbedCourses"/>.</summary>
    /// <param name="due">Its number among these steps, from 0.</param>
    protected virtual StepCourse PerturbedCourse(long due) => PerturbedCourses[0];

    /// <inheritdoc/>
    public sealed override LossProbe ProbeOf(long step) =>
        riseEvery > 0 && Due(step) is >= 0 and var due && due % riseEvery == 0 ? Probe : LossProbe.None;

    /// <inheritdoc/>
    public sealed override IReadOnlyList<LossProbe> Probes => riseEvery > 0 ? [Probe] : [];

    /// <summary>What is computed beside the steps of <see cref="OnePassPerturbation.RiseEvery"/>.</summary>
    protected virtual LossProbe Probe => LossProbe.Unperturbed;

    /// <summary>Where the radius is not a number that the settings say, each step's.</summary>
    public override IReadOnlyList<StepNumber> Numbers => ChoosesRadius ? [radius] : [];

    /// <inheritdoc/>
    public override void OnStepEnd(StepReadings readings) => radius.Value = RadiusOf(readings);

    /// <summary>Whether the radius follows from the rise of the loss.</summary>
    private protected virtual bool ChoosesRadius => false;

    /// <summary>The radius of a step that has one of its own; NaN for none.</summary>
    private protected virtual double RadiusOf(StepReadings readings) => double.NaN;

    /// <summary>A step's number among those that are perturbed, from 0; -1 for the others.</summary>
    protected long Due(long step)
    {
        long since = step - (long)RunPoint.Step(settings.Start, Context.TotalSteps);
        return since >= 0 && since % settings.Every == 0 ? since / settings.Every : -1;
    }
}

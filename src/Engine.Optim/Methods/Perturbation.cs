using Engine.Common.Keys;

namespace Engine.Optim.Methods;

/// <summary>
/// A method that takes the gradient off the weights' own place. It may begin late and leave steps out, which are then plain ones: one
/// pass, nothing perturbed. Late perturbation is what Late-phase SAM (ICLR 2025, arXiv 2410.10373) studies.
/// </summary>
public abstract record Perturbation : Method, IKeyRules
{
    /// <summary>The first step that is perturbed: a step's number from 0, or below 1 a share of the run.</summary>
    [Key(Minimum = 0)]
    public double Start { get; init; }

    /// <summary>Steps from one perturbed step to the next; those between them, like those before the first, are plain ones.</summary>
    [Key(Minimum = 1)]
    public int Every { get; init; } = 1;

    KeyProblem? IKeyRules.Problem => Problem;

    /// <summary>The first rule between keys that is broken; null: none.</summary>
    protected virtual KeyProblem? Problem => RunPoint.Problem(nameof(Start), Start);

    /// <summary>The largest radius that is chosen for a rise of the loss unless <see cref="Radius.Max"/> says one.</summary>
    internal virtual double LargestRadius => LossRiseAscent.DefaultRhoMax;
}

/// <summary>
/// A perturbation in one pass a step, which sees the loss at the perturbed point alone: what it does to the loss takes another forward
/// pass to know.
/// </summary>
public abstract record OnePassPerturbation : Perturbation
{
    /// <summary>
    /// Perturbed steps from one whose unperturbed loss is computed too, by another forward pass, to the next; metrics.jsonl has the rise
    /// of these as <c>loss_rise</c>. 0: never.
    /// </summary>
    [Key(Minimum = 0)]
    public int RiseEvery { get; init; } = 10;
}

/// <summary>A place in a run, as keys give it: a step's number, or below 1 a share of the run.</summary>
internal static class RunPoint
{
    /// <summary>The step, from 0.</summary>
    public static double Step(double point, long totalSteps) => point < 1 ? Math.Ceiling(point * totalSteps) : point;

    /// <summary>What is wrong with a place; null: nothing.</summary>
    public static KeyProblem? Problem(string property, double point) =>
        point >= 1 && !double.IsInteger(point) ? new KeyProblem(property, "the number of a step, or below 1 a share of the run") : null;
}

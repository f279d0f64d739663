namespace Engine.Optim;

/// <summary>How often a step runs its micro-batches.</summary>
public enum StepCourse
{
    /// <summary>Once.</summary>
    OnePass,

    /// <summary>
    /// Twice: the gradients of the first pass perturb the weights (H1), those of the second count. Both passes see the same dropout masks.
    /// </summary>
    TwoPasses,

    /// <summary>
    /// Between two passes the losses alone are computed at the perturbed point, and the second pass runs the samples that the method then
    /// selects. These are numbered anew, so with dropout their masks are other draws than in the first pass.
    /// </summary>
    SelectedSecondPass,

    /// <summary>Once, as if the method that perturbs were not there; the others of a combination are.</summary>
    Plain,

    /// <summary>Once, and before the update the adapters' products move into their base weights in part.</summary>
    Merging,

    /// <summary>
    /// Once, each sample by itself: the method takes its gradient before the next one's (<see
    /// cref="Methods.TrainingMethod.OnSampleReady"/>).
    /// </summary>
    PerSample,
}

/// <summary>What the courses have in common.</summary>
internal static class StepCourses
{
    /// <summary>Whether the micro-batches run a second time.</summary>
    public static bool HasSecondPass(this StepCourse course) => course is StepCourse.TwoPasses or StepCourse.SelectedSecondPass;
}

/// <summary>
/// Losses that a step of one pass computes beside it, by forward passes with the same dropout masks, so that what the perturbation does
/// to the loss is known.
/// </summary>
public enum LossProbe
{
    /// <summary>No further loss.</summary>
    None,

    /// <summary>The loss without the perturbation: one forward pass.</summary>
    Unperturbed,

    /// <summary>
    /// That, and the loss at the opposite perturbation (<see cref="Methods.TrainingMethod.OnMirror"/>): two forward passes.
    /// </summary>
    Mirrored,
}

/// <summary>The parts of a step that may serve some of the trainable tensors only.</summary>
public enum StepPart
{
    /// <summary>The first pass, or the only one.</summary>
    FirstPass,

    /// <summary>The second pass of a course that has one.</summary>
    SecondPass,

    /// <summary>The optimizer's update.</summary>
    Update,
}

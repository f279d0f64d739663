namespace Engine.Optim;

/// <summary>What one optimizer step reports.</summary>
/// <param name="Loss">
/// The step's mean loss, as the method's first pass saw it; NaN where there is no label, 0 where samples run one by one.
/// </param>
/// <param name="GradientNorm">Global norm of the gradients before clipping.</param>
/// <param name="Tokens">Real tokens of the micro-batches.</param>
/// <param name="Labels">Labels of the micro-batches: labelled tokens of a language model, else texts.</param>
/// <param name="Skipped">Nothing was updated: no micro-batch has a label, or the gradients overflowed under loss scaling and the scale is
/// lower now.</param>
/// <param name="LossRise">The loss at the perturbed point less that without the perturbation; NaN where the step does not know
/// both.</param>
internal sealed record StepReport(
    double Loss, double GradientNorm, long Tokens, long Labels, bool Skipped = false, double LossRise = double.NaN)
{
    /// <summary>
    /// The part of <see cref="Loss"/> that the adapters' form or the method adds to the task's; NaN where neither adds any.
    /// </summary>
    public double AdapterLoss { get; init; } = double.NaN;
}

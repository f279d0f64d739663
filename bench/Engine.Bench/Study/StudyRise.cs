using System.Text.Json.Nodes;

namespace Engine.Bench.Study;

/// <summary>Reads from a run's metrics.jsonl what its perturbations came to.</summary>
internal static class StudyRise
{
    /// <summary>Null where no step of the second half knows its rise, as of a method that does not perturb.</summary>
    /// <param name="steps">The lines, a step each.</param>
    /// <param name="twoPasses">Whether the reported loss is that of the unperturbed weights; else it is the perturbed one.</param>
    public static RealisedRise? Of(IReadOnlyList<JsonObject> steps, bool twoPasses)
    {
        JsonObject[] second = [.. steps.Skip(steps.Count / 2)];
        (double Rise, double Loss)[] known = [.. second
            .Where(step => step["loss_rise"] is not null)
            .Select(step => (Rise: Number(step, "loss_rise")!.Value, Reported: Number(step, "loss")!.Value))
            .Select(step => (step.Rise, twoPasses ? step.Reported : step.Reported - step.Rise))];
        if (known.Length == 0)
        {
            return null;
        }

        double loss = known.Average(step => step.Loss), rise = known.Average(step => step.Rise);
        double[] losses = [.. second.Select(step => Number(step, "loss")!.Value)];
        double squares = losses.Skip(1).Zip(losses, (next, last) => (next - last) * (next - last)).Average();
        return new RealisedRise(
            known.Length, rise, rise / loss, loss, Math.Sqrt(squares / 2), Mean(second, "rho"), Numbers(steps, "rho").Cast<double?>().Max(),
            Mean(second, "c_over_rho"));
    }

    /// <summary>Mean of the reported loss over the last tenth of the steps.</summary>
    public static double TrainLoss(IReadOnlyList<JsonObject> steps) =>
        Numbers([.. steps.Skip(steps.Count - Math.Max(1, steps.Count / 10))], "loss").Average();

    private static double? Mean(IEnumerable<JsonObject> steps, string key) => Numbers(steps, key).Cast<double?>().Average();

    private static IEnumerable<double> Numbers(IEnumerable<JsonObject> steps, string key) =>
        steps.Select(step => Number(step, key)).OfType<double>();

    private static double? Number(JsonObject step, string key) => step[key]?.GetValue<double>();
}

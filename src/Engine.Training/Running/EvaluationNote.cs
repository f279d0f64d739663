using Engine.Common.Keys;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>What a user should know of an evaluation in the course of a run, and what to do about it.</summary>
internal static class EvaluationNote
{
    /// <param name="metric">The metric by which evaluations are the best.</param>
    /// <param name="lossBefore">The loss before training; null where it is not known.</param>
    /// <param name="metricBefore">The metric before training, where it is worse now; else null.</param>
    /// <param name="onlyLabel">The label that every row got, though rows have several; else null.</param>
    /// <returns>Null where there is nothing to say.</returns>
    public static string? Of(string metric, double loss, bool isBest, double? lossBefore, double? metricBefore, string? onlyLabel)
    {
        if (!double.IsFinite(loss))
        {
            return $"the {TaskMetrics.Loss} is {loss}, so that this evaluation is never the best; lower {Setting.Of("learning_rate")}";
        }

        if (isBest && metricBefore is { } before)
        {
            return FormattableString.Invariant(
                $"{metric} is worse than the {before:0.0000} before training; train longer, or change {Setting.Of("learning_rate")}");
        }

        if (isBest && loss > lossBefore)
        {
            return FormattableString.Invariant(
                $"best by {metric}, but its loss is above the {lossBefore:0.0000} before training; lower {Setting.Of("learning_rate")}");
        }

        return onlyLabel is null ? null : OneLabel(onlyLabel);
    }

    /// <param name="label">The label that every row got, though rows have several.</param>
    public static string OneLabel(string label) =>
        $"every row is taken for '{label}', so that the model tells nothing apart; train longer or raise {Setting.Of("learning_rate")}, or "
            + "lower it where an earlier evaluation was better";
}

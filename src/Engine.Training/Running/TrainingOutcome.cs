using Engine.Training.Incremental;
using Engine.Training.Reports;

namespace Engine.Training.Running;

/// <summary>What a run came to.</summary>
/// <param name="Before">Metrics of the model as it came; null without validation data.</param>
/// <param name="After">Metrics of the final weights; null without validation data.</param>
/// <param name="WeightsFolder">The adapter, or the fully tuned model.</param>
/// <param name="Interrupted">The run was cancelled; it can be resumed.</param>
public sealed record TrainingOutcome(
    long Steps,
    double Seconds,
    long Tokens,
    IReadOnlyDictionary<string, double>? Before,
    IReadOnlyDictionary<string, double>? After,
    string WeightsFolder,
    long PeakBytes,
    long ForecastBytes,
    bool Interrupted)
{
    /// <summary>Accuracies after each task of a class-incremental run; null for others.</summary>
    public TaskAccuracies? Tasks { get; init; }

    /// <summary>Steps, time and metrics in words.</summary>
    public override string ToString()
    {
        string before = Before is null ? "" : $"; before {Amounts.Metrics(Before)}";
        string after = After is null ? "" : $"; after {Amounts.Metrics(After)}";
        string run = $"{(Interrupted ? "stopped after" : "ended after")} {Amounts.Of(Steps, "step")}";
        return $"{run} in {Amounts.Time(TimeSpan.FromSeconds(Seconds))}{before}{after}; weights in {WeightsFolder}";
    }
}

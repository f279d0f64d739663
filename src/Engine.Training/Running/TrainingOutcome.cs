using Engine.Training.Incremental;

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
}

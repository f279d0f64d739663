namespace Engine.Training.Metrics;

/// <summary>What <see cref="BestTracker"/> keeps in a checkpoint.</summary>
/// <param name="Best">The best value; null before the first one that is a number.</param>
/// <param name="BestStep">The optimizer step it was reached at; -1 before.</param>
/// <param name="SinceImprovement">Evaluations in a row that did not improve on it by more than the threshold.</param>
internal readonly record struct BestState(double? Best, int BestStep, int SinceImprovement)
{
    /// <summary>Before the first evaluation.</summary>
    public static BestState None { get; } = new(null, -1, 0);
}

/// <summary>Remembers the best evaluation and says when patience has run out, as Transformers' EarlyStoppingCallback does.</summary>
internal sealed class BestTracker(string metric, bool greaterIsBetter, int? patience = null, double threshold = 0)
{
    /// <summary>The metric that is compared.</summary>
    public string Metric { get; } = metric;

    /// <summary>What a checkpoint stores, for a resumed run to go on from.</summary>
    public BestState State { get; internal set; } = BestState.None;

    /// <summary>No evaluation has improved for as many as patience allows.</summary>
    public bool ShouldStop => patience is int allowed && State.SinceImprovement >= allowed;

    /// <summary>Notes an evaluation. What is not finite is worse than every number.</summary>
    /// <returns>Whether it is the best so far.</returns>
    public bool Report(int step, double value)
    {
        bool isBest = IsBetter(value, State.Best);
        bool improves = isBest && (State.Best is not double best || Math.Abs(value - best) > threshold);
        State = new BestState(isBest ? value : State.Best, isBest ? step : State.BestStep, improves ? 0 : State.SinceImprovement + 1);
        return isBest;
    }

    /// <summary>Whether a value of the metric is worse than another.</summary>
    public bool IsWorse(double value, double than) => greaterIsBetter ? value < than : value > than;

    private bool IsBetter(double value, double? than) =>
        double.IsFinite(value) && (than is null || (greaterIsBetter ? value > than : value < than));
}

using Engine.Optim.Sharpness;
using Engine.Training.Running;

namespace Engine.Training.Comparing;

/// <summary>What a comparison reports while it goes, on the thread that makes its runs.</summary>
public abstract record ComparisonProgress
{
    private ComparisonProgress()
    {
    }

    /// <summary>A run that is not there yet is begun, or gone on with.</summary>
    /// <param name="Run">The run.</param>
    /// <param name="Number">Its number among the runs that are made now, from 1.</param>
    /// <param name="Count">The runs that are made now.</param>
    public sealed record RunStarted(PlannedRun Run, int Number, int Count) : ComparisonProgress;

    /// <summary>A run is trained.</summary>
    /// <param name="Run">The run.</param>
    /// <param name="Progress">What its training reports.</param>
    public sealed record Training(PlannedRun Run, TrainingProgress Progress) : ComparisonProgress;

    /// <summary>It is measured how flat the loss is around a run's adapter.</summary>
    /// <param name="Run">The run.</param>
    /// <param name="Progress">How far the measurement is.</param>
    public sealed record Measuring(PlannedRun Run, SharpnessProgress Progress) : ComparisonProgress;

    /// <summary>A run came to its end, measurements included.</summary>
    /// <param name="Run">The run.</param>
    /// <param name="Result">What it came to.</param>
    public sealed record RunEnded(PlannedRun Run, ComparedRun Result) : ComparisonProgress;

    /// <summary>A run failed; the others, which do not depend on it, go on.</summary>
    /// <param name="Run">The run.</param>
    /// <param name="Problem">Why; <see cref="ErrorSentence.Of"/> says it as the report does.</param>
    public sealed record RunFailed(PlannedRun Run, Exception Problem) : ComparisonProgress;
}

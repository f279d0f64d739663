using Engine.Training.Data;
using Engine.Training.Reports;

namespace Engine.Training.Running;

/// <summary>What a run reports while it goes.</summary>
public abstract record TrainingProgress
{
    private TrainingProgress()
    {
    }

    /// <summary>Everything is loaded and allocated; steps follow.</summary>
    /// <param name="TotalSteps">Optimizer steps of the run.</param>
    /// <param name="FirstStep">Steps taken already (a resumed run).</param>
    /// <param name="TrainableParameters">Elements that are trained.</param>
    /// <param name="TotalParameters">Elements of the model, the adapter included.</param>
    /// <param name="ForecastBytes">Device bytes of the run, known before anything was allocated.</param>
    /// <param name="Notes">What a user should know: parameters initialised anew, tensors without a place.</param>
    public sealed record Started(
        int TotalSteps, long FirstStep, long TrainableParameters, long TotalParameters, long ForecastBytes, IReadOnlyList<string> Notes)
            : TrainingProgress
    {
        /// <summary>The classes with their training rows; empty for other tasks than classification.</summary>
        public IReadOnlyList<ClassCount> Classes { get; init; } = [];

        /// <summary>The numbers in words, and each note behind them.</summary>
        public override string ToString()
        {
            string steps = $"{Amounts.Of(TotalSteps, "step")} from step {FirstStep}", memory = Amounts.Bytes(ForecastBytes);
            string trained = $"{Amounts.Of(TrainableParameters, "parameter")} of {Amounts.Of(TotalParameters, "parameter")}";
            return string.Join(' ', [$"started: {steps}, {trained} trained, {memory} of device memory.", .. Notes]);
        }
    }

    /// <summary>An optimizer step is done.</summary>
    /// <param name="StepNumber">Steps taken, this one included.</param>
    /// <param name="TokensPerSecond">Real tokens a second, smoothed over the last steps.</param>
    /// <param name="TimeLeft">Until the last step at that pace.</param>
    /// <param name="DeviceBytes">Live device bytes.</param>
    public sealed record Step(
        long StepNumber,
        int TotalSteps,
        double Epoch,
        double Loss,
        double LearningRate,
        double GradientNorm,
        double TokensPerSecond,
        TimeSpan TimeLeft,
        long DeviceBytes) : TrainingProgress
    {
        /// <summary>What the method's perturbation added to the loss of the last step that knows it; null where none does.</summary>
        public double? LossRise { get; init; }

        /// <summary>
        /// Of a private method: epsilon of what was trained so far, at the method's delta; null where there is no guarantee.
        /// </summary>
        public double? Epsilon { get; init; }
    }

    /// <summary>An optimizer step was counted but updated nothing, since none of its texts has a label.</summary>
    /// <param name="StepNumber">Steps taken, this one included.</param>
    /// <param name="Reason">Why, and what to do, as a sentence.</param>
    public sealed record Skipped(long StepNumber, string Reason) : TrainingProgress;

    /// <summary>An evaluation is done.</summary>
    /// <param name="StepNumber">Steps taken before it; 0 is the model as it came.</param>
    /// <param name="Best">The best so far by the run's metric.</param>
    public sealed record Evaluated(long StepNumber, double Epoch, IReadOnlyDictionary<string, double> Metrics, bool Best) : TrainingProgress
    {
        /// <summary>
        /// What a user should know of it: a loss that has exploded, or is above that before training, or one class for every row; null
        /// where there is nothing.
        /// </summary>
        public string? Warning { get; init; }

        /// <summary>The metrics in words, and the warning behind them.</summary>
        public override string ToString()
        {
            string warning = Warning is null ? "" : $" ({Warning})";
            return $"evaluated after step {StepNumber}: {Amounts.Metrics(Metrics)}{(Best ? ", best" : "")}{warning}";
        }
    }

    /// <summary>A checkpoint was written.</summary>
    public sealed record Saved(long StepNumber, string Folder) : TrainingProgress;

    /// <summary>The run stops early.</summary>
    public sealed record Stopping(string Reason) : TrainingProgress;
}

using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>A training as a task, on a thread of its own.</summary>
internal static class TrainingTask
{
    /// <exception cref="OperationCanceledException">Cancelled; what was learned is in the run's folder.</exception>
    public static Task<TrainingOutcome> RunAsync(RunConfiguration run, Device device, FineTuneOptions options, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Task.Factory.StartNew(() => Run(run, device, options, cancellation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static TrainingOutcome Run(RunConfiguration run, Device device, FineTuneOptions options, CancellationToken cancellation)
    {
        var log = options.Logger is null ? null : new TrainingLog(options.Logger, run.LoggingSteps);
        using var trainer = new Trainer(run, device, options.ForTrainer, Both(options.Progress, log));
        TrainingOutcome outcome = trainer.Train(cancellation);
        return outcome.Interrupted
            ? throw new OperationCanceledException($"The training was cancelled after step {outcome.Steps}; {run.Output} has a checkpoint to go on from (Resume).", cancellation)
            : outcome;
    }

    private static IProgress<TrainingProgress>? Both(IProgress<TrainingProgress>? one, IProgress<TrainingProgress>? other) =>
        one is null || other is null ? one ?? other : new Pair(one, other);

    private sealed class Pair(IProgress<TrainingProgress> one, IProgress<TrainingProgress> other) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            one.Report(value);
            other.Report(value);
        }
    }
}

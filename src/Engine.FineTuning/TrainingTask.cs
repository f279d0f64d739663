using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning;

/// <summary>A training as a task, on a thread of its own.</summary>
internal static class TrainingTask
{
    /// <summary>
    /// Trains a place's run on a device and opens what came of it. The place is whoever's opens it; where nothing does, it is disposed.
    /// </summary>
    /// <exception cref="ArgumentException">A run without an output is to be resumed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; what was learned is in the run's folder, where it has one of its
    /// own.</exception>
    /// <exception cref="TrainingException">The run cannot start or go on, or its result cannot be opened; the message says where it
    /// is.</exception>
    public static async Task<T> TrainAndOpenAsync<T>(
        RunPlace place, FineTuneOptions? options, Func<Holding, TrainedModel, TrainingOutcome, T> open, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use(), names = ExampleNames.Use(place.ExampleNames);
        options ??= new FineTuneOptions();
        Holding? holding = null;
        try
        {
            if (options.Resume && place.IsTemporary)
            {
                throw new ArgumentException("Resume goes on with the run in Output, and this run names none.", nameof(options));
            }

            RunConfiguration run = place.Run.Resolve();
            holding = Holding.Of(run, options.Device, place);
            (RunConfiguration trained, TrainingOutcome outcome) =
                await RunAsync(place, run, holding.Device, options, cancellationToken).ConfigureAwait(false);
            try
            {
                return open(holding, TrainedModel.Of(trained, outcome.WeightsFolder), outcome);
            }
            catch (Exception exception)
            {
                place.Keep();
                throw new TrainingException(
                    $"The training is done and its result is in {outcome.WeightsFolder}, but it could not be opened: {exception.Message}",
                    exception);
            }
        }
        catch
        {
            holding?.Dispose();
            place.Dispose();
            throw;
        }
    }

    private static Task<(RunConfiguration Run, TrainingOutcome Outcome)> RunAsync(
        RunPlace place, RunConfiguration run, Device device, FineTuneOptions options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Task.Factory.StartNew(
            () => Run(place, run, device, options, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private static (RunConfiguration Run, TrainingOutcome Outcome) Run(
        RunPlace place, RunConfiguration run, Device device, FineTuneOptions options, CancellationToken cancellationToken)
    {
        var log = options.Logger is null ? null : new TrainingLog(options.Logger, run.LoggingSteps);
        using var trainer = new Trainer(run, device, options.ForTrainer, Both(options.Progress, log));
        TrainingOutcome outcome = trainer.Train(cancellationToken);
        if (!outcome.Interrupted)
        {
            return (trainer.Configuration, outcome);
        }

        string left = place.IsTemporary ? "a run without an Output keeps nothing" : $"{run.Output} has a checkpoint to go on from (Resume)";
        throw new OperationCanceledException($"The training was cancelled after step {outcome.Steps}; {left}.", cancellationToken);
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

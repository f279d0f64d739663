using System.Diagnostics;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Safetensors;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>Runs a run file: trains, evaluates, writes checkpoints and results, and stops after a step when cancelled.</summary>
public sealed class Trainer : IDisposable
{
    private readonly PreparedRun prepared;
    private readonly RunConfiguration run;
    private readonly RunFolder folder;
    private readonly TrainerOptions options;
    private readonly IProgress<TrainingProgress>? progress;
    private readonly LearningRateSchedule schedule;
    private readonly BestTracker best;
    private readonly RunFingerprint fingerprint;
    private readonly Pace pace = new();
    private TrainerState state;
    private long lastSaved = -1;
    private IReadOnlyDictionary<string, double>? latest;

    /// <summary>Reads the run's data and plans it; nothing is allocated on the device or written yet.</summary>
    public Trainer(RunConfiguration run, Device device, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null)
    {
        this.options = options ?? new TrainerOptions();
        this.progress = progress;
        folder = new RunFolder(run.Output);
        best = run.CreateBestTracker();
        prepared = PreparedRun.Create(run, device);
        this.run = run = prepared.Run;
        fingerprint = RunFingerprint.Of(run, prepared.Data.Folder);
        schedule = run.CreateSchedule(prepared.Length.TotalSteps);
        state = new TrainerState { Fingerprint = fingerprint };
        prepared.Session.Profile = this.options.Profile;
    }

    private TrainingSession Session => prepared.Session;

    /// <summary>Trains to the end, or until cancelled.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on; what was saved before stays.</exception>
    public TrainingOutcome Train(CancellationToken cancellation = default)
    {
        try
        {
            return Run(cancellation);
        }
        catch (IOException exception) when (state.Step > 0)
        {
            throw new TrainingException($"The run stopped after step {state.Step}: {exception.Message.TrimEnd('.')}. {Newest()}", exception);
        }
    }

    public void Dispose() => prepared.Dispose();

    private TrainingOutcome Run(CancellationToken cancellation)
    {
        (long Step, string Folder)? from = ResumePoint();
        bool overwrite = options.Overwrite || run.OverwriteOutputDir;
        if (from is null)
        {
            folder.RequireFinished(overwrite);
        }

        prepared.Device.Memory.ResetPeak();
        IReadOnlyList<string> notes = prepared.Load(resumes: from is not null);
        if (from is { } point)
        {
            state = TrainingCheckpoint.Read(point.Folder, Session, fingerprint);
            best.State = state.Best;
            lastSaved = point.Step;
            folder.Rewind(point.Step);
        }
        else
        {
            if (folder.HoldsRun && !overwrite)
            {
                notes = [.. notes, $"{folder.FolderPath} held a run, whose files give way to this one's, its weights too."];
            }

            folder.Begin(run);
        }

        var started = new TrainingProgress.Started(
            prepared.Length.TotalSteps, state.Step, prepared.Model.Trainables!.Count, ParameterCount(), prepared.ForecastBytes, notes);
        progress?.Report(started with { Classes = prepared.Data.Classes });
        state = state with { EvaluationDue = state.EvaluationDue || from is null };
        bool interrupted = false;
        try
        {
            TakeSteps(cancellation);
            EvaluateFinal(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            interrupted = true;
            SaveCheckpoint();
        }

        return Finish(interrupted);
    }

    private void TakeSteps(CancellationToken cancellation)
    {
        if (state.EvaluationDue)
        {
            Evaluate(cancellation);
        }

        while (state.Step < prepared.Length.TotalSteps && !best.ShouldStop)
        {
            cancellation.ThrowIfCancellationRequested();
            TakeStep();
            bool last = state.Step == prepared.Length.TotalSteps;
            if (IsDue(run.EvalStrategy ?? IntervalStrategy.No, run.EvalSteps ?? int.MaxValue, last))
            {
                state = state with { EvaluationDue = true };
                Evaluate(cancellation);
            }

            if (!last && IsDue(run.SaveStrategy, run.SaveSteps, last: false))
            {
                SaveCheckpoint();
            }
        }

        if (best.ShouldStop)
        {
            progress?.Report(new TrainingProgress.Stopping(
                $"{best.Metric} has not improved for {run.EarlyStoppingPatience} evaluations; the best was at step {best.State.BestStep}."));
        }
    }

    private void TakeStep()
    {
        long start = Stopwatch.GetTimestamp();
        RaggedBatch[] batches = prepared.Batches(state.Step);
        double rate = schedule.RateAt((int)state.Step);
        StepReport report = Session.Step(batches, rate, prepared.Data.Train.Origin);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        if (!double.IsFinite(report.Loss) || (!double.IsFinite(report.GradientNorm) && !report.Skipped))
        {
            throw Diverged(report);
        }

        float? scaleBefore = state.LossScale?.Scale;
        state = state with
        {
            Step = Session.StepsTaken,
            MicroBatches = Session.MicroBatchesTaken,
            Seconds = state.Seconds + elapsed.TotalSeconds,
            Tokens = state.Tokens + report.Tokens,
            LossScale = Session.LossScaling?.State,
        };
        pace.Add(report.Tokens, elapsed);
        double epochs = prepared.Length.EpochsAfter(state.Step);
        bool scaleChanged = state.LossScale?.Scale != scaleBefore;
        RunFolder.AppendLine(folder.MetricsPath, RunRecords.Step(state, epochs, rate, report, elapsed, scaleChanged));
        progress?.Report(new TrainingProgress.Step(
            state.Step,
            prepared.Length.TotalSteps,
            epochs,
            report.Loss,
            rate,
            report.GradientNorm,
            pace.TokensPerSecond,
            pace.TimeFor(prepared.Length.TotalSteps - state.Step),
            prepared.Device.Memory.Current));
    }

    /// <summary>What to say of a step whose numbers are not finite. Its update wrote nothing, so the weights before it are kept.</summary>
    private TrainingException Diverged(StepReport report)
    {
        string numbers = $"Step {state.Step + 1}: the loss is {report.Loss} and the gradient norm {report.GradientNorm}";
        if (state.Step == 0)
        {
            return new TrainingException(
                $"{numbers} before anything was learned: the model's weights or the data hold numbers that are not finite or too large, or loss and gradients exceed float32.");
        }

        if (!double.IsFinite(report.GradientNorm))
        {
            SaveCheckpoint();
        }

        return new TrainingException(
            $"{numbers}. {Newest()} What comes next would be the same again: lower learning_rate, raise warmup_steps, or set max_grad_norm, and start anew.");
    }

    private string Newest() => folder.Checkpoints is [var newest, ..]
        ? $"The newest checkpoint, {newest.Folder}, holds the weights after step {newest.Step} and can be resumed."
        : "No checkpoint was written yet.";

    private void Evaluate(CancellationToken cancellation)
    {
        if (prepared.Data.Validation is not { } validation)
        {
            state = state with { EvaluationDue = false };
            return;
        }

        EvaluationResult result;
        try
        {
            result = validation.Evaluate(Session.Evaluate, cancellation);
        }
        catch (TrainingException exception) when (state.Step > 0)
        {
            throw new TrainingException($"The evaluation after step {state.Step} failed: {exception.Message} {Newest()} Lower learning_rate.", exception);
        }

        latest = result.Metrics;
        double loss = result.Metrics[TaskMetrics.Loss];
        bool isBest = state.Step > 0 && best.Report((int)state.Step, double.IsFinite(loss) ? result.Metrics[best.Metric] : double.NaN);
        state = state with
        {
            Best = best.State,
            EvaluationDue = false,
            MetricsBefore = state.Step == 0 ? latest.ToDictionary() : state.MetricsBefore,
        };
        if (isBest)
        {
            var writer = new SafetensorsWriter();
            Variable values = Session.Trainables.Values;
            writer.Add("trainable", ModelWeights.Longs(values.Shape), ModelWeights.Fill<float>(values));
            writer.Write(folder.BestPath);
        }

        double epochs = prepared.Length.EpochsAfter(state.Step);
        RunFolder.AppendLine(folder.EvaluationsPath, RunRecords.Evaluation(state.Step, epochs, result.Metrics));
        progress?.Report(new TrainingProgress.Evaluated(state.Step, epochs, result.Metrics, isBest) { Warning = Worse(loss, isBest) });
    }

    /// <summary>What to say where an evaluation is worse than the model was before training, though it counts as the best.</summary>
    private string? Worse(double loss, bool isBest)
    {
        if (!double.IsFinite(loss))
        {
            return $"the loss is {loss}, so that this evaluation is never the best; lower learning_rate";
        }

        return isBest && state.MetricsBefore?.GetValueOrDefault(TaskMetrics.Loss) is { } before && loss > before
            ? FormattableString.Invariant($"best by {best.Metric}, but its loss is above the {before:0.0000} before training; lower learning_rate")
            : null;
    }

    /// <summary>Goes back to the best weights where the run file says so, and evaluates the weights that the run ends with.</summary>
    private void EvaluateFinal(CancellationToken cancellation)
    {
        if (run.LoadBestModelAtEnd && File.Exists(folder.BestPath))
        {
            using SafetensorsFile file = SafetensorsFile.Open(folder.BestPath);
            ModelWeights.Upload(file["trainable"], Session.Trainables.Values);
            latest = prepared.Data.Validation?.Evaluate(Session.Evaluate, cancellation).Metrics;
        }
        else if ((run.EvalStrategy ?? IntervalStrategy.No) == IntervalStrategy.No)
        {
            Evaluate(cancellation);
        }
    }

    private TrainingOutcome Finish(bool interrupted)
    {
        string weights = prepared.WriteWeights(folder.FolderPath);
        var outcome = new TrainingOutcome(
            state.Step, state.Seconds, state.Tokens, state.MetricsBefore, latest, weights, prepared.Device.Memory.Peak, prepared.ForecastBytes, interrupted);
        if (!interrupted)
        {
            folder.WriteSummary(RunRecords.Summary(outcome, best, prepared));
        }

        return outcome;
    }

    private void SaveCheckpoint()
    {
        if (lastSaved == state.Step)
        {
            return;
        }

        string path = folder.CheckpointPath(state.Step);
        lastSaved = state.Step;
        TrainingCheckpoint.Write(path, Session, state, target => prepared.WriteWeights(target));
        progress?.Report(new TrainingProgress.Saved(state.Step, path));
        if (run.SaveTotalLimit is int limit)
        {
            foreach ((_, string old) in folder.Checkpoints.Skip(limit).Where(entry => entry.Step != best.State.BestStep))
            {
                Directory.Delete(old, recursive: true);
            }
        }
    }

    private (long Step, string Folder)? ResumePoint()
    {
        if (!options.Resume)
        {
            return null;
        }

        return folder.Checkpoints is [var newest, ..]
            ? newest
            : throw new TrainingException($"{folder.FolderPath} holds no checkpoint to resume from; start without --resume. Set save_steps to write checkpoints more often.");
    }

    private bool IsDue(IntervalStrategy strategy, int everySteps, bool last) => strategy switch
    {
        IntervalStrategy.Steps => state.Step % everySteps == 0 || last,
        IntervalStrategy.Epoch => state.Step % prepared.Length.StepsPerEpoch == 0 || last,
        _ => false,
    };

    private long ParameterCount() =>
        prepared.Model.Architecture.Parameters.Sum(spec => spec.Shape.Count)
        + prepared.Model.Adapters.Sum(adapter => adapter.A.Shape.Count + adapter.B.Shape.Count + (adapter.Magnitude?.Shape.Count ?? 0));
}

using System.Diagnostics;
using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Graph;
using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Loading;
using Engine.Safetensors;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Incremental;
using Engine.Training.Metrics;
using Engine.Training.Tracking;

namespace Engine.Training.Running;

/// <summary>
/// Runs a run file: trains, evaluates, writes checkpoints and results, and stops after a step when cancelled. One call of
/// <see cref="Train"/> at a time; each step and each batch evaluated waits for its turn on the device (<see cref="Device.Turns"/>), so that
/// other work there goes on beside a training.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly PreparedRun prepared;
    private readonly SharedLifetime lifetime;
    private readonly RunConfiguration run;
    private readonly RunOutput output;
    private readonly TrainerOptions options;
    private readonly IProgress<TrainingProgress>? progress;
    private readonly BestTracker best;
    private readonly RunFingerprint fingerprint;
    private readonly Pace pace = new();
    private IReadOnlyList<MetricsLog> logs = [];
    private TrainerState state;
    private long lastSaved = -1;
    private int training;

    /// <summary>The last rise of the loss that a step knew.</summary>
    private double? lossRise;
    private IReadOnlyDictionary<string, double>? latest;

    /// <summary>
    /// Takes the run's folder, which is held until the trainer is disposed, then reads the run's data and plans it; nothing is allocated on
    /// the device or written yet.
    /// </summary>
    /// <exception cref="ConfigurationException">Keys that contradict each other, or an output in which the run would lose one of its
    /// inputs.</exception>
    /// <exception cref="TrainingException">Another process writes to the folder, it holds a run that would be lost, or there is nothing to
    /// resume.</exception>
    public Trainer(RunConfiguration run, Device device, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null)
    {
        run = run.Resolve();
        this.options = options ?? new TrainerOptions();
        this.progress = progress;
        best = run.CreateBestTracker();
        output = RunOutput.Open(run, this.options);
        try
        {
            prepared = PreparedRun.Create(run, device);
        }
        catch
        {
            output.Dispose();
            throw;
        }

        this.run = run = prepared.Run;
        lifetime = new SharedLifetime($"The trainer of {run.Output}", Release);
        try
        {
            fingerprint = RunFingerprint.Of(run, prepared.Data.Folder);
        }
        catch
        {
            Dispose();
            throw;
        }

        state = new TrainerState { Fingerprint = fingerprint };
        prepared.Session.Profile = this.options.Profile;
    }

    /// <summary>The run with what its data settled, as its folder has it.</summary>
    public RunConfiguration Configuration => run;

    private TrainingSession Session => prepared.Session;

    /// <summary>Where the run writes now.</summary>
    private RunFolder Folder => output.Folder;

    /// <summary>Trains to the end, or until cancelled.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on. What was saved before stays; where the run was under way, the
    /// message says which checkpoint it can go on from.</exception>
    /// <exception cref="InvalidOperationException">The trainer trains already.</exception>
    /// <exception cref="ObjectDisposedException">The trainer is disposed.</exception>
    public TrainingOutcome Train(CancellationToken cancellationToken = default)
    {
        lifetime.Enter();
        try
        {
            if (Interlocked.Exchange(ref training, 1) != 0)
            {
                throw new InvalidOperationException($"The trainer of {run.Output} trains already, or has trained; a trainer trains once.");
            }

            using WorkScope work = WorkScope.Enter(this);
            using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.Closing);
            return Run(stopping.Token);
        }
        finally
        {
            lifetime.Leave();
        }
    }

    /// <summary>
    /// Frees the run's memory and its folder. A training that is under way stops after its step, as when cancelled, and is waited for; not
    /// so where a progress callback of it calls this.
    /// </summary>
    public void Dispose() => lifetime.Close();

    private void Release()
    {
        prepared.Dispose();
        output.Dispose();
    }

    private TrainingOutcome Run(CancellationToken cancellationToken)
    {
        using Activity? activity = TrainingTelemetry.Start("train", run.Output);
        TrainingProgress.Started started = Start();
        try
        {
            bool interrupted = false;
            try
            {
                progress?.Report(started);
                TakeSteps(cancellationToken);
                EvaluateFinal(cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                interrupted = true;
                SaveCheckpoint();
            }

            return Finish(interrupted);
        }
        catch (Exception exception) when (exception is not TrainingException)
        {
            activity?.SetStatus(ActivityStatusCode.Error, exception.Message);
            string when = state.Step == 0 ? "before its first step was done" : $"after step {state.Step}";
            throw new TrainingException($"The run stopped {when}: {Sentence(exception)} {Newest()}", exception) { StoppedBy = exception };
        }
    }

    /// <summary>Loads the model, and the checkpoint or a new folder's first files.</summary>
    private TrainingProgress.Started Start()
    {
        prepared.Device.Memory.ResetPeak();
        IReadOnlyList<string> notes = prepared.Load(resumes: output.ResumePoint is not null);
        if (output.ResumePoint is { } point)
        {
            state = TrainingCheckpoint.Read(point.Folder, Session, fingerprint);
            prepared.Tasks?.Resume(Session, state.Task);
            best.State = state.Best;
            lastSaved = point.Step;
            output.Rewind(point.Step);
        }
        else
        {
            output.Begin(run);
            state = state with { EvaluationDue = prepared.Tasks is null };
        }

        logs = MetricsLog.Of(run, Folder.FolderPath);
        foreach (MetricsLog log in logs)
        {
            log.Rewind(state.Step);
        }

        return new TrainingProgress.Started(
            prepared.Plan.Length.TotalSteps, state.Step, prepared.Model.Trainables!.Count, ParameterCount(), prepared.ForecastBytes, notes)
        { Classes = prepared.Data.Classes };
    }

    private void TakeSteps(CancellationToken cancellationToken)
    {
        if (state.EvaluationDue)
        {
            Evaluate(cancellationToken);
        }

        while (state.Step < prepared.Plan.Length.TotalSteps && !best.ShouldStop)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TakeStep(cancellationToken);
            bool last = state.Step == prepared.Plan.Length.TotalSteps;
            bool endsTask = prepared.Tasks?.EndsTask(state.Step) == true;
            if (endsTask || IsDue(run.EvalStrategy ?? IntervalStrategy.No, run.EvalSteps ?? int.MaxValue, last))
            {
                state = state with { EvaluationDue = true };
                Evaluate(cancellationToken);
            }

            if (!last && IsDue(run.SaveStrategy, run.SaveSteps, last: false))
            {
                SaveCheckpoint();
            }
        }

        if (best.ShouldStop)
        {
            progress?.Report(new TrainingProgress.Stopping(
                $"{best.Metric} has not improved for {run.EarlyStoppingPatience} evaluations; "
                    + $"the best was at step {best.State.BestStep}."));
        }
    }

    /// <summary>Takes an optimizer step, or a round of a federated run.</summary>
    private void TakeStep(CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        double rate = prepared.Plan.RateAt(state.Step);
        StepReport report = prepared.Step(state.Step, cancellationToken);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        bool unlabelled = report is { Labels: 0, Skipped: true };
        if (!unlabelled && (!double.IsFinite(report.Loss) || (!double.IsFinite(report.GradientNorm) && !report.Skipped)))
        {
            throw Diverged(report);
        }

        float? scaleBefore = state.LossScale?.Scale;
        state = state with
        {
            Step = state.Step + 1,
            Task = Session.Task,
            MicroBatches = Session.MicroBatchesTaken,
            UnlabelledSteps = Session.UnlabelledSteps,
            Seconds = state.Seconds + elapsed.TotalSeconds,
            Tokens = state.Tokens + report.Tokens,
            LossScale = Session.LossScaling?.State,
        };
        pace.Add(report.Tokens, elapsed);
        double epochs = prepared.Plan.EpochsAfter(state.Step);
        bool scaleChanged = state.LossScale?.Scale != scaleBefore;
        JsonObject line = RunRecords.Step(state, epochs, rate, report, elapsed, scaleChanged, Session.Perturbs, Session.Numbers);
        prepared.Plan.AddTo(line, state.Step - 1);
        double? epsilon = prepared.Privacy?.EpsilonAfter(state.Step);
        if (epsilon is not null)
        {
            line["epsilon"] = epsilon;
        }

        Write(MetricsLog.Train, Folder.MetricsPath, line);
        TrainingTelemetry.Step(run.Output, report, rate, elapsed);
        if (unlabelled)
        {
            progress?.Report(new TrainingProgress.Skipped(state.Step, Unlabelled(report)));
            return;
        }

        progress?.Report(new TrainingProgress.Step(
            state.Step,
            prepared.Plan.Length.TotalSteps,
            epochs,
            report.Loss,
            rate,
            report.GradientNorm,
            pace.TokensPerSecond,
            pace.TimeFor(prepared.Plan.Length.TotalSteps - state.Step),
            prepared.Device.Memory.Current)
        {
            LossRise = lossRise = double.IsFinite(report.LossRise) ? report.LossRise : lossRise,
            Epsilon = epsilon,
        });
    }

    /// <summary>Adds a line of numbers to one of the run's files, and to what it writes for other programs.</summary>
    private void Write(string group, string path, JsonObject line)
    {
        RunFolder.AppendLine(path, line);
        foreach (MetricsLog log in logs)
        {
            log.Add(group, line);
        }
    }

    /// <summary>Why a step had nothing to learn from, and what gives it something.</summary>
    private string Unlabelled(StepReport report)
    {
        string remedy = run.Data.IsPrebatched
            ? $"every label of its batches in {prepared.Data.Train.Origin} is {RaggedBatch.IgnoredLabel}"
            : $"raise {Setting.Of("per_device_train_batch_size")} or {Setting.Of("gradient_accumulation_steps")}, or for masked-lm "
                + $"{Setting.Of("data.mlm_probability")}";
        return $"none of its {report.Tokens} tokens has a label, so that there is nothing to learn from; {remedy}.";
    }

    /// <summary>What to say of a step whose numbers are not finite. Its update wrote nothing, so the weights before it are kept.</summary>
    private TrainingException Diverged(StepReport report)
    {
        string numbers = $"Step {state.Step + 1}: the loss is {report.Loss} and the gradient norm {report.GradientNorm}";
        if (state.Step == 0)
        {
            return new TrainingException(
                $"{numbers} before anything was learned: the model's weights or the data hold numbers that are not finite or too large, "
                + "or loss and gradients exceed float32.");
        }

        if (!double.IsFinite(report.GradientNorm))
        {
            SaveCheckpoint();
        }

        return new TrainingException(
            $"{numbers}. {Newest()} What comes next would be the same again: lower {Setting.Of("learning_rate")}, raise "
                + $"{Setting.Of("warmup_steps")}, or set {Setting.Of("max_grad_norm")}, "
            + $"and start anew ({Setting.Of("overwrite_output_dir", "true")}).")
        {
            Settings = [nameof(TrainerOptions.Overwrite)],
        };
    }

    /// <summary>What an exception says; of one that no message was written for here, its kind too.</summary>
    private static string Sentence(Exception exception) => exception
        is IOException or UnauthorizedAccessException or DeviceException or OutOfMemoryException or ModelFileException or DataFileException
            or ConfigurationException
        ? $"{exception.Message.TrimEnd('.')}."
        : $"{exception.GetType().Name}: {exception.Message.TrimEnd('.')}.";

    private string Newest() => lastSaved >= 0
        ? $"The newest checkpoint, {Folder.CheckpointPath(lastSaved)}, holds the weights after step {lastSaved} and can be resumed."
        : "No checkpoint was written yet.";

    private void Evaluate(CancellationToken cancellationToken)
    {
        if (prepared.Data.Validation is not { } validation)
        {
            state = state with { EvaluationDue = false };
            return;
        }

        EvaluationResult found = ResultOf(validation, cancellationToken);
        latest = found.Metrics;
        double loss = latest[TaskMetrics.Loss];
        bool isBest = state.Step > 0 && prepared.Tasks is null
            && best.Report((int)state.Step, double.IsFinite(loss) ? latest[best.Metric] : double.NaN);
        state = state with
        {
            Best = best.State,
            EvaluationDue = false,
            MetricsBefore = state.Step == 0 ? latest.ToDictionary() : state.MetricsBefore,
        };
        if (isBest)
        {
            var writer = new SafetensorsWriter();
            foreach ((string name, Variable value) in Session.TrainedTensors)
            {
                writer.Add(name, ModelWeights.Longs(value.Shape), ModelWeights.Fill<float>(value));
            }

            writer.Write(Folder.BestPath);
        }

        double epochs = prepared.Plan.EpochsAfter(state.Step);
        Write(MetricsLog.Eval, Folder.EvaluationsPath, RunRecords.Evaluation(state.Step, epochs, latest));
        IReadOnlyDictionary<string, double> shown = prepared.Tasks is null
            ? latest
            : latest.Where(metric => double.IsFinite(metric.Value)).ToDictionary();
        progress?.Report(
            new TrainingProgress.Evaluated(state.Step, epochs, shown, isBest) { Warning = Note(loss, isBest, found.OnlyClass) });
    }

    private EvaluationResult ResultOf(Evaluator validation, CancellationToken cancellationToken)
    {
        using Activity? activity = TrainingTelemetry.Start("evaluate", run.Output);
        try
        {
            EvaluationResult found = prepared.Tasks is { } tasks
                ? new EvaluationResult(SeenMetrics(tasks, cancellationToken), [])
                : validation.Evaluate(Session.Evaluate, cancellationToken);
            TrainingTelemetry.Evaluated(run.Output, found.Metrics);
            return found;
        }
        catch (TrainingException exception) when (state.Step > 0)
        {
            throw new TrainingException(
                $"The evaluation after step {state.Step} failed: {exception.Message} {Newest()} Lower "
                    + $"{Setting.Of("learning_rate")}.", exception);
        }
    }

    /// <summary>Evaluates the classes of all tasks so far; what a task ends with is kept.</summary>
    private IReadOnlyDictionary<string, double> SeenMetrics(TaskSequence tasks, CancellationToken cancellationToken)
    {
        (TaskAccuracy accuracy, IReadOnlyDictionary<string, double> metrics) = tasks.Evaluate(
            Session.Evaluate, state.Step - 1, state.TaskAccuracies, cancellationToken);
        if (tasks.EndsTask(state.Step))
        {
            state = state with { TaskAccuracies = [.. state.TaskAccuracies, accuracy] };
        }

        return metrics;
    }

    private string? Note(double loss, bool isBest, int? onlyClass)
    {
        string? onlyLabel = state.Step > 0 && onlyClass is { } only ? prepared.Data.Architecture.ModelConfig.Labels.Names[only] : null;
        double? worseThan = latest is { } now && state.MetricsBefore is { } before && before.TryGetValue(best.Metric, out double was)
            && best.IsWorse(now[best.Metric], was) ? was : null;
        return EvaluationNote.Of(best.Metric, loss, isBest, state.MetricsBefore?[TaskMetrics.Loss], worseThan, onlyLabel);
    }

    /// <summary>Goes back to the best weights where the run file says so, and evaluates the weights that the run ends with.</summary>
    private void EvaluateFinal(CancellationToken cancellationToken)
    {
        if (run.LoadBestModelAtEnd && File.Exists(Folder.BestPath))
        {
            using SafetensorsFile file = SafetensorsFile.Open(Folder.BestPath);
            foreach ((string name, Variable value) in Session.TrainedTensors)
            {
                ModelWeights.Upload(file[name], value);
            }

            latest = prepared.Data.Validation is { } validation ? ResultOf(validation, cancellationToken).Metrics : null;
        }
        else if ((run.EvalStrategy ?? IntervalStrategy.No) == IntervalStrategy.No && prepared.Tasks is null)
        {
            Evaluate(cancellationToken);
        }
    }

    private TrainingOutcome Finish(bool interrupted)
    {
        var outcome = new TrainingOutcome(
            state.Step, state.Seconds, state.Tokens, state.MetricsBefore, latest, WeightsFolder: "", prepared.Device.Memory.Peak,
            prepared.ForecastBytes, interrupted)
        {
            Tasks = prepared.Tasks is { } tasks ? new TaskAccuracies(tasks.Classes, state.TaskAccuracies) : null,
        };
        string weights = output.Finish(
            target => prepared.WriteWeights(target), interrupted ? null : (RunRecords.Summary(outcome, best, prepared), fingerprint));
        return outcome with { WeightsFolder = weights };
    }

    private void SaveCheckpoint()
    {
        if (lastSaved == state.Step)
        {
            return;
        }

        using Activity? activity = TrainingTelemetry.Start("save", run.Output);
        state = state.In(Session.Task);
        output.WriteCheckpoint(
            state.Step, target => TrainingCheckpoint.Write(target, Session, state, folder => prepared.WriteWeights(folder)),
            best.State.BestStep);
        lastSaved = state.Step;
        progress?.Report(new TrainingProgress.Saved(state.Step, Folder.CheckpointPath(state.Step)));
    }

    private bool IsDue(IntervalStrategy strategy, int everySteps, bool last) => strategy switch
    {
        IntervalStrategy.Steps => state.Step % everySteps == 0 || last,
        IntervalStrategy.Epoch => prepared.Plan.EndsEpoch(state.Step) || last,
        _ => false,
    };

    private long ParameterCount() =>
        prepared.Model.Architecture.Parameters.Sum(spec => spec.Shape.Count)
        + prepared.Model.Adapters.SelectMany(adapter => adapter.Tensors).Distinct().Sum(tensor => tensor.Shape.Count);
}

using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Graph;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Safetensors;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>What a run is started with beside its file.</summary>
public sealed record TrainerOptions
{
    /// <summary>Go on from the newest checkpoint in the output folder.</summary>
    public bool Resume { get; init; }

    /// <summary>Time every launch and add it here; slower, since launches then run one by one.</summary>
    public Profile? Profile { get; init; }
}

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
    bool Interrupted);

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
    private readonly string fingerprint;
    private readonly Pace pace = new();
    private TrainerState state;
    private long lastSaved = -1;
    private IReadOnlyDictionary<string, double>? latest;

    /// <summary>Reads the run's data and plans it; nothing is allocated on the device or written yet.</summary>
    public Trainer(RunConfiguration run, Device device, TrainerOptions? options = null, IProgress<TrainingProgress>? progress = null)
    {
        this.run = run;
        this.options = options ?? new TrainerOptions();
        this.progress = progress;
        folder = new RunFolder(run.Output);
        best = run.CreateBestTracker();
        fingerprint = Fingerprint(run);
        prepared = PreparedRun.Create(run, device);
        schedule = run.CreateSchedule(prepared.Length.TotalSteps);
        state = new TrainerState { Fingerprint = fingerprint };
        prepared.Session.Profile = this.options.Profile;
    }

    private TrainingSession Session => prepared.Session;

    /// <summary>Trains to the end, or until cancelled.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on; what was saved before stays.</exception>
    public TrainingOutcome Train(CancellationToken cancellation = default)
    {
        (long Step, string Folder)? from = ResumePoint();
        if (from is null)
        {
            folder.RequireFinished();
        }

        prepared.Device.Memory.ResetPeak();
        IReadOnlyList<string> notes = prepared.Load();
        if (from is { } point)
        {
            state = TrainingCheckpoint.Read(point.Folder, Session, fingerprint);
            best.State = state.Best;
            lastSaved = point.Step;
            folder.Rewind(point.Step);
        }
        else
        {
            folder.Begin(run);
        }

        progress?.Report(new TrainingProgress.Started(
            prepared.Length.TotalSteps, state.Step, prepared.Model.Trainables!.Count, ParameterCount(), prepared.ForecastBytes, notes));
        if (from is null && prepared.Data.Validation is not null)
        {
            Evaluate();
            state = state with { MetricsBefore = latest?.ToDictionary() };
        }

        bool interrupted = false;
        while (state.Step < prepared.Length.TotalSteps && !best.ShouldStop)
        {
            if (cancellation.IsCancellationRequested)
            {
                interrupted = true;
                break;
            }

            TakeStep();
            bool last = state.Step == prepared.Length.TotalSteps;
            if (IsDue(run.EvalStrategy ?? IntervalStrategy.No, run.EvalSteps ?? int.MaxValue, last))
            {
                Evaluate();
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

        return Finish(interrupted);
    }

    public void Dispose() => prepared.Dispose();

    private void TakeStep()
    {
        long start = Stopwatch.GetTimestamp();
        (int epoch, int first, int count) = prepared.Length.MicroBatches(state.Step);
        RaggedBatch[] batches = [.. Enumerable.Range(first, count).Select(index => prepared.Data.Train.Batch(epoch, index))];
        double rate = schedule.RateAt((int)state.Step);
        StepReport report = Session.Step(batches, rate, prepared.Data.Train.Origin);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        if (!double.IsFinite(report.Loss) || (!double.IsFinite(report.GradientNorm) && !report.Skipped))
        {
            throw new TrainingException(
                $"Step {state.Step + 1}: the loss is {report.Loss} and the gradient norm {report.GradientNorm}. The weights of this step are not saved; "
                + (folder.Checkpoints is [var newest, ..] ? $"the newest checkpoint is {newest.Folder}. " : "no checkpoint was written yet. ")
                + "Lower learning_rate, raise warmup_steps, or set max_grad_norm.");
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
        var line = new JsonObject
        {
            ["step"] = state.Step,
            ["epoch"] = epochs,
            ["loss"] = report.Loss,
            ["learning_rate"] = rate,
            ["gradient_norm"] = Number(report.GradientNorm),
            ["seconds"] = elapsed.TotalSeconds,
            ["tokens"] = report.Tokens,
        };
        if (state.LossScale is { } scale && scale.Scale != scaleBefore)
        {
            line["loss_scale"] = scale.Scale;
        }

        if (report.Skipped)
        {
            line["skipped"] = true;
        }

        RunFolder.AppendLine(folder.MetricsPath, line);
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

    private void Evaluate()
    {
        if (prepared.Data.Validation is not { } validation)
        {
            return;
        }

        EvaluationResult result;
        try
        {
            result = validation.Evaluate(Session.Evaluate);
        }
        catch (ArithmeticException exception)
        {
            throw new TrainingException($"The evaluation after step {state.Step} failed: {exception.Message} The weights have diverged; lower learning_rate.", exception);
        }

        latest = result.Metrics;
        bool isBest = state.Step > 0 && best.Report((int)state.Step, result.Metrics[best.Metric]);
        state = state with { Best = best.State };
        if (isBest)
        {
            var writer = new SafetensorsWriter();
            Variable values = Session.Trainables.Values;
            writer.Add("trainable", ModelWeights.Longs(values.Shape), ModelWeights.Fill<float>(values));
            writer.Write(folder.BestPath);
        }

        var line = new JsonObject { ["step"] = state.Step, ["epoch"] = prepared.Length.EpochsAfter(state.Step) };
        foreach ((string name, double value) in result.Metrics)
        {
            line[name] = Number(value);
        }

        RunFolder.AppendLine(folder.EvaluationsPath, line);
        progress?.Report(new TrainingProgress.Evaluated(state.Step, prepared.Length.EpochsAfter(state.Step), result.Metrics, isBest));
    }

    private TrainingOutcome Finish(bool interrupted)
    {
        if (interrupted)
        {
            SaveCheckpoint();
        }
        else if (run.LoadBestModelAtEnd && File.Exists(folder.BestPath))
        {
            using SafetensorsFile file = SafetensorsFile.Open(folder.BestPath);
            ModelWeights.Upload(file["trainable"], Session.Trainables.Values);
            latest = prepared.Data.Validation?.Evaluate(Session.Evaluate).Metrics;
        }
        else if (prepared.Data.Validation is not null && (run.EvalStrategy ?? IntervalStrategy.No) == IntervalStrategy.No)
        {
            Evaluate();
        }

        string weights = WriteWeights(folder.FolderPath);
        var outcome = new TrainingOutcome(
            state.Step, state.Seconds, state.Tokens, state.MetricsBefore, latest, weights, prepared.Device.Memory.Peak, prepared.ForecastBytes, interrupted);
        if (!interrupted)
        {
            folder.WriteSummary(Summary(outcome));
        }

        return outcome;
    }

    private JsonObject Summary(TrainingOutcome outcome) => new()
    {
        ["steps"] = outcome.Steps,
        ["epochs"] = prepared.Length.EpochsAfter(outcome.Steps),
        ["metric"] = best.Metric,
        ["best_metric"] = best.State.Best is double value ? Number(value) : null,
        ["best_step"] = best.State.BestStep < 0 ? null : best.State.BestStep,
        ["metrics_before"] = Metrics(outcome.Before),
        ["metrics"] = Metrics(outcome.After),
        ["seconds"] = outcome.Seconds,
        ["tokens"] = outcome.Tokens,
        ["tokens_per_second"] = outcome.Seconds > 0 ? outcome.Tokens / outcome.Seconds : 0,
        ["device"] = prepared.Device.ToString(),
        ["dtype"] = WeightTypes.Name(prepared.Model.WeightType),
        ["peak_device_bytes"] = outcome.PeakBytes,
        ["forecast_device_bytes"] = outcome.ForecastBytes,
    };

    private void SaveCheckpoint()
    {
        if (lastSaved == state.Step)
        {
            return;
        }

        string path = folder.CheckpointPath(state.Step);
        lastSaved = state.Step;
        TrainingCheckpoint.Write(path, Session, state, target => WriteWeights(target));
        progress?.Report(new TrainingProgress.Saved(state.Step, path));
        if (run.SaveTotalLimit is int limit)
        {
            foreach ((_, string old) in folder.Checkpoints.Skip(limit).Where(entry => entry.Step != best.State.BestStep))
            {
                Directory.Delete(old, recursive: true);
            }
        }
    }

    /// <summary>Writes the adapter or the model, with the model's configuration beside it; returns its folder.</summary>
    private string WriteWeights(string target)
    {
        var config = prepared.Data.Architecture.ModelConfig.WithArchitecture(prepared.Data.Architecture.Name);
        if (prepared.AdapterConfig is { } adapter)
        {
            config.Write(target);
            string path = Path.Combine(target, "adapter");
            Directory.CreateDirectory(path);
            ModelAdapters.Save(prepared.Model, adapter, path);
            return path;
        }

        string model = Path.Combine(target, "model");
        Directory.CreateDirectory(model);
        config.WithStorageType(ElementType.Float32).Write(model);
        ModelWeights.Save(prepared.Model, Path.Combine(model, Checkpoint.SingleFileName));
        prepared.Data.Folder.CopyTokenizer(model);
        return model;
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

    /// <summary>What a run computes depends on everything in its file but where it runs and how often it saves and reports.</summary>
    private static string Fingerprint(RunConfiguration run)
    {
        RunConfiguration decisive = run with { Output = string.Empty, Device = null, SaveSteps = 1, SaveStrategy = IntervalStrategy.No, SaveTotalLimit = null, LoggingSteps = 1 };
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(decisive.ToYaml())));
    }

    private static JsonObject? Metrics(IReadOnlyDictionary<string, double>? metrics)
    {
        if (metrics is null)
        {
            return null;
        }

        var result = new JsonObject();
        foreach ((string name, double value) in metrics)
        {
            result[name] = Number(value);
        }

        return result;
    }

    /// <summary>JSON has no NaN: an undefined metric is null.</summary>
    private static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}

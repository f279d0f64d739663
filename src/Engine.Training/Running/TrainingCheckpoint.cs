using System.Text.Json;
using Engine.Graph;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Safetensors;
using Engine.Optim;
using Engine.Training.Incremental;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>The part of a run's state that is not tensors.</summary>
internal sealed record TrainerState
{
    /// <summary>Optimizer steps taken.</summary>
    public long Step { get; init; }

    /// <summary>Micro-batches taken.</summary>
    public long MicroBatches { get; init; }

    /// <summary>Steps among those taken that had no label.</summary>
    public long UnlabelledSteps { get; init; }

    /// <summary>Seconds trained so far.</summary>
    public double Seconds { get; init; }

    /// <summary>Real tokens trained on so far.</summary>
    public long Tokens { get; init; }

    /// <summary>Where dynamic loss scaling stands; null without it.</summary>
    public LossScaleState? LossScale { get; init; }

    public BestState Best { get; init; } = BestState.None;

    /// <summary>Metrics of the model as it came, by name.</summary>
    public IReadOnlyDictionary<string, double>? MetricsBefore { get; init; }

    /// <summary>The evaluation after <see cref="Step"/> steps is still to be made: it was interrupted.</summary>
    public bool EvaluationDue { get; init; }

    /// <summary>The task that is under way, from 0; -1 before the first and for runs without tasks.</summary>
    public int Task { get; init; } = -1;

    /// <summary>What was found after each task that is trained.</summary>
    public IReadOnlyList<TaskAccuracy> TaskAccuracies { get; init; } = [];

    /// <summary>What the run computes from; it resumes only where that is unchanged.</summary>
    public required RunFingerprint Fingerprint { get; init; }

    /// <summary>The state in a task: where it has begun and none of its steps is taken, its own counts are zero.</summary>
    /// <param name="task">From 0; -1 before the first and for runs without tasks.</param>
    public TrainerState In(int task) => task == Task
        ? this
        : this with { Task = task, UnlabelledSteps = 0, LossScale = LossScale is { } scale ? scale with { SkippedSteps = 0 } : null };
}

/// <summary>
/// A folder from which a run goes on as if it had never stopped: trainable parameters, optimizer moments, the method's state on device and host, and the counters.
/// Random numbers are counter-based and need nothing stored.
/// </summary>
internal static class TrainingCheckpoint
{
    private const string TensorFile = "training_state.safetensors";
    internal const string StateFile = "training_state.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
        WriteIndented = true,
    };

    /// <summary>Names of the files that a checkpoint has beside the weights.</summary>
    internal static IReadOnlyList<string> FileNames { get; } = [TensorFile, StateFile, Engine.Model.HuggingFace.ModelConfig.FileName];

    /// <summary>Writes a checkpoint.</summary>
    /// <param name="folder">A folder that nobody takes for a checkpoint before it is whole.</param>
    /// <param name="writeModel">Writes the adapter or model into the folder, so that a checkpoint is usable by itself.</param>
    public static void Write(string folder, TrainingSession session, TrainerState state, Action<string> writeModel)
    {
        Directory.CreateDirectory(folder);
        var writer = new SafetensorsWriter();
        foreach ((string name, Variable variable) in Tensors(session))
        {
            writer.Add(name, ModelWeights.Longs(variable.Shape), ModelWeights.Fill<float>(variable));
        }

        foreach ((string name, double[] values) in session.HostState)
        {
            writer.Add($"host.{name}", [values.Length], values);
        }

        writer.Write(Path.Combine(folder, TensorFile));
        writeModel(folder);
        AtomicFile.WriteAllBytes(Path.Combine(folder, StateFile), JsonSerializer.SerializeToUtf8Bytes(state, Json));
    }

    /// <summary>Puts a session into the state of a checkpoint.</summary>
    /// <exception cref="TrainingException">The checkpoint is broken or belongs to other settings or files.</exception>
    public static TrainerState Read(string folder, TrainingSession session, RunFingerprint fingerprint)
    {
        TrainerState state;
        try
        {
            state = JsonSerializer.Deserialize<TrainerState>(File.ReadAllText(Path.Combine(folder, StateFile)), Json)
                ?? throw new JsonException($"{StateFile} holds null.");
            if (state.Step < 0 || state.MicroBatches < state.Step || state.UnlabelledSteps < 0 || state.UnlabelledSteps > state.Step)
            {
                throw new JsonException($"{StateFile} counts {state.Step} steps, {state.UnlabelledSteps} of them without labels, and {state.MicroBatches} micro-batches.");
            }

            if (state.Fingerprint.Difference(fingerprint) is { } difference)
            {
                throw new TrainingException(
                    $"{folder} was written under other settings or files than the run has now: {difference}. "
                    + "Resume with what the run was started with (its settings stand in config.yaml beside the checkpoint), or start anew with another output.");
            }

            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder, TensorFile));
            foreach ((string name, Variable variable) in Tensors(session))
            {
                ModelWeights.Upload(file[name].RequireShape(ModelWeights.Longs(variable.Shape)), variable);
            }

            foreach ((string name, double[] values) in session.HostState)
            {
                file[$"host.{name}"].RequireShape(values.Length).ReadFloat64(values);
            }
        }
        catch (Exception exception) when (exception is JsonException or IOException or ModelFileException)
        {
            throw new TrainingException(
                $"{folder}: the checkpoint cannot be read: {exception.Message.TrimEnd('.')}. Delete the folder to resume from the checkpoint before it.", exception);
        }

        if (session.LossScaling is not null && state.LossScale is null)
        {
            throw new TrainingException($"{folder}: {StateFile} lacks loss_scale, which training in float16 goes on from.");
        }

        session.ResumeAt(state.Step, state.MicroBatches, state.UnlabelledSteps, state.LossScale);
        return state;
    }

    private static IEnumerable<(string Name, Variable Variable)> Tensors(TrainingSession session)
    {
        foreach ((string Name, Variable Value) tensor in session.TrainedTensors)
        {
            yield return tensor;
        }

        yield return ("optimizer.m", session.Moments.First);
        yield return ("optimizer.v", session.Moments.Second);
        foreach (Variable variable in session.MethodState.Variables)
        {
            yield return ($"method.{variable.Name}", variable);
        }
    }
}

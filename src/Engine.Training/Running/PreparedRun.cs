using Engine.Common;
using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Data;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Federated;
using Engine.Training.Incremental;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>
/// A run with everything decided and nothing allocated: its data, its model's variables, its session and its exact need of memory.
/// </summary>
internal sealed class PreparedRun : IDisposable
{
    private readonly IReadOnlyCollection<BatchShape> trainingShapes;
    private readonly IReadOnlyCollection<BatchShape> evaluationShapes;
    private readonly IReadOnlyList<string> idleEntries;

    private PreparedRun(RunConfiguration run, Device device)
    {
        Device = device;
        Data = RunData.Load(run);
        Run = run = run with { ChatTemplate = Data.Layout ?? run.ChatTemplate };
        Architecture architecture = Data.Architecture;
        if (Data.Validation is not null && TaskMetrics.Names(run.Task, architecture.OutputSize, run.Data.Label is not null) is var metrics
            && !metrics.Contains(run.BestMetric))
        {
            throw new ConfigurationException(
                $"{run.Places.Of("metric_for_best_model")} is '{run.BestMetric}', which this task does not report; it reports "
                    + $"{string.Join(", ", metrics)}.");
        }

        AdapterConfig = AdapterChoice.Of(run, architecture.ModelConfig);
        if (AdapterConfig?.Form is { } form && form.Problem(AdapterConfig, architecture) is { } problem)
        {
            throw new ConfigurationException($"method {form.Name} and the run's adapter or model do not go together: {problem}.");
        }

        ElementType storage = run.WeightStorage(Data.Folder);
        CheckProducts(run, device, storage);
        idleEntries = AdapterConfig is null ? [] : AdapterChoice.RequireMatches(run, architecture, AdapterConfig);
        Model = new TransformerModel(architecture, TuningOf(run, architecture, AdapterConfig), storage) { Products = run.ProductType };
        Plan = StepPlan.Of(run, Data);
        Privacy = PrivacyLedger.Of(run, Data.Train, (Plan as FederatedRounds)?.Clients);
        TrainingMethod method = (run.Method ?? new Plain()).CreatePlugIn();
        trainingShapes = Plan.TrainingShapes(architecture, bySample: method.Courses.Contains(StepCourse.PerSample));
        evaluationShapes = Plan.EvaluationShapes;
        var optimizer = new AdamWOptions
        {
            Beta1 = run.AdamBeta1,
            Beta2 = run.AdamBeta2,
            Epsilon = run.AdamEpsilon,
            WeightDecay = run.WeightDecay,
            MaxGradNorm = run.MaxGradNorm,
            LearningRate = run.LearningRate,
        };
        BatchShape capacity = trainingShapes.Concat(evaluationShapes).Aggregate((a, b) => a.Max(b));
        Session = new TrainingSession(
            device, Model, method, optimizer, capacity, Plan.LongestSteps, run.Seed, run.GradientAccumulationSteps,
            run.GradientCheckpointing, LossOf(run, Data));
        Plan.Require(run, Session);
        Forecast = Session.Forecast(trainingShapes, evaluationShapes);
        ForecastBytes = device.Memory.Current + Forecast.Values.Sum();
    }

    /// <summary>The run, with the layout of conversations that its data settled, so that who reads its folder knows it.</summary>
    public RunConfiguration Run { get; }

    public Device Device { get; }

    public RunData Data { get; }

    public TransformerModel Model { get; }

    /// <summary>Null for full fine-tuning.</summary>
    public AdapterConfig? AdapterConfig { get; }

    /// <summary>What its steps are.</summary>
    public StepPlan Plan { get; }

    /// <summary>Its plan where it is one of tasks, which evaluations then go by; null for others.</summary>
    public TaskSequence? Tasks => Plan as TaskSequence;

    /// <summary>What of privacy steps or rounds spend; null where the run's method has no guarantee.</summary>
    internal PrivacyLedger? Privacy { get; }

    public TrainingSession Session { get; }

    /// <summary>Device bytes by owner.</summary>
    public IReadOnlyDictionary<string, long> Forecast { get; }

    /// <summary>The most device bytes that will be live at once, what the device itself holds included.</summary>
    public long ForecastBytes { get; }

    /// <summary>Bytes of the arena, which holds activations, were gradient checkpointing on or off.</summary>
    public long ArenaBytes(bool gradientCheckpointing) => Session.ArenaBytes(gradientCheckpointing, trainingShapes, evaluationShapes);

    /// <summary>Reads the run's data and plans every batch shape.</summary>
    /// <param name="loads">Whether <see cref="Load"/> comes next, so that weights must be there.</param>
    /// <exception cref="ConfigurationException">Keys of the run contradict each other, or the model.</exception>
    /// <exception cref="ModelFileException">The model's folder cannot be used, or holds no weights where the run needs them.</exception>
    public static PreparedRun Create(RunConfiguration run, Device device, bool loads = true)
    {
        run = run.Resolve();
        if (loads && !run.FromScratch)
        {
            RequireWeights(RunData.OpenModel(run));
        }

        return new PreparedRun(run, device);
    }

    /// <summary>Takes device memory, loads weights and adapter; returns what a user should know of that.</summary>
    /// <param name="resumes">A checkpoint is read next.</param>
    public IReadOnlyList<string> Load(bool resumes = false)
    {
        if (ForecastBytes > Device.MemoryBytes)
        {
            throw new TrainingException(
                $"The run needs {ForecastBytes:N0} bytes on {Device}, which has {Device.MemoryBytes:N0}. "
                + $"Set {Setting.Of("gradient_checkpointing")}, lower {Setting.Of("per_device_train_batch_size")} or "
                + $"{Setting.Of("max_length")}, use an adapter instead of full fine-tuning, or choose another device.");
        }

        Model.Allocate(Device);
        IReadOnlyList<string> notes = Run.FromScratch
            ? ModelLoading.StartFromScratch(Model, Data.Folder, Run.Seed)
            : ModelLoading.LoadWeights(
                Model, Data.Folder, Run.Seed, Run.Adapter?.Init is null ? null : Model.SavedParameters.Select(saved => saved.Name));
        if (Run.Adapter?.Init is { } start)
        {
            using AdapterFile file = AdapterFile.Read(start);
            ModelAdapters.Load(Model, file);
        }
        else
        {
            AdapterInitialization.Start(Model, Run.Seed, AdapterConfig?.InitLoraWeights ?? "true");
        }

        Session.Allocate(trainingShapes, evaluationShapes);
        Session.Begin(resumes);
        string?[] ofRun = [Plan.Note, Privacy?.Note, PrivacyLedger.Warning(Run)];
        return [.. Data.Notes, .. idleEntries, .. notes, .. EmbeddingNotes(), .. ofRun.OfType<string>()];
    }

    /// <summary>Takes a step of the plan.</summary>
    /// <exception cref="OperationCanceledException">Cancelled within a step that is many.</exception>
    public StepReport Step(long step, CancellationToken cancellationToken) => Plan.Take(Session, step, cancellationToken);

    /// <summary>Writes the adapter or the model, with the model's configuration beside it; returns its folder.</summary>
    public string WriteWeights(string target)
    {
        var config = Data.Architecture.ModelConfig.WithArchitecture(Data.Architecture.Name);
        if (AdapterConfig is { } adapter)
        {
            config.Write(target);
            string path = Path.Combine(target, "adapter");
            Directory.CreateDirectory(path);
            ModelAdapters.Save(Model, adapter, path);
            if (Data.Architecture.ModelConfig.StoredVocabularySize is not null)
            {
                // The adapter is of the tokenizer's vocabulary, not of the base model's: whoever loads it needs to know.
                Data.Folder.CopyTokenizer(path);
            }

            return path;
        }

        string model = Path.Combine(target, "model");
        Directory.CreateDirectory(model);
        config.WithStorageType(ElementType.Float32).Write(model);
        ModelWeights.Save(Model, Path.Combine(model, Checkpoint.SingleFileName));
        Data.Folder.CopyTokenizer(model);
        return model;
    }

    public void Dispose()
    {
        Session.Dispose();
        Model.Dispose();
        Data.Dispose();
    }

    private static LossOptions LossOf(RunConfiguration run, RunData data)
    {
        LabelSet labels = data.Architecture.ModelConfig.Labels;
        IReadOnlyList<ClassCount> classes = data.Classes.Count > 0
            ? data.Classes
            : [.. labels.Names.Select(name => new ClassCount(name, 0))];
        return new LossOptions
        {
            Average = run.LossAverage,
            LabelSmoothing = run.LabelSmoothingFactor,
            ByTask = run.Tasks is not null,
            ClassWeights = run.ClassWeights?.Of(classes),
        };
    }

    private static void RequireWeights(ModelFolder folder)
    {
        if (folder.MissingWeights is { } missing)
        {
            throw new ModelFileException(
                folder.FolderPath, $"{missing} To train every parameter from random numbers instead, set "
                    + $"{Setting.Of("from_scratch", "true")}.");
        }

        folder.RequireWeights();
    }

    private static Tuning TuningOf(RunConfiguration run, Architecture architecture, AdapterConfig? config)
    {
        if (config is null)
        {
            return new Tuning.Full();
        }

        // Where the vocabulary is another than the checkpoint's, nobody else has its rows: they go with the adapter, trained or not.
        IEnumerable<string> resized = architecture.ModelConfig.StoredVocabularySize is null
            ? []
            : architecture.Parameters.Where(spec => spec.RowPerToken).Select(spec => spec.Name);
        using AdapterFile? start = run.Adapter?.Init is { } folder ? AdapterFile.Read(folder) : null;
        return ModelAdapters.Tuning(architecture, config, [.. start?.SavedParameters.Keys ?? [], .. resized]) with
        {
            WritesBaseWeights = run.Method is { BaseWeights: not BaseWeightUse.Frozen },
        };
    }

    /// <summary>What becomes of the embeddings, where that is not what the model's folder says.</summary>
    private IEnumerable<string> EmbeddingNotes()
    {
        ModelConfig config = Data.Architecture.ModelConfig;
        if (config.UntiedFromEmbeddings)
        {
            yield return "The adapter trains the word embeddings or the output layer, which the model has as one: "
                + $"they are two from here on, as PEFT has it. {Setting.Of("adapter.ensure_weight_tying", "true")} keeps them one.";
        }

        if (config.StoredVocabularySize is not { } stored || Model.Tuning is not Tuning.Lora lora)
        {
            yield break;
        }

        bool whole = lora.SavedParameters.Except(lora.HeldParameters).Contains($"{Data.Architecture.InputEmbeddings}.weight");
        if (!whole && !lora.TokenRows.Any(rows => rows.Indices.Any(index => index >= stored)))
        {
            yield return $"No row of the tokens from {stored} on is trained: name them in {Setting.Of("adapter.trainable_token_indices")}, "
                + $"or the embeddings in {Setting.Of("adapter.modules_to_save")}.";
        }
    }

    private static void CheckProducts(RunConfiguration run, Device device, ElementType storage)
    {
        if (run.Tf32 != device.Options.Tf32 || (run.Products ?? device.Options.Products) != device.Options.Products)
        {
            throw new ConfigurationException(
                $"{Setting.Of("products")} and {Setting.Of("tf32")} say what computes products, and {device} was opened with others; open "
                    + "it by DeviceCatalog.Open(id, run.DeviceOptions).");
        }

        if (run.ProductType == ElementType.Float32)
        {
            return;
        }

        (string key, string type) = (run.Bf16 ? "bf16" : "fp16", WeightTypes.Name(run.ProductType));
        if (storage != run.ProductType)
        {
            throw new ConfigurationException(
                $"{run.Places.Of(key)}: products in {type} are those with frozen matrices stored in {type}, "
                    + $"and these are stored in {WeightTypes.Name(storage)}; set "
                    + $"{Setting.Of("dtype", type)}, or leave {Setting.Of(key)} out.");
        }

        if (!device.Features.Tiles)
        {
            throw new ConfigurationException(
                $"{run.Places.Of(key)}: products in {type} are for graphics cards, and {device} computes none; leave "
                    + $"{Setting.Of(key)} out, or choose another device.");
        }
    }
}

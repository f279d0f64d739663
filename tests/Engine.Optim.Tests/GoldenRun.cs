using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Optim.Methods;
using Engine.Optim.Schedules;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>The files of a golden run, as paths without endings below goldens.</summary>
/// <param name="Model">A folder of goldens/models.</param>
/// <param name="Run">The settings (.json) and the results (.safetensors).</param>
/// <param name="Batches">The micro-batches (.safetensors).</param>
/// <param name="Initial">The folder of the adapter at step 0, where the run has one.</param>
internal sealed record GoldenFiles(string Model, string Run, string Batches, string Initial)
{
    /// <summary>
    /// The models of goldens/trajectories with each of these runs that they have: those that the repository holds, or the others.
    /// </summary>
    public static (string Model, string Run)[] Runs(bool inRepository, params string[] runs) =>
    [
        .. from model in (string[])["roberta-cls", "qwen2"]
           from run in runs
           where SharedFiles.Holds($"goldens/trajectories/{model}/{run}.json") == inRepository && (model, run) != ("qwen2", "esam")
           select (model, run),
    ];

    /// <summary>A run of goldens/related, on roberta-cls.</summary>
    public static GoldenFiles Related(string run) => new("roberta-cls", $"related/{run}", $"related/{run}", $"related/{run}.init");

    public static GoldenFiles Trajectory(string model, string run) =>
        new(model, $"trajectories/{model}/{run}", $"trajectories/{model}/{run}", $"trajectories/{model}/{run}.init");
}

/// <summary>A run of the goldens, set up to be taken step by step on a device and held against PyTorch's numbers in float64.</summary>
internal sealed class GoldenRun : IDisposable
{
    /// <summary>PyTorch in float32 agrees with the goldens to 4e-7 in losses; the rest is room for another order of summation.</summary>
    private const double LossTolerance = 5e-6;

    /// <summary>
    /// Norm of the difference over norm of the weights; PyTorch in float32 is at 1e-5 (full fine-tuning 1e-4: key biases have no gradient).
    /// </summary>
    private const double AdapterTolerance = 1e-4;

    private const double FullTolerance = 1e-3;

    /// <summary>Gradient norms and other values on the way; PyTorch in float32 is at 1e-5.</summary>
    private const double IntermediateTolerance = 1e-4;

    /// <summary>Gradients are below 1, and so lost beside it in float32.</summary>
    private const double SgdEpsilon = 1e8;

    private const double Momentum = 0.9;

    /// <summary>What a run's settings call some parameters of its method that have another name here.</summary>
    private static readonly (string Theirs, string Here)[] Renamed = [("r2", "auxiliary_rank"), ("lr2", "auxiliary_learning_rate")];

    /// <summary>Settings read as a method's properties. What is no property of it is about the run.</summary>
    private static readonly JsonSerializerOptions SnakeCase = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower), new RadiusConverter() },
    };

    private readonly Device device;
    private readonly TrainingMethod method;
    private readonly JsonDocument document;
    private readonly RaggedBatch[] batches;
    private readonly LearningRateSchedule schedule;
    private readonly float[] losses;
    private readonly int accumulation;
    private readonly bool full;
    private readonly string name;

    /// <summary>One of goldens/trajectories, whose micro-batches are averaged.</summary>
    /// <param name="model">A folder of goldens/trajectories.</param>
    /// <param name="create">Makes the method; null: the plug-in that the settings name.</param>
    public GoldenRun(string deviceName, string model, string run, Func<JsonElement, SafetensorsFile, TrainingMethod>? create = null)
        : this(deviceName, GoldenFiles.Trajectory(model, run), LossAverage.Batches, create)
    {
    }

    public GoldenRun(
        string deviceName, GoldenFiles files, LossAverage lossAverage, Func<JsonElement, SafetensorsFile, TrainingMethod>? create = null)
    {
        name = files.Run;
        document = JsonDocument.Parse(File.ReadAllText(SharedFiles.Path($"goldens/{files.Run}.json")));
        JsonElement settings = document.RootElement;
        Golden = SafetensorsFile.Open(SharedFiles.Path($"goldens/{files.Run}.safetensors"));
        ModelFolder modelFolder = ModelFolder.Open(SharedFiles.Path($"goldens/models/{files.Model}"));
        Architecture architecture = Tasks > 1
            ? modelFolder.CreateArchitecture(
                HeadKind.SequenceClassification, LabelSet.Unnamed(Tasks * settings.GetProperty("classes_per_task").GetInt32()))
            : modelFolder.CreateArchitecture();
        method = create is null ? MethodOf(settings) : create(settings, Golden);
        using AdapterFile? adapter = SharedFiles.Find($"goldens/{files.Initial}") is { } initial ? AdapterFile.Read(initial) : null;
        AdapterConfig? config = adapter?.Config ?? Decomposed(settings, files.Model) ?? Started(settings);
        config = config is null ? null : config with { Form = (method as AdapterMethod)?.Form.ForTasks(Tasks) };
        Config = config;
        full = config is null;
        device = TestDevices.Open(deviceName);
        Model = new TransformerModel(architecture, config is null ? new Tuning.Full() : ModelAdapters.Tuning(architecture, config));
        Steps = settings.GetProperty("steps").GetInt32();
        accumulation = settings.GetProperty("gradient_accumulation").GetInt32();
        double rate = settings.GetProperty("lr").GetDouble();
        var optimizer = new AdamWOptions
        {
            WeightDecay = settings.GetProperty("weight_decay").GetDouble(),
            MaxGradNorm = settings.TryGetProperty("max_grad_norm", out JsonElement norm) ? norm.GetDouble() : 0,
            LearningRate = rate,
        };
        if (IsSgd)
        {
            optimizer = optimizer with { Epsilon = SgdEpsilon };
        }

        string scheduled = settings.GetProperty("schedule").GetString()!;
        ScheduleKind kind = scheduled.Contains("cosine", StringComparison.Ordinal) ? ScheduleKind.Cosine
            : scheduled.Contains("constant", StringComparison.Ordinal) ? ScheduleKind.Constant
            : ScheduleKind.Linear;
        schedule = new LearningRateSchedule(kind, rate, Steps, settings.GetProperty("warmup_steps").GetInt32());
        using SafetensorsFile batchFile = SafetensorsFile.Open(SharedFiles.Path($"goldens/{files.Batches}.safetensors"));
        batches = [.. Enumerable.Range(0, Steps * accumulation)
            .Select(index => PaddedBatch.Read(batchFile, architecture, $".{index}", config?.Form?.CountsPadding == true).Ragged)];
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(architecture, batch))];
        Session = new TrainingSession(
            device, Model, method, optimizer, shapes.Aggregate((a, b) => a.Max(b)), Steps, seed: 0,
            loss: new LossOptions { Average = lossAverage, ByTask = Tasks > 1 });
        Model.Allocate(device);
        using (Checkpoint weights = modelFolder.OpenWeights())
        {
            LoadWeights(weights);
        }

        if (adapter is not null)
        {
            ModelAdapters.Load(Model, adapter);
        }
        else if (config is not null)
        {
            AdapterInitialization.Start(Model, seed: 0, config.InitLoraWeights);
        }

        Session.Allocate(shapes, []);
        Session.Begin();
        if (Tasks > 1)
        {
            BeginTask(0);
        }

        Start = Model.Trainables!.Entries.ToDictionary(entry => entry.Name, entry => entry.Value.View<float>().ToArray());
        losses = Golden["losses"].ToFloat32();
    }

    public TransformerModel Model { get; }

    public TrainingSession Session { get; }

    public SafetensorsFile Golden { get; }

    public int Steps { get; }

    /// <summary>What the golden's JSON says of the run.</summary>
    public JsonElement Settings => document.RootElement;

    /// <summary>Tasks of the run, one after another; 1 where it is no sequence of tasks.</summary>
    public int Tasks => Settings.TryGetProperty("task_steps", out JsonElement length)
        ? Settings.GetProperty("steps").GetInt32() / length.GetInt32()
        : 1;

    /// <summary>The adapter's configuration; null for full fine-tuning.</summary>
    public AdapterConfig? Config { get; }

    /// <summary>Every trained tensor as it was before the first step.</summary>
    public IReadOnlyDictionary<string, float[]> Start { get; }

    /// <summary>The plug-in of the settings' method with the settings' parameters.</summary>
    public static TrainingMethod MethodOf(JsonElement settings) => SettingsOf(settings).CreatePlugIn();

    /// <summary>The settings' method with the settings' parameters.</summary>
    public static Method SettingsOf(JsonElement settings)
    {
        Type method = MethodCatalog.Create(settings.GetProperty("method").GetString()! switch
        {
            "lora" or "full" => Plain.MethodName,
            "sam-full" => Sam.MethodName,
            var name => name,
        }).GetType();
        JsonObject keys = JsonObject.Create(settings)!;
        foreach ((string theirs, string here) in Renamed.Where(name => keys.ContainsKey(name.Theirs)))
        {
            keys[here] = keys[theirs]!.DeepClone();
        }

        return (Method)keys.Deserialize(method, SnakeCase)!;
    }

    /// <summary>The logits of a batch in evaluation.</summary>
    public float[] Logits(int batch)
    {
        float[] logits = [];
        Session.Evaluate(batches[batch], name, run => logits = run.Logits);
        return logits;
    }

    /// <summary>Begins a task, which has the next classes of those that all tasks have alike.</summary>
    public void BeginTask(int task)
    {
        int steps = Settings.GetProperty("task_steps").GetInt32(), classes = Settings.GetProperty("classes_per_task").GetInt32();
        Session.BeginTask(task, [.. Enumerable.Range(task * classes, classes)], steps, (long)task * steps);
    }

    /// <summary>Takes a step and holds its loss and what else the golden has of it against the golden's.</summary>
    /// <param name="lossTolerance">Relative.</param>
    public StepReport Step(int step, double lossTolerance = LossTolerance)
    {
        StepReport report = Session.Step(batches[(step * accumulation)..((step + 1) * accumulation)], RateAt(step), name);
        Assert.True(
            Math.Abs(report.Loss - losses[step]) <= lossTolerance * Math.Abs(losses[step]),
            $"{name} step {step}: loss {report.Loss}, expected {losses[step]}");
        if (((string[])["mid.grad_norm", "grad_norm"]).FirstOrDefault(Golden.Contains) is { } norms)
        {
            double expected = Golden[norms].ToFloat64()[step];
            Assert.True(
                Math.Abs(report.GradientNorm - expected) <= IntermediateTolerance * expected,
                $"{name} step {step}: gradient norm {report.GradientNorm}, expected {expected}");
        }

        if (method is EsamMethod esam)
        {
            SafetensorsTensor selected = Golden["mid.esam.selected"];
            int count = (int)selected.Shape[1];
            Assert.Equal(
                selected.ToFloat32()[(step * count)..((step + 1) * count)].Select(row => (int)row).Order(), esam.Selected.ToArray());
        }

        return report;
    }

    /// <summary>Holds every trainable tensor against the golden's after the last step.</summary>
    public void RequireFinalWeights() => RequireNear(
        Model.Trainables!.Entries.Select(entry => (entry.Value.View<float>().ToArray(), $"final.{entry.Name}")),
        full ? FullTolerance : AdapterTolerance);

    /// <summary>
    /// Holds what training has moved against the golden's: the norm of the difference over that of the movement, all tensors together.
    /// PyTorch in float32 is at 3e-6.
    /// </summary>
    /// <param name="trained">The golden's name of each trained tensor, and its numbers at the end and at the start.</param>
    public void RequireMovement(IEnumerable<(string Name, float[] Actual, float[] First)> trained, double tolerance = 1e-4)
    {
        double difference = 0, moved = 0;
        foreach ((string tensor, float[] actual, float[] first) in trained)
        {
            float[] expected = Golden[tensor].ToFloat32();
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                difference += Math.Pow(actual[i] - expected[i], 2);
                moved += Math.Pow(expected[i] - first[i], 2);
            }
        }

        double relative = Math.Sqrt(difference / moved);
        Assert.True(relative <= tolerance, $"{name}: tensors differ by {relative} of their movement, allowed {tolerance}");
    }

    /// <summary>The same of every trained tensor.</summary>
    public void RequireMovement() =>
        RequireMovement(
            Model.Trainables!.Entries.Select(entry => ($"final.{entry.Name}", entry.Value.View<float>().ToArray(), Start[entry.Name])));

    /// <summary>Writes the adapter's folder.</summary>
    public void SaveAdapter(string folder) => ModelAdapters.Save(Model, Config!, folder);

    /// <summary>A batch without its padding.</summary>
    public PaddedBatch Batch(int index) => PaddedBatch.Read(Golden, Model.Architecture, $".{index}");

    /// <summary>The tensors of the adapter's file as it is written now, by their names without PEFT's prefix.</summary>
    public IReadOnlyDictionary<string, float[]> SavedAdapter()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            SaveAdapter(folder.FullName);
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(folder.FullName, AdapterFile.WeightsFileName));
            return file.Tensors.ToDictionary(tensor => tensor.Name[AdapterKeys.Prefix.Length..], tensor => tensor.ToFloat32());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>The norm of the difference to tensors of the golden over their norm, all taken together.</summary>
    public void RequireNear(IEnumerable<(float[] Actual, string Name)> tensors, double tolerance = AdapterTolerance)
    {
        double difference = 0, total = 0;
        foreach ((float[] actual, string tensor) in tensors)
        {
            float[] expected = Golden[tensor].ToFloat32();
            Assert.Equal(expected.Length, actual.Length);
            for (int i = 0; i < expected.Length; i++)
            {
                difference += Math.Pow(actual[i] - expected[i], 2);
                total += Math.Pow(expected[i], 2);
            }
        }

        double relative = Math.Sqrt(difference / total);
        Assert.True(relative <= tolerance, $"{name}: tensors differ by {relative}, allowed {tolerance}");
    }

    public void Dispose()
    {
        Session.Dispose();
        Model.Dispose();
        Golden.Dispose();
        document.Dispose();
        device.Dispose();
    }

    /// <summary>A radius that a run's settings give as a number.</summary>
    private sealed class RadiusConverter : JsonConverter<Radius>
    {
        public override Radius Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, Radius value, JsonSerializerOptions options) => throw new NotSupportedException();
    }

    /// <summary>Loads the model; where the run has other classes than it, without its last layer.</summary>
    private void LoadWeights(Checkpoint weights)
    {
        if (Tasks == 1)
        {
            ModelWeights.Load(Model, weights, seed: 0);
            return;
        }

        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in weights.Tensors.Where(tensor => !tensor.Name.Contains("out_proj", StringComparison.Ordinal)))
        {
            writer.Add(tensor.Name, [.. tensor.Shape], tensor.ToFloat32());
        }

        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        writer.Write(path);
        try
        {
            using SafetensorsFile body = SafetensorsFile.Open(path);
            ModelWeights.Load(Model, body, seed: 0);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>SGD that AdamW has to stand in for, where the method brings none of its own.</summary>
    private bool IsSgd => method.Optimizer == StepOptimizer.AdamW
        && Settings.TryGetProperty("optimizer", out JsonElement optimizer) && optimizer.GetString() == "sgd";

    /// <summary>
    /// The rate of a step. AdamW with an epsilon far above every gradient is SGD with momentum: m / (1 - beta1) is PyTorch's buffer, and
    /// the rate takes back epsilon and the bias correction.
    /// </summary>
    private double RateAt(int step)
    {
        double rate = schedule.RateAt(step);
        int update = Session.Task < 0 ? step : step % Settings.GetProperty("task_steps").GetInt32();
        return IsSgd ? rate * SgdEpsilon * (1 - Math.Pow(Momentum, update + 1)) / (1 - Momentum) : rate;
    }

    /// <summary>The configuration of a run whose start values lie in its own file; null for another.</summary>
    private static AdapterConfig? Started(JsonElement settings) =>
        settings.TryGetProperty("initial", out JsonElement initial) && initial.GetString()!.StartsWith("init.", StringComparison.Ordinal)
            ? new AdapterConfig
            {
                Rank = settings.GetProperty("r").GetInt32(),
                LoraAlpha = settings.GetProperty("alpha").GetDouble(),
                TaskType = AdapterConfig.SequenceClassification,
                TargetModules = ModulePattern.Of(["query", "value"]),
            }
            : null;

    /// <summary>The configuration of a run that starts from its own decomposition of the weights; null for full fine-tuning.</summary>
    private static AdapterConfig? Decomposed(JsonElement settings, string model) => settings.TryGetProperty("pissa", out _)
        ? AdapterConfig.Read(SharedFiles.Path($"goldens/trajectories/{model}/lora.init")) with { InitLoraWeights = "pissa" }
        : null;
}

using Engine.Common.Keys;
using Engine.Common;
using Engine.Devices;
using Engine.Model;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Optim.Schedules;
using Engine.Training.Metrics;

namespace Engine.Training.Configuration;

/// <summary>A training run as its YAML file describes it. Keys are named as in Transformers and PEFT where they have one.</summary>
public sealed record RunConfiguration
{
    [Key("Folder of the pretrained model as Hugging Face saves it: config.json, model.safetensors, the tokenizer's files.", Required = true, IsPath = true)]
    public required string Model { get; init; }

    [Key("Train from random weights, drawn from seed: of the model's folder only the configuration and the tokenizer are read. false: a folder without weights is an error.")]
    public bool FromScratch { get; init; }

    [Key("What to train for.")]
    public TaskKind Task { get; init; } = TaskKind.SequenceClassification;

    [Key("Folder the run is written to.", Required = true, IsPath = true)]
    public string Output { get; init; } = "";

    [Key("Let a run that the output folder holds give way when this one is finished; false: that is refused. --overwrite on the command line does the same once.")]
    public bool OverwriteOutputDir { get; init; }

    [Key("Device: cpu, opencl, opencl:N, cuda or cuda:N (`engine devices` lists them); --device on the command line comes first.", Default = "cpu")]
    public string? Device { get; init; }

    [Key("How frozen matrices are stored on the device: auto (as the checkpoint stores them), float32, bfloat16, float16. What is trained is float32.")]
    public WeightType Dtype { get; init; } = WeightType.Auto;

    [Key("Products with frozen matrices and attention in bfloat16 on the device's matrix units, with float32 sums; needs frozen matrices stored in bfloat16. false: float32, the same numbers on every device.")]
    public bool Bf16 { get; init; }

    [Key("The same in float16, with frozen matrices stored in float16.")]
    public bool Fp16 { get; init; }

    [Key("What computes matrix products: own (Engine's kernels) or vendor (cublasLt, on cuda); docs/devices.md says how they differ.", Default = "vendor where `engine devices` finds it, else own")]
    public ProductLibrary? Products { get; init; }

    [Key("Products of float32 matrices by cublasLt with operands rounded to TF32, 10 bits of mantissa, on the device's matrix units; sums stay float32.")]
    public bool Tf32 { get; init; }

    [Key("Training method: a name, a map of `name` and the method's own parameters, or a list of these that run together. `plain` is the optimizer alone.", Default = "plain")]
    public Method? Method { get; init; }

    [Key("Give the model's embeddings a row for each of the tokenizer's tokens where they have fewer; new rows start as the mean of the others. They are saved with the adapter.")]
    public bool ResizeTokenEmbeddings { get; init; }

    [Key("LoRA adapter.", Default = "full fine-tuning")]
    public AdapterConfiguration? Adapter { get; init; }

    [Key("The data.", Required = true)]
    public DataConfiguration Data { get; init; } = null!;

    [Key("Peak learning rate of AdamW.", Minimum = 0)]
    public double LearningRate { get; init; } = 5e-5;

    [Key("Decoupled weight decay of AdamW; biases and norm weights are left out of it.", Minimum = 0)]
    public double WeightDecay { get; init; }

    [Key("AdamW's decay of the mean of gradients.", Minimum = 0, Maximum = 1, Below = true)]
    public double AdamBeta1 { get; init; } = 0.9;

    [Key("AdamW's decay of the mean of squared gradients.", Minimum = 0, Maximum = 1, Below = true)]
    public double AdamBeta2 { get; init; } = 0.999;

    [Key("AdamW's addend to the denominator.", Minimum = 0)]
    public double AdamEpsilon { get; init; } = 1e-8;

    [Key("Gradients are scaled down to this norm over all trainable tensors; 0 turns that off.", Minimum = 0)]
    public double MaxGradNorm { get; init; } = 1;

    [Key("Passes over the training data; a fraction ends within an epoch.", Minimum = 0, Above = true)]
    public double NumTrainEpochs
    {
        get => GivenEpochs ?? 3;
        init => GivenEpochs = value;
    }

    [Key("Optimizer steps of the run; it takes precedence over num_train_epochs. -1: not given.", Minimum = -1)]
    public int MaxSteps { get; init; } = -1;

    [Key("Texts per training batch.", Minimum = 1, Maximum = 1 << 20)]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    [Key("Texts per evaluation batch.", Minimum = 1, Maximum = 1 << 20)]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    [Key("Batches whose gradients make one optimizer step together.", Minimum = 1, Maximum = 1 << 20)]
    public int GradientAccumulationSteps { get; init; } = 1;

    [Key("What the loss of a step of several batches is the mean over: tokens (of a language model those with a label, else texts: each counts alike, as in one large batch), or batches (the mean of each batch counts alike, however few labels it has).")]
    public LossAverage LossAverage { get; init; } = LossAverage.Tokens;

    [Key("Keep only each layer's input for the backward pass and compute the layer again there: far less memory for a longer step, the same gradients.")]
    public bool GradientCheckpointing { get; init; }

    [Key("Batches hold texts of like length (drawn from large random windows); false: plain shuffling.")]
    public bool GroupByLength { get; init; } = true;

    [Key("How the learning rate changes over the run.")]
    public ScheduleKind LrSchedulerType { get; init; } = ScheduleKind.Linear;

    [Key("Further settings of the schedule.", Default = "Transformers' own")]
    public ScheduleConfiguration? LrSchedulerKwargs { get; init; }

    [Key("Steps over which the learning rate rises from 0.", Minimum = 0)]
    public int WarmupSteps { get; init; }

    [Key("The same as a share of all steps, rounded up; read where warmup_steps is 0.", Minimum = 0, Maximum = 1)]
    public double WarmupRatio { get; init; }

    [Key("Longest text in tokens, special tokens included; longer ones are cut.", Minimum = 3, Default = "512, for causal-lm 1024, or the longest of model and tokenizer (model_max_length) where that is less")]
    public int? MaxLength { get; init; }

    [Key("causal-lm: samples share rows of up to max_length tokens, each a text of its own that sees no other; batch sizes then count rows.")]
    public bool Packing { get; init; }

    [Key("causal-lm: the loss asks for answers alone (assistant, completion, output); false: for prompts too. A text is learned whole.")]
    public bool CompletionOnlyLoss { get; init; } = true;

    [Key("causal-lm: how conversations are laid out; tokenizer: as tokenizer_config.json or chat_template.jinja in the model's folder says; plain: User: ... and Assistant: ..., for tokenizers without tokens for chats; none: texts follow each other as they stand.", Default = "tokenizer for messages, none for other data")]
    public ChatTemplateChoice? ChatTemplate { get; init; }

    [Key("Seed of every random draw: new weights, shuffling, dropout, masking.", Minimum = 0)]
    public ulong Seed { get; init; } = 42;

    [Key("When to evaluate on data.validation.", Default = "epoch where there is validation data, else no")]
    public IntervalStrategy? EvalStrategy { get; init; }

    [Key("Optimizer steps between evaluations, for eval_strategy: steps.", Minimum = 1)]
    public int? EvalSteps { get; init; }

    [Key("When to write a checkpoint that --resume can continue from.")]
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Steps;

    [Key("Optimizer steps between checkpoints, for save_strategy: steps.", Minimum = 1)]
    public int SaveSteps { get; init; } = 500;

    [Key("Checkpoints kept; older ones are deleted, the best one is not.", Minimum = 1, Default = "all")]
    public int? SaveTotalLimit { get; init; }

    [Key("End with the weights of the best evaluation instead of the last ones.")]
    public bool LoadBestModelAtEnd { get; init; }

    [Key("Metric that decides which evaluation is best: loss, accuracy, f1, f1_macro, matthews; pearson, spearman, mse; perplexity.", Default = "accuracy, for regression pearson, for language models loss")]
    public string? MetricForBestModel { get; init; }

    [Key("Whether a larger value of that metric is better.", Default = "by the metric")]
    public bool? GreaterIsBetter { get; init; }

    [Key("Stop after this many evaluations in a row without improvement.", Minimum = 1, Default = "never")]
    public int? EarlyStoppingPatience { get; init; }

    [Key("How much the metric must change to count as an improvement.", Minimum = 0)]
    public double EarlyStoppingThreshold { get; init; }

    [Key("Optimizer steps between progress lines where output is not a terminal.", Minimum = 1)]
    public int LoggingSteps { get; init; } = 10;

    /// <summary>Reads a run file.</summary>
    /// <param name="path">The YAML file; paths in it are relative to its folder.</param>
    /// <param name="overrides">Settings of the form <c>key.sub=value</c> (YAML values) that replace those of the file, under the same checks.</param>
    /// <exception cref="ConfigurationException">Anything wrong in it: the message names file, line and key, and what was expected.</exception>
    public static RunConfiguration Load(string path, IEnumerable<string>? overrides = null) => Load(path, overrides, []);

    /// <param name="replaced">What stands in place of some of the file's keys; overrides come after it.</param>
    internal static RunConfiguration Load(string path, IEnumerable<string>? overrides, IEnumerable<KeyValuePair<string, ConfigNode>> replaced)
    {
        MapNode root = RunFileParser.Parse(path);
        foreach ((string key, ConfigNode node) in replaced)
        {
            root.Items[key] = node;
        }

        foreach (string setting in overrides ?? [])
        {
            RunFileOverrides.Apply(root, setting);
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return RunRules.Resolve(new RunFileBinder(folder).Bind<RunConfiguration>(root, section: ""), root);
    }

    /// <summary>The chat template's name; null where it is the one of the model's folder.</summary>
    public string? ChatTemplateName => ChatTemplate is null or ChatTemplateChoice.Tokenizer ? null : RunFileWriter.ScalarText(ChatTemplate);
    /// <summary>
    /// The run under the rules of a run file: every value is one that its key takes, keys do not contradict each other, defaults that depend on other keys are filled in, and paths are full
    /// ones. Whatever trains a run asks for this itself; a run that was read from a file has it already, and nothing changes.
    /// </summary>
    /// <exception cref="ConfigurationException">The message names the key, and what was expected.</exception>
    public RunConfiguration Resolve() => RunRules.Resolve(this, file: null);

    /// <summary>Passes over the data, where they are given.</summary>
    internal double? GivenEpochs { get; private init; }

    /// <summary>The element type of frozen matrices; full fine-tuning has none and is float32.</summary>
    public ElementType WeightStorage(ModelFolder folder) => Adapter is null ? ElementType.Float32 : folder.StorageOf(Dtype);

    /// <summary>The type of products with frozen matrices and of attention.</summary>
    public ElementType ProductType => Bf16 ? ElementType.BFloat16 : Fp16 ? ElementType.Float16 : ElementType.Float32;

    /// <summary>How the run's device is opened.</summary>
    public DeviceOptions DeviceOptions => new() { Products = Products, Tf32 = Tf32 };

    /// <summary>The configuration as YAML with every key and absolute paths; reading it gives the same configuration.</summary>
    public string ToYaml() => RunFileWriter.Write(this);

    /// <summary>The metric that decides which evaluation is best.</summary>
    public string BestMetric => MetricForBestModel ?? TaskMetrics.DefaultBest(Task);

    /// <summary>A tracker of the best evaluation with this run's metric, direction and patience.</summary>
    public BestTracker CreateBestTracker() =>
        new(BestMetric, GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(BestMetric), EarlyStoppingPatience, EarlyStoppingThreshold);

    /// <summary>The learning rate of every step of a run of <paramref name="totalSteps"/>.</summary>
    public LearningRateSchedule CreateSchedule(int totalSteps) => new(
        LrSchedulerType, LearningRate, totalSteps, LearningRateSchedule.ResolveWarmup(WarmupSteps, WarmupRatio, totalSteps), LrSchedulerKwargs?.ToOptions());
}

using Engine.Common.Keys;
using Engine.Common;
using Engine.Devices;
using Engine.Model;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Optim.Schedules;
using Engine.Training.Metrics;
using Engine.Training.Tracking;

namespace Engine.Training.Configuration;

/// <summary>A training run as its YAML file describes it. Keys are named as in Transformers and PEFT where they have one.</summary>
public sealed record RunConfiguration
{
    /// <summary>Folder of the pretrained model as Hugging Face saves it: config.json, model.safetensors, the tokenizer's files.</summary>
    [Key(Required = true, IsPath = true)]
    public required string Model { get; init; }

    /// <summary>
    /// Train from random weights, drawn from seed: of the model's folder only the configuration and the tokenizer are read. false: a folder
    /// without weights is an error.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool FromScratch { get; init; }

    /// <summary>What to train for.</summary>
    /// <value>Default: SequenceClassification.</value>
    [Key]
    public TaskKind Task { get; init; } = TaskKind.SequenceClassification;

    /// <summary>Folder the run is written to.</summary>
    [Key(Required = true, IsPath = true)]
    public string Output { get; init; } = "";

    /// <summary>
    /// Let a run that the output folder holds give way when this one is finished; false: that is refused.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool OverwriteOutputDir { get; init; }

    /// <summary>Device: cpu, opencl, opencl:N, cuda or cuda:N.</summary>
    /// <value>Default: cpu.</value>
    [Key(Default = "cpu")]
    public string? Device { get; init; }

    /// <summary>
    /// How frozen matrices are stored on the device: auto (as the checkpoint stores them), float32, bfloat16, float16. What is trained is
    /// float32.
    /// </summary>
    /// <value>Default: Auto.</value>
    [Key]
    public WeightType Dtype { get; init; } = WeightType.Auto;

    /// <summary>
    /// Products with frozen matrices and attention in bfloat16 on the device's matrix units, with float32 sums; needs frozen matrices
    /// stored in bfloat16. false: float32, the same numbers on every device.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool Bf16 { get; init; }

    /// <summary>The same in float16, with frozen matrices stored in float16.</summary>
    /// <value>Default: false.</value>
    [Key]
    public bool Fp16 { get; init; }

    /// <summary>
    /// What computes matrix products: own (Engine's kernels) or vendor (cublasLt, on cuda); docs/devices.md says how they differ.
    /// </summary>
    /// <value>Default: vendor where it is installed, else own.</value>
    [Key(Default = "vendor where it is installed, else own")]
    public ProductLibrary? Products { get; init; }

    /// <summary>
    /// Products of float32 matrices by cublasLt with operands rounded to TF32, 10 bits of mantissa, on the device's matrix units; sums stay
    /// float32.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool Tf32 { get; init; }

    /// <summary>
    /// Training method: a name, a map of <c>name</c> and the method's own parameters, or a list of these that run together. <c>plain</c> is
    /// the optimizer alone.
    /// </summary>
    /// <value>Default: plain.</value>
    [Key(Default = "plain")]
    public Method? Method { get; init; }

    /// <summary>sentence-similarity without data.label: what cosines are multiplied by before the cross-entropy over the batch.</summary>
    /// <value>Default: 20.</value>
    [Key(Minimum = 0, Above = true)]
    public double SimilarityScale { get; init; } = 20;

    /// <summary>
    /// Give the model's embeddings a row for each of the tokenizer's tokens where they have fewer; new rows start as the mean of the
    /// others. They are saved with the adapter.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool ResizeTokenEmbeddings { get; init; }

    /// <summary>LoRA adapter.</summary>
    /// <value>Default: full fine-tuning.</value>
    [Key(Default = "full fine-tuning")]
    public AdapterConfiguration? Adapter { get; init; }

    /// <summary>Clients that train apart and meet after every round (<c>engine federate</c>).</summary>
    /// <value>Default: one training on all of the data.</value>
    [Key(Default = "one training on all of the data")]
    public FederatedConfiguration? Federated { get; init; }

    /// <summary>
    /// Class-incremental training: tasks that are trained one after another, each on its own classes' rows for num_train_epochs (or
    /// max_steps), and evaluated on all classes so far. A list with the class labels of each task, or their number: the classes then go in
    /// the order of data.labels.
    /// </summary>
    /// <value>Default: one training on all classes.</value>
    [Key(Default = "one training on all classes")]
    public ClassTasks? Tasks { get; init; }

    /// <summary>The data.</summary>
    [Key(Required = true)]
    public DataConfiguration Data { get; init; } = null!;

    /// <summary>Peak learning rate of AdamW.</summary>
    /// <value>Default: 5e-05.</value>
    [Key(Minimum = 0)]
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Decoupled weight decay of AdamW; biases and norm weights are left out of it.</summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0)]
    public double WeightDecay { get; init; }

    /// <summary>AdamW's decay of the mean of gradients.</summary>
    /// <value>Default: 0.9.</value>
    [Key(Minimum = 0, Maximum = 1, Below = true)]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the mean of squared gradients.</summary>
    /// <value>Default: 0.999.</value>
    [Key(Minimum = 0, Maximum = 1, Below = true)]
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's addend to the denominator.</summary>
    /// <value>Default: 1e-08.</value>
    [Key(Minimum = 0)]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Gradients are scaled down to this norm over all trainable tensors; 0 turns that off.</summary>
    /// <value>Default: 1.</value>
    [Key(Minimum = 0)]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Passes over the training data; a fraction ends within an epoch.</summary>
    /// <value>Default: 3.</value>
    [Key(Minimum = 0, Above = true)]
    public double NumTrainEpochs
    {
        get => GivenEpochs ?? 3;
        init => GivenEpochs = value;
    }

    /// <summary>Optimizer steps of the run; it takes precedence over num_train_epochs. -1: not given.</summary>
    /// <value>Default: -1.</value>
    [Key(Minimum = -1)]
    public int MaxSteps { get; init; } = -1;

    /// <summary>Texts per training batch.</summary>
    /// <value>Default: 8.</value>
    [Key(Minimum = 1, Maximum = 1 << 20)]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Texts per evaluation batch.</summary>
    /// <value>Default: 8.</value>
    [Key(Minimum = 1, Maximum = 1 << 20)]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    /// <summary>Batches whose gradients make one optimizer step together.</summary>
    /// <value>Default: 1.</value>
    [Key(Minimum = 1, Maximum = 1 << 20)]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>
    /// What the loss of a step of several batches is the mean over: tokens (of a language model those with a label, else texts: each counts
    /// alike, as in one large batch), or batches (the mean of each batch counts alike, however few labels it has).
    /// </summary>
    /// <value>Default: Tokens.</value>
    [Key]
    public LossAverage LossAverage { get; init; } = LossAverage.Tokens;

    /// <summary>
    /// sequence-classification: what a row of each class counts for in the training loss, which divides by the sum of its rows' weights:
    /// balanced (rows / (classes * rows of the class), from the rows that are trained on), or a list of numbers in the order of
    /// data.labels.
    /// </summary>
    /// <value>Default: all alike.</value>
    [Key(Default = "all alike")]
    public ClassWeights? ClassWeights { get; init; }

    /// <summary>
    /// The share of each label's target in the training loss that is spread evenly over all classes, or all tokens of a language model.
    /// Evaluations measure the loss without it.
    /// </summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0, Maximum = 1, Below = true)]
    public double LabelSmoothingFactor { get; init; }

    /// <summary>
    /// Keep only each layer's input for the backward pass and compute the layer again there: far less memory for a longer step, the same
    /// gradients.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool GradientCheckpointing { get; init; }

    /// <summary>Batches hold texts of like length (drawn from large random windows); false: plain shuffling.</summary>
    /// <value>Default: true.</value>
    [Key]
    public bool GroupByLength { get; init; } = true;

    /// <summary>How the learning rate changes over the run.</summary>
    /// <value>Default: Linear.</value>
    [Key]
    public ScheduleKind LrSchedulerType { get; init; } = ScheduleKind.Linear;

    /// <summary>Further settings of the schedule.</summary>
    /// <value>Default: Transformers' own.</value>
    [Key(Default = "Transformers' own")]
    public ScheduleConfiguration? LrSchedulerKwargs { get; init; }

    /// <summary>Steps over which the learning rate rises from 0.</summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0)]
    public int WarmupSteps { get; init; }

    /// <summary>The same as a share of all steps, rounded up; read where warmup_steps is 0.</summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0, Maximum = 1)]
    public double WarmupRatio { get; init; }

    /// <summary>Longest text in tokens, special tokens included; longer ones are cut.</summary>
    /// <value>Default: 512, for causal-lm 1024, or the longest of model and tokenizer (model_max_length) where that is less.</value>
    [Key(Minimum = 3, Default = "512, for causal-lm 1024, or the longest of model and tokenizer (model_max_length) where that is less")]
    public int? MaxLength { get; init; }

    /// <summary>
    /// causal-lm: samples share rows of up to max_length tokens, each a text of its own that sees no other; batch sizes then count rows.
    /// </summary>
    /// <value>Default: false.</value>
    [Key]
    public bool Packing { get; init; }

    /// <summary>
    /// causal-lm: the loss asks for answers alone (assistant, completion, output); false: for prompts too. A text is learned whole.
    /// </summary>
    /// <value>Default: true.</value>
    [Key]
    public bool CompletionOnlyLoss { get; init; } = true;

    /// <summary>
    /// causal-lm: how conversations are laid out; tokenizer: by the Jinja template in tokenizer_config.json or chat_template.jinja of the
    /// model's folder; chatml, qwen2, qwen2.5, llama3: for folders without one; plain: User: ... and Assistant: ..., for tokenizers without
    /// tokens for chats; none: texts follow each other as they stand.
    /// </summary>
    /// <value>Default: tokenizer for conversations, none for other data.</value>
    [Key(Default = "tokenizer for conversations, none for other data")]
    public ChatTemplateChoice? ChatTemplate { get; init; }

    /// <summary>Seed of every random draw: new weights, shuffling, dropout, masking.</summary>
    /// <value>Default: 42.</value>
    [Key(Minimum = 0)]
    public ulong Seed { get; init; } = 42;

    /// <summary>When to evaluate on the validation data.</summary>
    /// <value>Default: epoch where there is validation data, else no.</value>
    [Key(Default = "epoch where there is validation data, else no")]
    public IntervalStrategy? EvalStrategy { get; init; }

    /// <summary>Optimizer steps between evaluations, for eval_strategy: steps.</summary>
    /// <value>Default: none.</value>
    [Key(Minimum = 1)]
    public int? EvalSteps { get; init; }

    /// <summary>When to write a checkpoint, from which the run can be resumed.</summary>
    /// <value>Default: Steps.</value>
    [Key]
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Steps;

    /// <summary>Optimizer steps between checkpoints, for save_strategy: steps.</summary>
    /// <value>Default: 500.</value>
    [Key(Minimum = 1)]
    public int SaveSteps { get; init; } = 500;

    /// <summary>Checkpoints kept; older ones are deleted, the best one is not.</summary>
    /// <value>Default: all.</value>
    [Key(Minimum = 1, Default = "all")]
    public int? SaveTotalLimit { get; init; }

    /// <summary>End with the weights of the best evaluation instead of the last ones.</summary>
    /// <value>Default: false.</value>
    [Key]
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>
    /// Metric that decides which evaluation is best: loss, accuracy, f1, f1_macro, matthews; pearson, spearman, mse; mrr; perplexity.
    /// </summary>
    /// <value>
    /// Default: accuracy, for regression pearson, for sentence-similarity mrr, with data.label spearman, for language models loss.
    /// </value>
    [Key(Default = "accuracy, for regression pearson, for sentence-similarity mrr, with data.label spearman, for language models loss")]
    public string? MetricForBestModel { get; init; }

    /// <summary>Whether a larger value of that metric is better.</summary>
    /// <value>Default: by the metric.</value>
    [Key(Default = "by the metric")]
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Stop after this many evaluations in a row without improvement.</summary>
    /// <value>Default: never.</value>
    [Key(Minimum = 1, Default = "never")]
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>How much the metric must change to count as an improvement.</summary>
    /// <value>Default: 0.</value>
    [Key(Minimum = 0)]
    public double EarlyStoppingThreshold { get; init; }

    /// <summary>Optimizer steps between progress lines where output is not a terminal.</summary>
    /// <value>Default: 10.</value>
    [Key(Minimum = 1)]
    public int LoggingSteps { get; init; } = 10;

    /// <summary>
    /// Programs that metrics are also written for, in the output folder: tensorboard (events.out.tfevents.engine), csv (metrics.csv,
    /// evaluations.csv); one or a list.
    /// </summary>
    /// <value>Default: none.</value>
    [Key(Default = "none")]
    public IReadOnlyList<MetricsTarget>? ReportTo { get; init; }

    /// <summary>Reads a run file.</summary>
    /// <param name="path">The YAML file; paths in it are relative to its folder.</param>
    /// <param name="overrides">Settings of the form <c>key.sub=value</c> (YAML values) that replace those of the file, under the same
    /// checks.</param>
    /// <exception cref="ConfigurationException">Anything wrong in it: the message names file, line and key, and what was
    /// expected.</exception>
    public static RunConfiguration Load(string path, IEnumerable<string>? overrides = null) => Load(path, overrides, []);

    /// <param name="replaced">What stands in place of some of the file's keys; overrides come after it.</param>
    internal static RunConfiguration Load(
        string path, IEnumerable<string>? overrides, IEnumerable<KeyValuePair<string, ConfigNode>> replaced)
    {
        using IDisposable keys = SettingWords.UseKeys();
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

    /// <summary>A run with keys of a run file in place of its own; relative paths are of the current folder.</summary>
    /// <exception cref="ConfigurationException">An unknown key, a wrong type, a value out of bounds.</exception>
    internal static RunConfiguration Over(RunConfiguration run, IEnumerable<KeyValuePair<string, ConfigNode>> replaced)
    {
        using IDisposable keys = SettingWords.UseKeys();
        return new RunFileBinder(Environment.CurrentDirectory).BindOver(
            run, new MapNode(new OrderedDictionary<string, ConfigNode>(replaced), "settings"));
    }

    /// <summary>The chat template's name; null where it is the one of the model's folder.</summary>
    public string? ChatTemplateName => ChatTemplate is null or ChatTemplateChoice.Tokenizer ? null : RunFileWriter.ScalarText(ChatTemplate);

    /// <summary>
    /// The run under the rules of a run file: every value is one that its key takes, keys do not contradict each other, defaults that
    /// depend on other keys are filled in, and paths are full ones. Whatever trains a run asks for this itself; a run that was read from a
    /// file has it already, and nothing changes.
    /// </summary>
    /// <exception cref="ConfigurationException">The message names the key, and what was expected.</exception>
    public RunConfiguration Resolve() => RunRules.Resolve(this, file: null);

    /// <summary>Passes over the data, where they are given.</summary>
    internal double? GivenEpochs { get; private init; }

    /// <summary>Where its keys stand.</summary>
    internal RunFilePlaces Places { get; init; }

    /// <summary>The element type of frozen matrices; full fine-tuning has none and is float32.</summary>
    internal ElementType WeightStorage(ModelFolder folder) => Adapter is null ? ElementType.Float32 : folder.StorageOf(Dtype);

    /// <summary>The type of products with frozen matrices and of attention.</summary>
    public ElementType ProductType => Bf16 ? ElementType.BFloat16 : Fp16 ? ElementType.Float16 : ElementType.Float32;

    /// <summary>How the run's device is opened.</summary>
    public DeviceOptions DeviceOptions => new() { Products = Products, Tf32 = Tf32 };

    /// <summary>The configuration as YAML with every key and absolute paths; reading it gives the same configuration.</summary>
    public string ToYaml() => RunFileWriter.Write(this);

    /// <summary>The metric that decides which evaluation is best.</summary>
    public string BestMetric => MetricForBestModel ?? TaskMetrics.DefaultBest(Task, Data.Label is not null);

    /// <summary>A tracker of the best evaluation with this run's metric, direction and patience.</summary>
    internal BestTracker CreateBestTracker() =>
        new(BestMetric, GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(BestMetric), EarlyStoppingPatience, EarlyStoppingThreshold);

    /// <summary>The learning rate of every step of a run of <paramref name="totalSteps"/>.</summary>
    internal LearningRateSchedule CreateSchedule(int totalSteps) => new(
        LrSchedulerType, LearningRate, totalSteps, LearningRateSchedule.ResolveWarmup(WarmupSteps, WarmupRatio, totalSteps),
        LrSchedulerKwargs?.ToOptions())
    {
        WarmsUpFromFirst = Federated is not null,
    };
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Forms;
using Engine.Model.HuggingFace;

namespace Engine.Model.Peft;

/// <summary>
/// The <c>adapter_config.json</c> of a LoRA adapter, with the names, defaults and meaning of PEFT's <c>LoraConfig</c>. Options that would
/// change the arithmetic and are not supported are refused by name when a file is read; keys not known here are kept and written back.
/// </summary>
internal sealed record AdapterConfig
{
    /// <summary>The name of the file in an adapter folder.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>The task type of a text classifier; PEFT then also trains and saves the classification head.</summary>
    public const string SequenceClassification = "SEQ_CLS";

    /// <summary>The task type of a token classifier; the head is treated likewise.</summary>
    public const string TokenClassification = "TOKEN_CLS";

    /// <summary>The task type of a model that finds answers; its head is trained and saved, too.</summary>
    public const string QuestionAnswering = "QUESTION_ANS";

    /// <summary>The task type of an adapter of a model without a head, such as one that makes sentence vectors.</summary>
    public const string FeatureExtraction = "FEATURE_EXTRACTION";

    /// <summary>The task type of a decoder.</summary>
    public const string CausalLanguageModel = "CAUSAL_LM";

    /// <summary>The modules PEFT adds to <c>modules_to_save</c> for classifiers, whichever the model has.</summary>
    internal static readonly string[] ClassificationHeads = ["classifier", "score"];

    /// <summary>The same for models that find answers.</summary>
    internal static readonly string[] AnswerHeads = ["qa_outputs"];

    private const string Lora = "LORA";

    /// <summary>A <c>peft_type</c> that PEFT does not know and so refuses.</summary>
    private const string LoraWithBaseWeights = "LORA_WITH_BASE_WEIGHTS";

    private readonly JsonObject original = [];

    /// <summary>The rank <c>r</c>: rows of A and columns of B.</summary>
    public int Rank { get; init; } = 8;

    /// <summary><c>lora_alpha</c>; the branch is scaled by alpha / r, or alpha / sqrt(r) with <see cref="UseRslora"/>.</summary>
    public double LoraAlpha { get; init; } = 8;

    /// <summary><c>lora_dropout</c>: dropout of the branch's input while training.</summary>
    public double LoraDropout { get; init; }

    /// <summary><c>target_modules</c>; null leaves the choice to PEFT's table for the model type.</summary>
    public ModulePattern? TargetModules { get; init; }

    /// <summary><c>exclude_modules</c>: modules left out though they match.</summary>
    public ModulePattern? ExcludeModules { get; init; }

    /// <summary><c>modules_to_save</c>: modules trained in full and stored with the adapter.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary><c>use_rslora</c>: scale by alpha / sqrt(r) instead of alpha / r.</summary>
    public bool UseRslora { get; init; }

    /// <summary><c>use_dora</c>: learn the row norms of the adapted weight apart from its direction.</summary>
    public bool UseDora { get; init; }

    /// <summary>
    /// What the adapter computes where it is more than LoRA or DoRA: what <c>peft_type</c> says, or the training method; null for these.
    /// </summary>
    public AdapterForm? Form { get; init; }

    /// <summary>
    /// <c>rank_pattern</c>: rank by regular expression over the module's name or its ending; the first that matches counts.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, int>> RankPattern { get; init; } = [];

    /// <summary><c>alpha_pattern</c>: alpha by regular expression, as <see cref="RankPattern"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];

    /// <summary><c>layers_to_transform</c>: the layer numbers to adapt; empty for all.</summary>
    public IReadOnlyList<int> LayersToTransform { get; init; } = [];

    /// <summary><c>layers_pattern</c>: the name of the list of layers; empty for any.</summary>
    public IReadOnlyList<string> LayersPattern { get; init; } = [];

    /// <summary><c>trainable_token_indices</c>: tokens whose rows of an embedding are trained, the others left as they are.</summary>
    public IReadOnlyList<TokenIndices> TrainableTokenIndices { get; init; } = [];

    /// <summary>
    /// <c>ensure_weight_tying</c>: embeddings that are also the output layer stay one where an adapter trains them; else PEFT trains a copy
    /// in one place.
    /// </summary>
    public bool EnsureWeightTying { get; init; }

    /// <summary><c>task_type</c>, such as <see cref="SequenceClassification"/>; null for a task PEFT has no class for.</summary>
    public string? TaskType { get; init; }

    /// <summary><c>base_model_name_or_path</c>: what the adapter was trained on; for people, nothing is loaded from there.</summary>
    public string? BaseModelNameOrPath { get; init; }

    /// <summary><c>init_lora_weights</c>: <c>true</c>, <c>false</c>, <c>gaussian</c>, <c>pissa</c>, ...</summary>
    public string InitLoraWeights { get; init; } = "true";

    /// <summary>
    /// Whether <see cref="InitLoraWeights"/> also changes the base weights (PiSSA, OLoRA): the model has to repeat that before it uses the
    /// factors.
    /// </summary>
    public bool InitChangesBaseWeights => InitLoraWeights == "olora" || IsPissa(InitLoraWeights);

    /// <summary>
    /// <c>peft_type</c> is <c>LORA_WITH_BASE_WEIGHTS</c>: the file also holds the adapted layers' base weights, which training wrote, and
    /// the factors belong to these. PEFT has no such kind and refuses it, where it would else put the factors on the published weights.
    /// </summary>
    public bool HoldsBaseWeights { get; init; }

    /// <summary><c>fan_in_fan_out</c>: whether base weights are stored [in, out]; PEFT resets it for linear layers.</summary>
    public bool FanInFanOut { get; init; }

    /// <summary>Keys of the file that PEFT 0.21 does not write and that are set to something; kept, without effect.</summary>
    public IReadOnlyList<string> UnknownKeys { get; private init; } = [];

    /// <summary>
    /// <see cref="ModulesToSave"/> as PEFT completes them: a classifier's head is always trained and saved.
    /// </summary>
    public IReadOnlyList<string> CompletedModulesToSave => TaskType switch
    {
        SequenceClassification or TokenClassification => [.. ModulesToSave, .. ClassificationHeads.Except(ModulesToSave)],
        QuestionAnswering => [.. ModulesToSave, .. AnswerHeads.Except(ModulesToSave)],
        _ => ModulesToSave,
    };

    /// <summary>Reads <c>adapter_config.json</c> of a folder, or the file itself.</summary>
    /// <exception cref="ModelFileException">
    /// The file is missing, a value is wrong, or it asks for something that is not supported; the key is named.
    /// </exception>
    public static AdapterConfig Read(string folderOrFile)
    {
        bool isFolder = Directory.Exists(folderOrFile);
        string path = isFolder ? Path.Combine(folderOrFile, FileName) : folderOrFile;
        if (!File.Exists(path))
        {
            throw new ModelFileException(
                folderOrFile,
                $"{(isFolder ? $"the folder holds no {FileName}" : "there is no such folder")}; a PEFT adapter folder with {FileName} and "
                + $"{AdapterFile.WeightsFileName} was expected.");
        }

        using IDisposable keys = SettingWords.UseKeys();
        return FromJson(new JsonSection(path, JsonFile.ReadObject(path)));
    }

    /// <summary>Whether a value of <c>init_lora_weights</c> is <c>pissa</c> or <c>pissa_niter_N</c>.</summary>
    public static bool IsPissa(string initialization) => initialization == "pissa"
        || (initialization.StartsWith("pissa_niter_", StringComparison.Ordinal)
            && int.TryParse(initialization.AsSpan("pissa_niter_".Length), out int rounds) && rounds >= 0);

    /// <summary>
    /// The configuration of an adapter that holds several pairs of factors side by side: so many times the rank, the same scale, and
    /// nothing left of how it started, as PEFT writes it for <c>path_initial_model_for_weight_conversion</c>.
    /// </summary>
    /// <param name="pairs">Pairs for each layer, at least one.</param>
    public AdapterConfig WithPairs(int pairs)
    {
        double growth = UseRslora ? Math.Sqrt(pairs) : pairs;
        return this with
        {
            Rank = checked(pairs * Rank),
            LoraAlpha = growth * LoraAlpha,
            RankPattern = [.. RankPattern.Select(pair => KeyValuePair.Create(pair.Key, checked(pairs * pair.Value)))],
            AlphaPattern = [.. AlphaPattern.Select(pair => KeyValuePair.Create(pair.Key, growth * pair.Value))],
            InitLoraWeights = "true",
        };
    }

    /// <summary>The rank of one adapted module, by its name in the model.</summary>
    public int RankOf(string module) => FirstMatch(RankPattern, module, Rank);

    /// <summary><c>lora_alpha</c> of one adapted module, by its name in the model.</summary>
    internal double AlphaOf(string module) => FirstMatch(AlphaPattern, module, LoraAlpha);

    /// <summary>The factor of one adapted module's branch: alpha / r, or alpha / sqrt(r) with <see cref="UseRslora"/>.</summary>
    public double ScalingOf(string module)
    {
        double alpha = AlphaOf(module);
        int rank = RankOf(module);
        return UseRslora ? alpha / Math.Sqrt(rank) : alpha / rank;
    }

    /// <summary>
    /// Writes <c>adapter_config.json</c> into <paramref name="folder"/> with every key PEFT writes, sorted as PEFT sorts them.
    /// </summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public void Write(string folder) => JsonFile.WriteObject(Path.Combine(folder, FileName), ToJson());

    /// <summary>Checks what a file or a caller gave.</summary>
    /// <exception cref="ArgumentException">A value is out of range or two contradict each other.</exception>
    public void Validate()
    {
        Check(Rank >= 1, $"r is {Rank}; at least 1 was expected.");
        Check(double.IsFinite(LoraAlpha), "lora_alpha is no finite number.");
        Check(LoraDropout is >= 0 and < 1, $"lora_dropout is {LoraDropout}; a probability from 0 to below 1 was expected.");
        RequirePatterns("rank_pattern", RankPattern.Select(pair => pair.Key), NamePattern);
        RequirePatterns("alpha_pattern", AlphaPattern.Select(pair => pair.Key), NamePattern);
        RequirePatterns("layers_pattern", LayersPattern, TargetFilter.Pattern);
        RequirePatterns("modules_to_save", CompletedModulesToSave, TargetFilter.SavedPattern);
        string? tokens = TokenIndices.Problem(TrainableTokenIndices);
        Check(tokens is null, tokens ?? "");
        Check(RankPattern.All(pair => pair.Value >= 1), "rank_pattern has a rank below 1.");
        Check(LayersPattern.Count == 0
            || LayersToTransform.Count > 0, "layers_pattern is set without layers_to_transform; give the layer numbers too.");
        Check(
            LayersToTransform.Count == 0 || TargetModules?.Names is not null,
            "layers_to_transform needs target_modules as a list; put the layer numbers into the regular expression instead.");
    }

    /// <summary>
    /// This configuration; where it names no target modules, with those PEFT takes for the model's family, and with the family's
    /// <see cref="FanInFanOut"/>, as PEFT sets it.
    /// </summary>
    public AdapterConfig ForModel(ModelConfig model) => this with
    {
        TargetModules = TargetModules ?? (PeftDefaults.TargetModules(model.ModelType) is { } names ? ModulePattern.Of(names) : null),
        FanInFanOut = FanInFanOut || PeftDefaults.FanInFanOut(model.ModelType),
    };

    internal static AdapterConfig FromJson(JsonSection root)
    {
        UnsupportedOptions.Refuse(root, kinds: [Lora, LoraWithBaseWeights, .. AdapterForms.Types]);
        AdapterForm? form = AdapterForms.Read(root);
        AdapterConfig config = new(root.Content)
        {
            Form = form,
            Rank = root.Int("r"),
            LoraAlpha = root.OptionalDouble("lora_alpha") ?? throw root.Missing("lora_alpha", "a number"),
            LoraDropout = root.OptionalDouble("lora_dropout") ?? 0,
            TargetModules = ModulePattern.Read(root, "target_modules"),
            ExcludeModules = ModulePattern.Read(root, "exclude_modules"),
            ModulesToSave = root.OptionalStrings("modules_to_save") ?? [],
            UseRslora = root.OptionalBool("use_rslora") ?? false,
            UseDora = root.OptionalBool("use_dora") ?? false,
            RankPattern = ReadPattern(root, "rank_pattern", (section, key) => section.Int(key)),
            AlphaPattern = ReadPattern(
                root, "alpha_pattern", (section, key) => section.OptionalDouble(key) ?? throw section.Missing(key, "a number")),
            LayersToTransform = ReadLayers(root),
            LayersPattern = root.Content["layers_pattern"]?.GetValueKind() == JsonValueKind.String
                ? (root.OptionalString("layers_pattern") is { Length: > 0 } pattern ? [pattern] : [])
                : root.OptionalStrings("layers_pattern") ?? [],
            TrainableTokenIndices = TokenIndices.Read(root),
            EnsureWeightTying = root.OptionalBool("ensure_weight_tying") ?? false,
            TaskType = root.OptionalString("task_type"),
            BaseModelNameOrPath = root.OptionalString("base_model_name_or_path"),
            InitLoraWeights = ReadInit(root),
            HoldsBaseWeights = root.OptionalString("peft_type") == LoraWithBaseWeights,
            FanInFanOut = root.OptionalBool("fan_in_fan_out") ?? false,
            UnknownKeys =
            [
                .. root.Content
                    .Where(pair => !PeftDefaults.Keys.Contains(pair.Key) && !AdapterForms.Keys(form).Contains(pair.Key)
                        && !UnsupportedOptions.IsOff(pair.Value))
                    .Select(pair => pair.Key),
            ],
        };
        try
        {
            config.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new ModelFileException(root.FilePath, exception.Message, exception);
        }

        return config;
    }

    public AdapterConfig()
    {
    }

    private AdapterConfig(JsonObject original)
    {
        this.original = original;
    }

    private JsonObject ToJson()
    {
        JsonObject values = PeftDefaults.Create();
        foreach ((string key, JsonNode? value) in original)
        {
            values[key] = value?.DeepClone();
        }

        values["peft_type"] = HoldsBaseWeights ? LoraWithBaseWeights : Lora;
        values["r"] = Rank;
        values["lora_alpha"] = Number(LoraAlpha);
        values["lora_dropout"] = PeftDefaults.Float(LoraDropout);
        values["target_modules"] = TargetModules?.ToJson();
        values["exclude_modules"] = ExcludeModules?.ToJson();
        values["modules_to_save"] = ListOrNull(CompletedModulesToSave, name => JsonValue.Create(name));
        values["use_rslora"] = UseRslora;
        values["use_dora"] = UseDora;
        values["rank_pattern"] = new JsonObject(RankPattern.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        values["alpha_pattern"] = new JsonObject(AlphaPattern.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)Number(pair.Value))));
        values["layers_to_transform"] = ListOrNull(LayersToTransform, layer => JsonValue.Create(layer));
        values["layers_pattern"] = ListOrNull(LayersPattern, name => JsonValue.Create(name));
        values[TokenIndices.Key] = TokenIndices.ToJson(TrainableTokenIndices);
        values["ensure_weight_tying"] = EnsureWeightTying;
        values["task_type"] = TaskType;
        values["base_model_name_or_path"] = BaseModelNameOrPath;
        values["init_lora_weights"] = bool.TryParse(InitLoraWeights, out bool plain) ? plain : InitLoraWeights;
        values["fan_in_fan_out"] = FanInFanOut;
        if (Form?.FileType is { } type)
        {
            values["peft_type"] = type;
            Form.Write(values);
        }

        return new JsonObject(values.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => KeyValuePair.Create(pair.Key, pair.Value?.DeepClone())));
    }

    private static void Check(bool condition, string problem)
    {
        if (!condition)
        {
            throw new ArgumentException(problem);
        }
    }

    // A pattern matches a module's whole name or what follows one of its dots.
    internal static PythonRegex NamePattern(string pattern) => PythonRegex.Ending(pattern);

    private static void RequirePatterns(string key, IEnumerable<string> patterns, Func<string, PythonRegex> understand)
    {
        foreach (string pattern in patterns)
        {
            try
            {
                understand(pattern);
            }
            catch (ArgumentException exception)
            {
                throw new ArgumentException($"{key}: {exception.Message}", exception);
            }
        }
    }

    private static T FirstMatch<T>(IReadOnlyList<KeyValuePair<string, T>> patterns, string module, T fallback)
    {
        foreach ((string pattern, T value) in patterns)
        {
            if (NamePattern(pattern).IsMatch(module))
            {
                return value;
            }
        }

        return fallback;
    }

    private static IReadOnlyList<KeyValuePair<string, T>> ReadPattern<T>(JsonSection root, string key, Func<JsonSection, string, T> read)
    {
        JsonSection? section = root.OptionalSection(key);
        return section is null ? [] : section.Content.Select(pair => KeyValuePair.Create(pair.Key, read(section, pair.Key))).ToArray();
    }

    private static IReadOnlyList<int> ReadLayers(JsonSection root)
    {
        const string Key = "layers_to_transform";
        switch (root.Content[Key])
        {
            case null:
                return [];
            case JsonArray layers:
                return layers.Select(item => item is JsonValue value && value.TryGetValue(out int layer) && layer >= 0
                    ? layer : throw root.Wrong(Key, "a list of layer numbers")).ToArray();
            default:
                return root.Int(Key) is int single and >= 0 ? [single] : throw root.Wrong(Key, "a layer number");
        }
    }

    private static string ReadInit(JsonSection root)
    {
        const string Key = "init_lora_weights";
        return root.Content[Key]?.GetValueKind() switch
        {
            null or JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            _ => root.OptionalString(Key)!,
        };
    }

    private static JsonArray? ListOrNull<T>(IReadOnlyList<T> items, Func<T, JsonNode?> convert) =>
        items.Count == 0 ? null : new JsonArray(items.Select(convert).ToArray());

    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < int.MaxValue
        ? JsonValue.Create((int)value) : JsonValue.Create(value);
}

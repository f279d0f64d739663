using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Common.Files;
using Engine.Model.Architectures;

namespace Engine.Model.HuggingFace;

/// <summary>
/// The <c>config.json</c> of a Hugging Face model folder, as Transformers 4 and 5 write it. Keys that are not read here are kept, so that a
/// changed copy is written back whole.
/// </summary>
internal sealed class ModelConfig
{
    /// <summary>The name of the file in a model folder.</summary>
    public const string FileName = "config.json";

    private readonly JsonSection root;

    private ModelConfig(JsonSection root)
    {
        this.root = root;
        ModelType = root.OptionalString("model_type") ?? throw root.Missing("model_type", "the model's family, such as \"roberta\",");
        Architectures = root.OptionalStrings("architectures") ?? [];
        StorageType = ReadStorageType(root);
        Rope = RopeParameters.Read(root, "full_attention");
        LocalRope = RopeParameters.Read(root, "sliding_attention");
        Labels = LabelSet.Read(root);
        ProblemType = ReadProblemType(root);
        TieWordEmbeddings = root.OptionalBool("tie_word_embeddings")
            ?? (EncoderFamily.All.Any(family => family.ModelType == ModelType)
                || ModelType is "modernbert" or "gemma2" or "gemma3_text" or "gpt2");
    }

    private ModelConfig(ModelConfig other)
        : this(other.root)
    {
        UntiedFromEmbeddings = other.UntiedFromEmbeddings;
        StoredVocabularySize = other.StoredVocabularySize;
    }

    /// <summary>The file, for messages.</summary>
    public string FilePath => root.FilePath;

    /// <summary>The family of the model: <c>model_type</c>, such as <c>roberta</c>.</summary>
    public string ModelType { get; }

    /// <summary>The classes the weights were saved from, such as <c>RobertaForMaskedLM</c>; empty where the file has none.</summary>
    public IReadOnlyList<string> Architectures { get; }

    /// <summary>
    /// The type the weights were trained in (<c>dtype</c>, formerly <c>torch_dtype</c>); null where the file does not say.
    /// </summary>
    public ElementType? StorageType { get; }

    /// <summary>
    /// Rotary position embeddings (<c>rope_parameters</c>, or <c>rope_theta</c> with <c>rope_scaling</c>); null where the file has none.
    /// </summary>
    public RopeParameters? Rope { get; }

    /// <summary>Those of layers with a window, where <c>rope_parameters</c> has them apart; null for none.</summary>
    public RopeParameters? LocalRope { get; }

    /// <summary>The classes of a classifier; two unnamed ones where the file does not say, as in Transformers.</summary>
    public LabelSet Labels { get; }

    /// <summary>Whether the file says how many classes there are.</summary>
    internal bool SaysLabels => root.OptionalSection("id2label") is { Content.Count: > 0 } || root.Has("num_labels");

    /// <summary>What a classifier's labels are; null lets the number and type of labels decide, as in Transformers.</summary>
    public ProblemType? ProblemType { get; }

    /// <summary>
    /// Whether the output layer of a language model shares the word embeddings' weight. Where the file is silent: yes for encoders, Gemma
    /// and GPT-2, no for other decoders, as in Transformers.
    /// </summary>
    public bool TieWordEmbeddings { get; }

    /// <summary>
    /// The output layer has a weight of its own although the checkpoint has one for it and the word embeddings: an adapter unties them.
    /// </summary>
    public bool UntiedFromEmbeddings { get; private init; }

    /// <summary>The vocabulary that the checkpoint's weights are of, where this one is another; null: they are of this one.</summary>
    public int? StoredVocabularySize { get; private init; }

    /// <summary>The values of the file.</summary>
    internal JsonSection Root => root;

    /// <summary>Reads <c>config.json</c> of a folder, or the file itself.</summary>
    /// <exception cref="ModelFileException">The file is missing, is no JSON object, or a key has a value of another type than
    /// expected.</exception>
    public static ModelConfig Read(string folderOrFile)
    {
        string path = Directory.Exists(folderOrFile) ? Path.Combine(folderOrFile, FileName) : folderOrFile;
        return new ModelConfig(new JsonSection(path, JsonFile.ReadObject(path)));
    }

    /// <summary>Parses the JSON text of a configuration; <paramref name="origin"/> names it in messages.</summary>
    public static ModelConfig Parse(string json, string origin = FileName) =>
        new(new JsonSection(origin, JsonFile.ParseObject(origin, System.Text.Encoding.UTF8.GetBytes(json))));

    /// <summary>The only architecture of the file, which must be one of <paramref name="known"/>; null where the file names none.</summary>
    /// <exception cref="ModelFileException">Another architecture or several; the message lists the known ones.</exception>
    public string? RequireArchitecture(IReadOnlyCollection<string> known)
    {
        if (Architectures.Count == 0)
        {
            return null;
        }

        return Architectures.Count == 1 && known.Contains(Architectures[0])
            ? Architectures[0]
            : throw new ModelFileException(
                FilePath,
                $"the architecture {string.Join(", ", Architectures)} is not supported; supported are {string.Join(", ", known)}.");
    }

    /// <summary>A copy whose weights were saved from another class.</summary>
    public ModelConfig WithArchitecture(string architecture) => With(root => root["architectures"] = new JsonArray(architecture));

    /// <summary>A copy with other classes.</summary>
    public ModelConfig WithLabels(LabelSet labels) => With(root =>
    {
        root.Remove("num_labels");
        JsonObject idToLabel = [];
        JsonObject labelToId = [];
        for (int i = 0; i < labels.Count; i++)
        {
            idToLabel[i.ToString()] = labels.Names[i];
            labelToId[labels.Names[i]] = i;
        }

        root["id2label"] = idToLabel;
        root["label2id"] = labelToId;
    });

    /// <summary>A copy with another kind of label.</summary>
    public ModelConfig WithProblemType(ProblemType problemType) => With(root => root["problem_type"] = ProblemTypes.Name(problemType));

    /// <summary>A copy whose output layer starts as the word embeddings and is another weight from there on.</summary>
    internal ModelConfig WithUntiedEmbeddings() => new(With(root => root["tie_word_embeddings"] = false)) { UntiedFromEmbeddings = true };

    /// <summary>A copy with another number of tokens; the checkpoint keeps its own.</summary>
    internal ModelConfig WithVocabularySize(int size)
    {
        int stored = StoredVocabularySize ?? root.Size("vocab_size");
        return new(With(root => root["vocab_size"] = size)) { StoredVocabularySize = stored == size ? null : stored };
    }

    /// <summary>Writes <c>config.json</c> into <paramref name="folder"/>: what was read, with the changes made.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public void Write(string folder) => JsonFile.WriteObject(Path.Combine(folder, FileName), root.Content);

    /// <summary>
    /// The configuration with weights of another type, under the keys that the file has for it; <c>dtype</c> where it has none.
    /// </summary>
    public ModelConfig WithStorageType(ElementType type) => With(root =>
    {
        string[] present = [.. new[] { "dtype", "torch_dtype" }.Where(root.ContainsKey)];
        foreach (string key in present.Length > 0 ? present : ["dtype"])
        {
            root[key] = WeightTypes.Name(type);
        }
    });

    private static ElementType? ReadStorageType(JsonSection root)
    {
        string key = root.Has("dtype") ? "dtype" : "torch_dtype";
        return root.OptionalString(key) switch
        {
            null or "auto" => null,
            "float32" => ElementType.Float32,
            "float16" => ElementType.Float16,
            "bfloat16" => ElementType.BFloat16,
            "float64" => ElementType.Float64,
            _ => throw root.Wrong(key, "float32, float16, bfloat16 or float64"),
        };
    }

    private static ProblemType? ReadProblemType(JsonSection root)
    {
        string? name = root.OptionalString("problem_type");
        return name is null ? null : ProblemTypes.Parse(name) ?? throw root.Wrong("problem_type", ProblemTypes.KnownNames);
    }

    private ModelConfig With(Action<JsonObject> change)
    {
        JsonObject copy = (JsonObject)root.Content.DeepClone();
        change(copy);
        return new ModelConfig(new JsonSection(FilePath, copy))
        {
            UntiedFromEmbeddings = UntiedFromEmbeddings,
            StoredVocabularySize = StoredVocabularySize
        };
    }
}

using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.Generation;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tokenizers;

namespace Engine.Model;

/// <summary>A Hugging Face model folder: <c>config.json</c>, weights and a tokenizer.</summary>
internal sealed class ModelFolder
{
    /// <summary>Names of the files that a tokenizer may have; which of them there are, <see cref="CopyTokenizer"/> copies.</summary>
    public static IReadOnlyList<string> TokenizerFiles { get; } =
        ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocab.json", "merges.txt", "vocab.txt",
            "special_tokens_map.json", "added_tokens.json"];

    private ModelFolder(string path, ModelConfig config)
    {
        FolderPath = path;
        Config = config;
    }

    /// <summary>The folder, as it was given.</summary>
    public string FolderPath { get; }

    public ModelConfig Config { get; }

    /// <summary>
    /// Whether there are weights, in one file or in shards; a folder that a model is trained from scratch by may lack them.
    /// </summary>
    public bool HasWeights =>
        File.Exists(Path.Combine(FolderPath, Checkpoint.SingleFileName)) || File.Exists(Path.Combine(FolderPath, Checkpoint.IndexFileName));

    /// <summary>What the folder holds in place of weights, as a sentence; null where <see cref="HasWeights"/>.</summary>
    public string? MissingWeights => HasWeights ? null : Checkpoint.MissingIn(FolderPath);

    /// <summary>Whether there is a tokenizer.</summary>
    public bool HasTokenizer => TokenizerFolder.Holds(FolderPath);

    /// <summary>Opens a folder and reads its configuration.</summary>
    /// <exception cref="ModelFileException">There is no such folder, or its configuration is not understood.</exception>
    public static ModelFolder Open(string path) => Directory.Exists(path)
        ? new ModelFolder(path, ModelConfig.Read(path))
        : throw new ModelFileException(
            path, $"there is no such folder; a folder with config.json and model.safetensors was expected. {LocalPath.HubHint}");

    /// <summary>
    /// The architecture for an adapter's task; where there is no adapter, or its <c>task_type</c> leaves that open, the one that the
    /// configuration names. An encoder without a head is then taken as a classifier, a decoder without one predicts tokens. An encoder's
    /// adapter without a head is one for sentence vectors.
    /// </summary>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <exception cref="ModelFileException">The family is not built, or not for this task.</exception>
    public Architecture CreateArchitecture(string? adapterFolder = null)
    {
        if (adapterFolder is not null && AdapterConfig.Read(adapterFolder).TaskType == AdapterConfig.FeatureExtraction
            && ArchitectureCatalog.MakesVectors(Config))
        {
            return CreateEmbedding(SentenceSettings.Read(FolderPath).Pooling, adapterFolder);
        }

        HeadKind head = (adapterFolder is null ? null : AdapterTask.Read(adapterFolder)) ?? ArchitectureCatalog.DefaultHead(Config);
        return !head.NamesTokens() ? CreateClassifier(adapterFolder, head) : Adapted(CreateArchitecture(head), adapterFolder);
    }

    /// <summary>What a classifier of this folder classifies, by the adapter's <c>task_type</c> or the class that was saved.</summary>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    public HeadKind ClassifierHead(string? adapterFolder)
    {
        HeadKind head = (adapterFolder is null ? null : AdapterTask.Read(adapterFolder)) ?? ArchitectureCatalog.DefaultHead(Config);
        return head.NamesTokens() ? HeadKind.SequenceClassification : head;
    }

    /// <summary>The architecture of this model family for a task.</summary>
    /// <param name="head">The task; a classification head predicts numbers where the configuration says so.</param>
    /// <param name="labels">Names of the classes; null: those of the configuration.</param>
    /// <exception cref="ModelFileException">The family is not built, or not for this task.</exception>
    public Architecture CreateArchitecture(HeadKind head, LabelSet? labels = null)
    {
        ModelConfig config = head switch
        {
            HeadKind.Regression => Config.WithLabels(LabelSet.Unnamed(1)).WithProblemType(ProblemType.Regression),
            HeadKind.SequenceClassification when labels is not null =>
                Config.WithLabels(labels).WithProblemType(ProblemType.SingleLabelClassification),
            HeadKind.MultiLabelClassification =>
                (labels is null ? Config : Config.WithLabels(labels)).WithProblemType(ProblemType.MultiLabelClassification),
            HeadKind.TokenClassification when labels is not null => Config.WithLabels(labels),
            _ => Config,
        };
        return ArchitectureCatalog.Create(config, head);
    }

    /// <summary>
    /// The architecture of this family that classifies texts or words, or gives a number for each text, as the configuration says.
    /// </summary>
    /// <param name="adapterFolder">A classifier's adapter folder; a <c>config.json</c> in the folder above it, as runs write it, gives the
    /// class names, and else the head it holds their number. Null for none.</param>
    /// <param name="head">What is classified.</param>
    /// <exception cref="ModelFileException">The family is not built, or the adapter is for another task.</exception>
    public Architecture CreateClassifier(string? adapterFolder, HeadKind head = HeadKind.SequenceClassification)
    {
        if (adapterFolder is not null && AdapterTask.Read(adapterFolder) is HeadKind.CausalLm)
        {
            throw AdapterTask.Other(
                adapterFolder,
                $"a classifier's or regressor's ({AdapterConfig.SequenceClassification}) was expected; a language model's generates texts");
        }

        ModelConfig labelled = adapterFolder is not null
            && Directory.GetParent(Path.TrimEndingDirectorySeparator(Path.GetFullPath(adapterFolder))) is { } parent
            && File.Exists(Path.Combine(parent.FullName, ModelConfig.FileName))
            ? ModelConfig.Read(parent.FullName)
            : Config;
        if (labelled != Config)
        {
            ModelConfig config = Config.WithLabels(labelled.Labels);
            return Adapted(
                ArchitectureCatalog.Create(labelled.ProblemType is { } type
                    ? config.WithProblemType(type)
                    : config, head), adapterFolder);
        }

        Architecture architecture = ArchitectureCatalog.Create(Config, head);
        return Adapted(
            adapterFolder is not null && !Config.SaysLabels && AdapterTask.Outputs(adapterFolder, architecture) is { } outputs
                ? ArchitectureCatalog.Create(Config.WithLabels(LabelSet.Unnamed(outputs)), head)
                : architecture,
            adapterFolder);
    }

    /// <summary>
    /// The architecture of this family that makes a vector of each text. An adapter's own head, if it has one, is left out.
    /// </summary>
    /// <param name="pooling">How the vector is made; the folder's own way is in <see cref="SentenceSettings"/>.</param>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <exception cref="ModelFileException">The family is not built for this.</exception>
    public Architecture CreateEmbedding(TextPooling pooling, string? adapterFolder = null) =>
        Adapted(CreateEmbedding(new SentenceTraining(pooling)), adapterFolder);

    /// <summary>The same to be trained.</summary>
    /// <exception cref="ModelFileException">The family is not built for this.</exception>
    public Architecture CreateEmbedding(SentenceTraining sentences) => ArchitectureCatalog.CreateEmbedding(Config, sentences);

    /// <summary>The architecture as an adapter needs it: see <see cref="AdaptedArchitecture"/>.</summary>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <exception cref="ModelFileException">The adapter is of another vocabulary, and nothing says which.</exception>
    public static Architecture Adapted(Architecture architecture, string? adapterFolder)
    {
        if (adapterFolder is null)
        {
            return architecture;
        }

        using AdapterFile adapter = AdapterFile.Read(adapterFolder);
        return AdaptedArchitecture.For(architecture, adapter);
    }

    /// <summary>
    /// The architecture with the vocabulary of an adapter's embeddings (<see cref="AdaptedArchitecture.WithVocabularyOf"/>), otherwise as
    /// it is.
    /// </summary>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <exception cref="ModelFileException">The adapter is of another vocabulary, and nothing says which.</exception>
    public static Architecture WithVocabularyOf(Architecture architecture, string? adapterFolder)
    {
        if (adapterFolder is null)
        {
            return architecture;
        }

        using AdapterFile adapter = AdapterFile.Read(adapterFolder);
        return AdaptedArchitecture.WithVocabularyOf(architecture, adapter);
    }

    /// <summary>Opens the weights.</summary>
    /// <exception cref="ModelFileException">There are none, they are quantized, or the files are broken.</exception>
    public Checkpoint OpenWeights()
    {
        Checkpoint weights = Checkpoint.Open(FolderPath);
        if (Quantization.Of(weights) is not { } quantization)
        {
            return weights;
        }

        weights.Dispose();
        throw new ModelFileException(FolderPath, $"{quantization}. {Quantization.Advice}");
    }

    /// <summary>Sees that there are weights that can be read, before anything else is done.</summary>
    /// <exception cref="ModelFileException">There are none, they are quantized, or the files are broken.</exception>
    public void RequireWeights() => OpenWeights().Dispose();

    /// <summary>
    /// The element type in which frozen matrices are kept; <see cref="WeightType.Auto"/> is that of the checkpoint's matrices, float32
    /// where they differ. Where there is no checkpoint it is the type that config.json names.
    /// </summary>
    /// <exception cref="ModelFileException">The weights are quantized, or their files are broken.</exception>
    public ElementType StorageOf(WeightType type)
    {
        if (type != WeightType.Auto)
        {
            return type switch
            {
                WeightType.BFloat16 => ElementType.BFloat16,
                WeightType.Float16 => ElementType.Float16,
                _ => ElementType.Float32,
            };
        }

        if (!HasWeights)
        {
            return Config.StorageType is ElementType.BFloat16 or ElementType.Float16 ? Config.StorageType.Value : ElementType.Float32;
        }

        using Checkpoint weights = OpenWeights();
        SafetensorsType[] types = [.. weights.Tensors.Where(tensor => tensor.Shape.Count > 1).Select(tensor => tensor.Type).Distinct()];
        return types switch
        {
            [SafetensorsType.BFloat16] => ElementType.BFloat16,
            [SafetensorsType.Float16] => ElementType.Float16,
            _ => ElementType.Float32,
        };
    }

    /// <summary>Loads the tokenizer.</summary>
    public Tokenizer LoadTokenizer() => Tokenizer.Load(FolderPath);

    /// <summary>
    /// The folder whose tokenizer an adapted model is of: the adapter's where its vocabulary is another than the model's and it has one,
    /// else this one.
    /// </summary>
    /// <param name="architecture">The model as the adapter needs it (<see cref="Adapted"/>).</param>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    public string TokenizerFolderOf(Architecture architecture, string? adapterFolder) =>
        adapterFolder is not null && architecture.ModelConfig.StoredVocabularySize is not null && TokenizerFolder.Holds(adapterFolder)
            ? adapterFolder
            : FolderPath;

    /// <summary>The files a model is read from, whichever of them there are, by name: configuration, tokenizer, weights.</summary>
    public IEnumerable<string> Files =>
        Directory.EnumerateFiles(FolderPath, "*.safetensors").Select(file => Path.GetFileName(file))
            .Append(ModelConfig.FileName).Append(Checkpoint.IndexFileName).Concat(TokenizerFiles)
            .Where(name => File.Exists(Path.Combine(FolderPath, name)))
            .Order(StringComparer.Ordinal);

    /// <summary>Copies the tokenizer's files, whichever of them there are.</summary>
    /// <param name="from">The folder that holds them; null: this one.</param>
    public void CopyTokenizer(string target, string? from = null)
    {
        foreach (string name in TokenizerFiles)
        {
            string source = Path.Combine(from ?? FolderPath, name);
            if (File.Exists(source))
            {
                using FileStream content = File.OpenRead(source);
                AtomicFile.Write(Path.Combine(target, name), content.CopyTo);
            }
        }
    }

    /// <summary>Copies what says how sentence vectors are made, where it is there.</summary>
    public void CopySentenceSettings(string target)
    {
        foreach (string file in SentenceSettings.Files(FolderPath))
        {
            string copy = Path.Combine(target, file);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(FolderPath, file), copy, overwrite: true);
        }
    }

    /// <summary>Copies generation_config.json, where it is there.</summary>
    public void CopyGenerationConfig(string target)
    {
        string source = Path.Combine(FolderPath, GenerationConfig.FileName);
        if (File.Exists(source))
        {
            File.Copy(source, Path.Combine(target, GenerationConfig.FileName), overwrite: true);
        }
    }
}

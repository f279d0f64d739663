using Engine.Model.Architectures;
using Engine.Model.Files;
using Engine.Model.HuggingFace;
using Engine.Model.Safetensors;
using Engine.Model.Tokenizers;

namespace Engine.Model;

/// <summary>A Hugging Face model folder: <c>config.json</c>, weights (which a model that starts from nothing lacks) and a tokenizer.</summary>
public sealed class ModelFolder
{
    private ModelFolder(string path, ModelConfig config)
    {
        FolderPath = path;
        Config = config;
    }

    /// <summary>The folder, as it was given.</summary>
    public string FolderPath { get; }

    public ModelConfig Config { get; }

    /// <summary>Whether there are weights, in one file or in shards.</summary>
    public bool HasWeights =>
        File.Exists(Path.Combine(FolderPath, Checkpoint.SingleFileName)) || File.Exists(Path.Combine(FolderPath, Checkpoint.IndexFileName));

    /// <summary>Opens a folder and reads its configuration.</summary>
    /// <exception cref="ModelFileException">There is no such folder, or its configuration is not understood.</exception>
    public static ModelFolder Open(string path) => Directory.Exists(path)
        ? new ModelFolder(path, ModelConfig.Read(path))
        : throw new ModelFileException(path, "there is no such folder; a folder with config.json and model.safetensors was expected.");

    /// <summary>The architecture that the configuration names; an encoder without a head is taken as a classifier, a decoder without one predicts tokens.</summary>
    public Architecture CreateArchitecture()
    {
        string name = Config.Architectures.FirstOrDefault() ?? string.Empty;
        return CreateArchitecture(
            name.EndsWith("ForMaskedLM", StringComparison.Ordinal) ? HeadKind.MaskedLm
            : DecoderConfig.Reads(Config.ModelType) && !name.EndsWith("ForSequenceClassification", StringComparison.Ordinal) ? HeadKind.CausalLm
            : HeadKind.SequenceClassification);
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
            _ => Config,
        };
        return config.ModelType switch
        {
            "roberta" => Roberta(EncoderConfig.From(config), head),
            "bert" => Bert(EncoderConfig.From(config), head),
            "llama" => Llama(DecoderConfig.From(config), head),
            "qwen2" => Qwen2(DecoderConfig.From(config), head),
            "qwen3" => Qwen3(DecoderConfig.From(config), head),
            _ => throw config.Root.Wrong("model_type", "bert, roberta, llama, qwen2 or qwen3"),
        };
    }

    /// <summary>Opens the weights.</summary>
    /// <exception cref="ModelFileException">There are none, or the files are broken.</exception>
    public Checkpoint OpenWeights() => Checkpoint.Open(FolderPath);

    /// <summary>Loads the tokenizer.</summary>
    public Tokenizer LoadTokenizer() => Tokenizer.Load(FolderPath);

    /// <summary>Copies the tokenizer's files, whichever of them there are.</summary>
    public void CopyTokenizer(string target)
    {
        foreach (string name in (ReadOnlySpan<string>)["tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt", "special_tokens_map.json", "added_tokens.json"])
        {
            string source = Path.Combine(FolderPath, name);
            if (File.Exists(source))
            {
                File.Copy(source, Path.Combine(target, name), overwrite: true);
            }
        }
    }

    private Architecture Roberta(EncoderConfig config, HeadKind head) => head switch
    {
        HeadKind.MaskedLm => new RobertaForMaskedLM(config),
        HeadKind.CausalLm => throw NotBuilt(head),
        _ => new RobertaForSequenceClassification(config),
    };

    private Architecture Bert(EncoderConfig config, HeadKind head) =>
        head.PredictsTokens() ? throw NotBuilt(head) : new BertForSequenceClassification(config);

    private Architecture Llama(DecoderConfig config, HeadKind head) => head switch
    {
        HeadKind.MaskedLm => throw NotBuilt(head),
        HeadKind.CausalLm => new LlamaForCausalLM(config),
        _ => new LlamaForSequenceClassification(config),
    };

    private Architecture Qwen2(DecoderConfig config, HeadKind head) => head switch
    {
        HeadKind.MaskedLm => throw NotBuilt(head),
        HeadKind.CausalLm => new Qwen2ForCausalLM(config),
        _ => new Qwen2ForSequenceClassification(config),
    };

    private Architecture Qwen3(DecoderConfig config, HeadKind head) => head switch
    {
        HeadKind.MaskedLm => throw NotBuilt(head),
        HeadKind.CausalLm => new Qwen3ForCausalLM(config),
        _ => new Qwen3ForSequenceClassification(config),
    };

    private ModelFileException NotBuilt(HeadKind head) => new(FolderPath, head == HeadKind.MaskedLm
        ? $"masked-language modelling is built for RoBERTa only; this is a model of type {Config.ModelType}."
        : $"causal language modelling is built for decoders (llama, qwen2, qwen3) only; this is a model of type {Config.ModelType}.");
}

using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>The architectures that are built, by <c>model_type</c> and task. A new one is registered here.</summary>
internal static class ArchitectureCatalog
{
    private static readonly Dictionary<string, Family> Families = new(StringComparer.Ordinal)
    {
        ["bert"] = new()
        {
            Classifier = config => new BertForSequenceClassification(EncoderConfig.From(config)),
            MaskedLm = config => new BertForMaskedLM(EncoderConfig.From(config)),
        },
        ["roberta"] = new()
        {
            Classifier = config => new RobertaForSequenceClassification(EncoderConfig.From(config)),
            MaskedLm = config => new RobertaForMaskedLM(EncoderConfig.From(config)),
        },
        ["llama"] = new()
        {
            Classifier = config => new LlamaForSequenceClassification(DecoderConfig.From(config)),
            CausalLm = config => new LlamaForCausalLM(DecoderConfig.From(config)),
        },
        ["qwen2"] = new()
        {
            Classifier = config => new Qwen2ForSequenceClassification(DecoderConfig.From(config)),
            CausalLm = config => new Qwen2ForCausalLM(DecoderConfig.From(config)),
        },
        ["qwen3"] = new()
        {
            Classifier = config => new Qwen3ForSequenceClassification(DecoderConfig.From(config)),
            CausalLm = config => new Qwen3ForCausalLM(DecoderConfig.From(config)),
        },
    };

    /// <summary>The task of the class that a configuration names. Without a head, a decoder predicts tokens and an encoder classifies.</summary>
    /// <exception cref="ModelFileException">The family is not built.</exception>
    public static HeadKind DefaultHead(ModelConfig config)
    {
        string name = config.Architectures.FirstOrDefault() ?? string.Empty;
        return name.EndsWith("ForMaskedLM", StringComparison.Ordinal) ? HeadKind.MaskedLm
            : name.EndsWith("ForSequenceClassification", StringComparison.Ordinal) || FamilyOf(config).CausalLm is null ? HeadKind.SequenceClassification
            : HeadKind.CausalLm;
    }

    /// <summary>The architecture of a family for a task.</summary>
    /// <exception cref="ModelFileException">The family is not built, or not for this task, or its weights are quantized.</exception>
    public static Architecture Create(ModelConfig config, HeadKind head)
    {
        if (Quantization.Of(config.Root) is { } quantization)
        {
            throw new ModelFileException(config.FilePath, $"{quantization}. {Quantization.Advice}");
        }

        Func<ModelConfig, Architecture>? create = FamilyOf(config).For(head);
        if (create is null)
        {
            string known = string.Join(", ", Families.Where(family => family.Value.For(head) is not null).Select(family => family.Key));
            string task = head == HeadKind.MaskedLm ? "masked" : "causal";
            throw new ModelFileException(config.FilePath, $"a model of type {config.ModelType} is not built for {task} language modelling; models of type {known} are.");
        }

        return create(config);
    }

    private static Family FamilyOf(ModelConfig config) => Families.TryGetValue(config.ModelType, out Family? family)
        ? family
        : throw config.Root.Wrong("model_type", string.Join(", ", Families.Keys));

    private sealed record Family
    {
        /// <summary>Also serves regression.</summary>
        public required Func<ModelConfig, Architecture> Classifier { get; init; }

        public Func<ModelConfig, Architecture>? MaskedLm { get; init; }

        public Func<ModelConfig, Architecture>? CausalLm { get; init; }

        public Func<ModelConfig, Architecture>? For(HeadKind head) => head switch
        {
            HeadKind.MaskedLm => MaskedLm,
            HeadKind.CausalLm => CausalLm,
            _ => Classifier,
        };
    }
}

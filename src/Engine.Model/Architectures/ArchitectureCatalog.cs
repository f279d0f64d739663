using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// The architectures that are built, by <c>model_type</c> and task. A new one is registered here; one on the shared decoder, in
/// <see cref="DecoderFamilies"/>.
/// </summary>
internal static class ArchitectureCatalog
{
    private static readonly Dictionary<string, Family> Families = WithDecoders(new(StringComparer.Ordinal)
    {
        ["bert"] = Encoder,
        ["roberta"] = Encoder,
        ["xlm-roberta"] = Encoder,
        ["distilbert"] = Encoder,
        ["mpnet"] = Encoder,
        ["modernbert"] = new()
        {
            Classifier = config => new ModernBertClassifier(ModernBertConfig.From(config)),
            MaskedLm = config => new ModernBertForMaskedLM(ModernBertConfig.From(config)),
            TokenClassifier = config => new ModernBertClassifier(ModernBertConfig.From(config), HeadKind.TokenClassification),
            SpanHead = config => new ModernBertClassifier(ModernBertConfig.From(config), HeadKind.QuestionAnswering),
            Choice = config => new ModernBertClassifier(ModernBertConfig.From(config), HeadKind.MultipleChoice),
            Embedding = (config, sentences) => new ModernBertEmbedding(ModernBertConfig.From(config), sentences),
        },
        ["gpt2"] = new()
        {
            Classifier = config => new Gpt2ForSequenceClassification(Gpt2Config.From(config)),
            CausalLm = config => new Gpt2LMHeadModel(Gpt2Config.From(config)),
        },
    });

    /// <summary>What every <see cref="EncoderFamily"/> is built for.</summary>
    private static Family Encoder => new()
    {
        Classifier = config => Model(config, encoder => new EncoderClassifier(encoder, encoder.Family.Classifier)),
        MaskedLm = config => Model(config, encoder => new EncoderVocabularyHead(encoder)),
        TokenClassifier = config => Model(config, encoder => new EncoderTokenClassifier(encoder)),
        SpanHead = config => Model(config, encoder => new EncoderSpanHead(encoder)),
        Choice = config => Model(config, encoder => new EncoderChoiceHead(encoder)),
        Embedding = (config, sentences) => Model(config, encoder => new EncoderPooling(encoder, sentences)),
    };

    /// <summary>
    /// The task of the class that a configuration names. Without a head, a decoder predicts tokens and an encoder classifies.
    /// </summary>
    /// <exception cref="ModelFileException">The family is not built.</exception>
    public static HeadKind DefaultHead(ModelConfig config)
    {
        string name = config.Architectures.FirstOrDefault() ?? string.Empty;
        return name.EndsWith("ForMaskedLM", StringComparison.Ordinal) ? HeadKind.MaskedLm
            : name.EndsWith("ForTokenClassification", StringComparison.Ordinal) ? HeadKind.TokenClassification
            : name.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) ? HeadKind.QuestionAnswering
            : name.EndsWith("ForMultipleChoice", StringComparison.Ordinal) ? HeadKind.MultipleChoice
            : name.EndsWith("ForSequenceClassification", StringComparison.Ordinal) || FamilyOf(config).CausalLm is null
                ? HeadKind.SequenceClassification
                : HeadKind.CausalLm;
    }

    /// <summary>The architecture of a family for a task.</summary>
    /// <exception cref="ModelFileException">The family is not built, or not for this task, or its weights are quantized.</exception>
    public static Architecture Create(ModelConfig config, HeadKind head)
    {
        RequireNumbers(config);
        return (FamilyOf(config).For(head) ?? throw NotBuilt(config, head, family => family.For(head) is not null))(config);
    }

    /// <summary>Whether the family makes vectors of texts.</summary>
    /// <exception cref="ModelFileException">The family is not built.</exception>
    public static bool MakesVectors(ModelConfig config) => FamilyOf(config).Embedding is not null;

    /// <summary>The architecture of a family that makes a vector of each text.</summary>
    /// <exception cref="ModelFileException">The family is not built, or not for this, or its weights are quantized.</exception>
    public static Architecture CreateEmbedding(ModelConfig config, SentenceTraining sentences)
    {
        RequireNumbers(config);
        return (FamilyOf(config).Embedding ?? throw NotBuilt(config, HeadKind.Embedding, family => family.Embedding is not null))(
            config, sentences);
    }

    private static EncoderModel Model(ModelConfig config, Func<EncoderConfig, EncoderHead> head)
    {
        EncoderConfig encoder = EncoderConfig.From(config);
        return new EncoderModel(encoder, head(encoder));
    }

    private static Dictionary<string, Family> WithDecoders(Dictionary<string, Family> families)
    {
        foreach (DecoderFamily family in DecoderFamilies.All)
        {
            families.Add(family.ModelType, new()
            {
                Classifier = config => new DecoderClassifier(DecoderConfig.From(config)),
                CausalLm = config => new CausalDecoder(DecoderConfig.From(config)),
            });
        }

        return families;
    }

    private static void RequireNumbers(ModelConfig config)
    {
        if (Quantization.Of(config.Root) is { } quantization)
        {
            throw new ModelFileException(config.FilePath, $"{quantization}. {Quantization.Advice}");
        }
    }

    private static ModelFileException NotBuilt(ModelConfig config, HeadKind head, Func<Family, bool> isBuilt)
    {
        string known = string.Join(", ", Families.Where(family => isBuilt(family.Value)).Select(family => family.Key));
        return new(config.FilePath, $"a model of type {config.ModelType} is not built for {head.Task()}; models of type {known} are.");
    }

    private static Family FamilyOf(ModelConfig config) => Families.TryGetValue(config.ModelType, out Family? family)
        ? family
        : throw config.Root.Wrong("model_type", string.Join(", ", Families.Keys));

    private sealed record Family
    {
        /// <summary>Also serves regression and classification of several labels.</summary>
        public required Func<ModelConfig, Architecture> Classifier { get; init; }

        public Func<ModelConfig, Architecture>? MaskedLm { get; init; }

        public Func<ModelConfig, Architecture>? CausalLm { get; init; }

        public Func<ModelConfig, Architecture>? TokenClassifier { get; init; }

        public Func<ModelConfig, Architecture>? SpanHead { get; init; }

        public Func<ModelConfig, Architecture>? Choice { get; init; }

        public Func<ModelConfig, SentenceTraining, Architecture>? Embedding { get; init; }

        public Func<ModelConfig, Architecture>? For(HeadKind head) => head switch
        {
            HeadKind.MaskedLm => MaskedLm,
            HeadKind.CausalLm => CausalLm,
            HeadKind.TokenClassification => TokenClassifier,
            HeadKind.QuestionAnswering => SpanHead,
            HeadKind.MultipleChoice => Choice,
            _ => Classifier,
        };
    }
}

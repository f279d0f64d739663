using Engine.Common.Files;
using Engine.Kernels;
using Engine.Model.Architectures;

namespace Engine.Model.HuggingFace;

/// <summary>
/// The hyperparameters of an encoder, under the keys of its <see cref="EncoderFamily"/> and with the defaults of Transformers. Sizes must
/// be in the file; rates and constants fall back to the defaults.
/// </summary>
internal sealed record EncoderConfig
{
    /// <summary>Buckets of distances in Transformers' MPNet, whatever <c>relative_attention_num_buckets</c> says.</summary>
    public const int ReadBuckets = 32;

    private const double DefaultEpsilon = 1e-12;

    private EncoderConfig(ModelConfig model)
    {
        Model = model;
    }

    /// <summary>The whole configuration, with labels and problem type.</summary>
    public ModelConfig Model { get; }

    public required EncoderFamily Family { get; init; }

    /// <summary>The class the weights were saved from; null where the file names none.</summary>
    public required string? Architecture { get; init; }

    public required int VocabSize { get; init; }

    public required int HiddenSize { get; init; }

    public required int NumHiddenLayers { get; init; }

    public required int NumAttentionHeads { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>Rows of the position table. RoBERTa's positions start at <see cref="PadTokenId"/> + 1.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    public required int TypeVocabSize { get; init; }

    public required int PadTokenId { get; init; }

    /// <summary>Rows of the table of a bias by distance; 0 for a family without.</summary>
    public required int RelativeBuckets { get; init; }

    /// <summary>The activation between the two feed-forward layers.</summary>
    public required ActivationKind Activation { get; init; }

    public required float LayerNormEps { get; init; }

    public required float HiddenDropoutProb { get; init; }

    public required float AttentionProbsDropoutProb { get; init; }

    /// <summary>Dropout before the classifier; <see cref="HiddenDropoutProb"/> where the file says null.</summary>
    public required float ClassifierDropout { get; init; }

    /// <summary>Dropout before a classifier of tokens.</summary>
    public required float TokenClassifierDropout { get; init; }

    /// <summary>Dropout before the head that finds answers.</summary>
    public required float SpanDropout { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>The word embeddings' module.</summary>
    public string WordEmbeddings => $"{Family.Prefix}embeddings.word_embeddings";

    /// <summary>The size of one attention head.</summary>
    public int HeadSize => HiddenSize / NumAttentionHeads;

    /// <summary>The longest text in tokens, special tokens included.</summary>
    public int MaxTokens => Family.CountsFromPadding ? MaxPositionEmbeddings - PadTokenId - 1 : MaxPositionEmbeddings;

    /// <summary>Reads the hyperparameters of an encoder.</summary>
    /// <exception cref="ModelFileException">
    /// The model is of no family that is built, a size is missing, or a value asks for what is not supported (relative positions, a
    /// decoder, an unknown activation).
    /// </exception>
    public static EncoderConfig From(ModelConfig model)
    {
        JsonSection root = model.Root;
        EncoderFamily family = EncoderFamily.Of(model);
        EncoderKeys keys = family.Keys;
        RefuseVariants(root);
        float hiddenDropout = root.Probability(keys.HiddenDropout, 0.1);
        float classifierDropout = root.Probability(keys.ClassifierDropout, keys.DefaultClassifierDropout ?? hiddenDropout);
        EncoderConfig config = new(model)
        {
            Family = family,
            Architecture = model.RequireArchitecture(
                [.. ArchitecturesOf(family.ClassPrefix), .. family == Bert.Family ? ["BertForPreTraining"] : Array.Empty<string>()]),
            VocabSize = root.Size("vocab_size"),
            HiddenSize = root.Size(keys.HiddenSize),
            NumHiddenLayers = root.Layers(keys.Layers),
            NumAttentionHeads = root.Size(keys.Heads),
            IntermediateSize = root.Size(keys.IntermediateSize),
            MaxPositionEmbeddings = root.Size("max_position_embeddings"),
            TypeVocabSize = keys.TypeVocabSize is not { } types ? 0 : root.Has(types) ? root.Size(types) : 2,
            PadTokenId = root.OptionalInt("pad_token_id") ?? family.PadTokenId,
            RelativeBuckets = keys.RelativeBuckets is not { } buckets ? 0 : root.Has(buckets) ? root.Size(buckets) : ReadBuckets,
            Activation = ActivationOf(root, keys.Activation),
            LayerNormEps = keys.LayerNormEps is { } epsilon ? root.Positive(epsilon, DefaultEpsilon) : (float)DefaultEpsilon,
            HiddenDropoutProb = hiddenDropout,
            AttentionProbsDropoutProb = root.Probability(keys.AttentionDropout, 0.1),
            ClassifierDropout = classifierDropout,
            TokenClassifierDropout = keys.TokenClassifierDropout is { } key ? root.Probability(key, 0.1) : classifierDropout,
            SpanDropout = keys.SpanDropout is { } span ? root.Probability(span, 0.1) : 0,
            InitializerRange = root.Positive("initializer_range", 0.02),
        };
        config.CheckConsistency(root);
        return config;
    }

    /// <summary>This configuration, of a language model whose output layer is the word embeddings.</summary>
    /// <exception cref="ModelFileException">It gives the output layer a weight of its own.</exception>
    internal EncoderConfig RequireTied() =>
        Model.TieWordEmbeddings
            ? this
            : throw Model.Root.Wrong("tie_word_embeddings", "true (an output layer with a weight of its own is not built)");

    /// <summary>The classes of Transformers that weights of an encoder may be saved from.</summary>
    internal static string[] ArchitecturesOf(string classPrefix) =>
    [
        .. new[]
        {
            "Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice", "ForMaskedLM",
        }.Select(suffix => classPrefix + suffix),
    ];

    /// <summary>An activation by its name in Transformers.</summary>
    /// <exception cref="ModelFileException">It is not built.</exception>
    internal static ActivationKind ActivationOf(JsonSection root, string key) => root.OptionalString(key) switch
    {
        null or "gelu" or "gelu_python" => ActivationKind.GeluErf,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => ActivationKind.GeluTanh,
        "relu" => ActivationKind.Relu,
        _ => throw root.Wrong(key, "gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast or relu"),
    };

    private static void RefuseVariants(JsonSection root)
    {
        if (root.OptionalString("position_embedding_type") is not (null or "absolute"))
        {
            throw root.Wrong("position_embedding_type", "absolute");
        }

        // Positions that are computed get no gradient in Transformers.
        if (root.OptionalBool("sinusoidal_pos_embds") == true)
        {
            throw root.Wrong("sinusoidal_pos_embds", "false (learned positions)");
        }

        foreach (string key in (ReadOnlySpan<string>)["is_decoder", "add_cross_attention"])
        {
            if (root.OptionalBool(key) == true)
            {
                throw root.Wrong(key, "false (an encoder)");
            }
        }
    }

    private void CheckConsistency(JsonSection root)
    {
        if (HiddenSize % NumAttentionHeads != 0)
        {
            throw root.Wrong(Family.Keys.Heads, $"a divisor of {Family.Keys.HiddenSize} {HiddenSize}");
        }

        root.RequireHeadSize(HeadSize);

        if (PadTokenId < 0 || PadTokenId >= VocabSize)
        {
            throw root.Wrong("pad_token_id", $"a token below vocab_size {VocabSize}");
        }

        if (Family.PadTokenIsFixed && PadTokenId != Family.PadTokenId)
        {
            throw root.Wrong("pad_token_id", $"{Family.PadTokenId}, the padding token of every {Family.ClassPrefix}");
        }

        if (Family.Keys.RelativeBuckets is { } buckets && RelativeBuckets < ReadBuckets)
        {
            throw root.Wrong(buckets, $"{ReadBuckets} or more, a row for each bucket of distances");
        }

        if (MaxTokens < 1)
        {
            throw root.Wrong("max_position_embeddings", $"more than pad_token_id + 1 = {PadTokenId + 1} positions");
        }
    }
}

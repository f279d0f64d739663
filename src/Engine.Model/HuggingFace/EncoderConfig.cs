using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>The activation between the two feed-forward layers.</summary>
internal enum HiddenActivation
{
    /// <summary>x Φ(x), with the error function.</summary>
    Gelu,

    /// <summary>The approximation of GELU with the hyperbolic tangent.</summary>
    GeluTanh,
}

/// <summary>The families of encoders with learned absolute positions and norms after the residual sums.</summary>
internal enum EncoderFamily
{
    Bert,
    Roberta,
}

/// <summary>
/// The hyperparameters of a BERT or RoBERTa encoder, named and defaulted as <c>BertConfig</c> and <c>RobertaConfig</c> of Transformers do.
/// Sizes must be in the file; rates and constants fall back to the defaults of Transformers.
/// </summary>
internal sealed record EncoderConfig
{
    private static readonly string[] BertArchitectures =
        ["BertModel", "BertForSequenceClassification", "BertForMaskedLM", "BertForPreTraining"];
    private static readonly string[] RobertaArchitectures = ["RobertaModel", "RobertaForSequenceClassification", "RobertaForMaskedLM"];

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

    public required HiddenActivation HiddenActivation { get; init; }

    public required float LayerNormEps { get; init; }

    public required float HiddenDropoutProb { get; init; }

    public required float AttentionProbsDropoutProb { get; init; }

    /// <summary>Dropout before the classifier; <see cref="HiddenDropoutProb"/> where the file says null.</summary>
    public required float ClassifierDropout { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>The size of one attention head.</summary>
    public int HeadSize => HiddenSize / NumAttentionHeads;

    /// <summary>The longest text in tokens, special tokens included.</summary>
    public int MaxTokens => Family == EncoderFamily.Roberta ? MaxPositionEmbeddings - PadTokenId - 1 : MaxPositionEmbeddings;

    /// <summary>Reads the hyperparameters of an encoder.</summary>
    /// <exception cref="ModelFileException">
    /// The model is no BERT or RoBERTa, a size is missing, or a value asks for what is not supported (relative positions, a decoder, an
    /// unknown activation).
    /// </exception>
    public static EncoderConfig From(ModelConfig model)
    {
        JsonSection root = model.Root;
        EncoderFamily family = model.ModelType switch
        {
            "bert" => EncoderFamily.Bert,
            "roberta" => EncoderFamily.Roberta,
            _ => throw root.Wrong("model_type", "bert or roberta"),
        };
        bool roberta = family == EncoderFamily.Roberta;
        RefuseVariants(root);
        float hiddenDropout = root.Probability("hidden_dropout_prob", 0.1);
        EncoderConfig config = new(model)
        {
            Family = family,
            Architecture = model.RequireArchitecture(roberta ? RobertaArchitectures : BertArchitectures),
            VocabSize = root.Size("vocab_size"),
            HiddenSize = root.Size("hidden_size"),
            NumHiddenLayers = root.Layers("num_hidden_layers"),
            NumAttentionHeads = root.Size("num_attention_heads"),
            IntermediateSize = root.Size("intermediate_size"),
            MaxPositionEmbeddings = root.Size("max_position_embeddings"),
            TypeVocabSize = root.Has("type_vocab_size") ? root.Size("type_vocab_size") : 2,
            PadTokenId = root.OptionalInt("pad_token_id") ?? (roberta ? 1 : 0),
            HiddenActivation = Activation(root),
            LayerNormEps = root.Positive("layer_norm_eps", 1e-12),
            HiddenDropoutProb = hiddenDropout,
            AttentionProbsDropoutProb = root.Probability("attention_probs_dropout_prob", 0.1),
            ClassifierDropout = root.Probability("classifier_dropout", hiddenDropout),
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

    private static void RefuseVariants(JsonSection root)
    {
        if (root.OptionalString("position_embedding_type") is not (null or "absolute"))
        {
            throw root.Wrong("position_embedding_type", "absolute");
        }

        foreach (string key in (ReadOnlySpan<string>)["is_decoder", "add_cross_attention"])
        {
            if (root.OptionalBool(key) == true)
            {
                throw root.Wrong(key, "false (an encoder)");
            }
        }
    }

    private static HiddenActivation Activation(JsonSection root) => root.OptionalString("hidden_act") switch
    {
        null or "gelu" or "gelu_python" => HiddenActivation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => HiddenActivation.GeluTanh,
        _ => throw root.Wrong("hidden_act", "gelu, gelu_python, gelu_new, gelu_pytorch_tanh or gelu_fast"),
    };

    private void CheckConsistency(JsonSection root)
    {
        if (HiddenSize % NumAttentionHeads != 0)
        {
            throw root.Wrong("num_attention_heads", $"a divisor of hidden_size {HiddenSize}");
        }

        root.RequireHeadSize(HeadSize);

        if (PadTokenId < 0 || PadTokenId >= VocabSize)
        {
            throw root.Wrong("pad_token_id", $"a token below vocab_size {VocabSize}");
        }

        if (MaxTokens < 1)
        {
            throw root.Wrong("max_position_embeddings", $"more than pad_token_id + 1 = {PadTokenId + 1} positions");
        }
    }
}

using Engine.Common.Files;
using Engine.Kernels;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// What one family of encoders with learned absolute positions and norms after the residual sums has that the others have not. A family is
/// one instance of this in a file of its own.
/// </summary>
internal sealed record EncoderFamily
{
    /// <summary>The families that are built.</summary>
    public static IReadOnlyList<EncoderFamily> All { get; } = [Bert.Family, Roberta.Family, Roberta.Xlm, DistilBert.Family, MpNet.Family];

    /// <summary><c>model_type</c> in config.json.</summary>
    public required string ModelType { get; init; }

    /// <summary>What the names of Transformers' classes begin with, such as <c>Roberta</c>.</summary>
    public required string ClassPrefix { get; init; }

    /// <summary>Prefix of the body's parameter names.</summary>
    public required string Prefix { get; init; }

    /// <summary>The padding token where config.json names none.</summary>
    public required int PadTokenId { get; init; }

    /// <summary>In Transformers the padding token is <see cref="PadTokenId"/>, whatever config.json says.</summary>
    public bool PadTokenIsFixed { get; init; }

    /// <summary>
    /// The first token has the position padding id + 1, and padding tokens the padding id (RoBERTa); else positions count from 0.
    /// </summary>
    public bool CountsFromPadding { get; init; }

    /// <summary>The keys of config.json.</summary>
    public EncoderKeys Keys { get; init; } = EncoderKeys.OfBert;

    /// <summary>The modules of the embeddings and of a layer.</summary>
    public EncoderModules Modules { get; init; } = EncoderModules.OfBert;

    /// <summary>The head that classifies texts.</summary>
    public required PooledModules Classifier { get; init; }

    /// <summary>The head that chooses one of several texts.</summary>
    public required PooledModules Choice { get; init; }

    /// <summary>The head of masked language modelling.</summary>
    public required VocabularyModules MaskedLm { get; init; }

    /// <summary>The family that a configuration names.</summary>
    /// <exception cref="ModelFileException">It is none of those that are built.</exception>
    public static EncoderFamily Of(ModelConfig config) => All.FirstOrDefault(family => family.ModelType == config.ModelType)
        ?? throw config.Root.Wrong("model_type", string.Join(", ", All.Select(family => family.ModelType)));
}

/// <summary>What config.json of a family calls the sizes and rates of an encoder; null for what the family has not.</summary>
internal sealed record EncoderKeys
{
    /// <summary>The keys of BERT, which most families share.</summary>
    public static EncoderKeys OfBert { get; } = new();

    public string HiddenSize { get; init; } = "hidden_size";

    public string Layers { get; init; } = "num_hidden_layers";

    public string Heads { get; init; } = "num_attention_heads";

    public string IntermediateSize { get; init; } = "intermediate_size";

    public string Activation { get; init; } = "hidden_act";

    public string HiddenDropout { get; init; } = "hidden_dropout_prob";

    public string AttentionDropout { get; init; } = "attention_probs_dropout_prob";

    public string ClassifierDropout { get; init; } = "classifier_dropout";

    /// <summary>The classifier's dropout where the file names none; null: that of hidden states.</summary>
    public double? DefaultClassifierDropout { get; init; }

    /// <summary>The dropout before a classifier of tokens; null: that of the classifier of texts.</summary>
    public string? TokenClassifierDropout { get; init; }

    /// <summary>The dropout before the head that finds answers; null: there is none.</summary>
    public string? SpanDropout { get; init; }

    public string? TypeVocabSize { get; init; } = "type_vocab_size";

    /// <summary>The rows of <see cref="EncoderModules.RelativeBias"/>; 32 where the file names none.</summary>
    public string? RelativeBuckets { get; init; }

    /// <summary>Null: the epsilon is 1e-12.</summary>
    public string? LayerNormEps { get; init; } = "layer_norm_eps";
}

/// <summary>What checkpoints of a family call the modules of the embeddings and of a layer, after the body's prefix.</summary>
internal sealed record EncoderModules
{
    /// <summary>The modules of BERT and RoBERTa.</summary>
    public static EncoderModules OfBert { get; } = new()
    {
        Layers = "encoder.layer",
        Query = "attention.self.query",
        Key = "attention.self.key",
        Value = "attention.self.value",
        AttentionOutput = "attention.output.dense",
        AttentionNorm = "attention.output.LayerNorm",
        Inner = "intermediate.dense",
        Outer = "output.dense",
        OuterNorm = "output.LayerNorm",
    };

    /// <summary>The list of layers.</summary>
    public required string Layers { get; init; }

    public required string Query { get; init; }

    public required string Key { get; init; }

    public required string Value { get; init; }

    public required string AttentionOutput { get; init; }

    /// <summary>The norm after attention and its residual sum.</summary>
    public required string AttentionNorm { get; init; }

    /// <summary>The first feed-forward layer, before the activation.</summary>
    public required string Inner { get; init; }

    /// <summary>The second.</summary>
    public required string Outer { get; init; }

    /// <summary>The norm after the feed-forward layers and their residual sum.</summary>
    public required string OuterNorm { get; init; }

    /// <summary>
    /// The table of a bias that every layer's attention adds by how far a key lies from its query; null: there is none.
    /// </summary>
    public string? RelativeBias { get; init; }

    /// <summary>Dropout follows attention's output layer.</summary>
    public bool DropsAttentionOutput { get; init; } = true;
}

/// <summary>
/// A head on the first token: a dense layer, an activation, dropout, an output layer. Names are those of the checkpoint.
/// </summary>
/// <param name="Dense">The dense layer.</param>
/// <param name="Activation">What follows it.</param>
/// <param name="Output">The output layer.</param>
/// <param name="DropsInput">Dropout comes before the dense layer, too.</param>
/// <param name="HasHiddenDropout">The dropout is that of hidden states; else the classifier's.</param>
internal sealed record PooledModules(
    string Dense, ActivationKind Activation, string Output, bool DropsInput = false, bool HasHiddenDropout = false);

/// <summary>
/// A head of masked language modelling: a dense layer, an activation, a norm, and the word embeddings as output layer with a bias.
/// </summary>
/// <param name="Dense">The dense layer.</param>
/// <param name="Norm">The norm.</param>
/// <param name="Bias">The output's bias, with its whole name.</param>
/// <param name="Decoder">The output layer, whose weight is that of the word embeddings.</param>
/// <param name="Activation">The activation; null: that of the encoder.</param>
internal sealed record VocabularyModules(string Dense, string Norm, string Bias, string Decoder, ActivationKind? Activation = null);

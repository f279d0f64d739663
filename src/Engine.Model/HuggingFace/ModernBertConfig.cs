using Engine.Common.Files;
using Engine.Kernels;
using Engine.Model.Architectures;

namespace Engine.Model.HuggingFace;

/// <summary>The hyperparameters of ModernBERT, named and defaulted as its configuration in Transformers does.</summary>
internal sealed record ModernBertConfig
{
    private const string Global = "full_attention", Local = "sliding_attention";

    private ModernBertConfig(ModelConfig model)
    {
        Model = model;
    }

    /// <summary>The whole configuration, with labels and problem type.</summary>
    public ModelConfig Model { get; }

    public required int VocabSize { get; init; }

    public required int HiddenSize { get; init; }

    public required int NumHiddenLayers { get; init; }

    public required int NumAttentionHeads { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>The longest text in tokens.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>The id that pads texts, whose embedding gets no gradient; null for none.</summary>
    public required int? PadTokenId { get; init; }

    /// <summary>Which GELU gates the feed-forward (<c>hidden_activation</c>).</summary>
    public required ActivationKind Activation { get; init; }

    public required float NormEps { get; init; }

    /// <summary>Norms have a bias.</summary>
    public required bool NormBias { get; init; }

    /// <summary>Attention's two linear layers have a bias.</summary>
    public required bool AttentionBias { get; init; }

    /// <summary>The feed-forward's two linear layers have a bias.</summary>
    public required bool MlpBias { get; init; }

    /// <summary>The output layer over the vocabulary has a bias.</summary>
    public required bool DecoderBias { get; init; }

    /// <summary>The dense layer of every head has a bias.</summary>
    public required bool ClassifierBias { get; init; }

    /// <summary>What follows the dense layer of every head.</summary>
    public required ActivationKind ClassifierActivation { get; init; }

    /// <summary>How a classifier makes one vector of a text.</summary>
    public required TextPooling ClassifierPooling { get; init; }

    public required float EmbeddingDropout { get; init; }

    /// <summary>Of attention's weights and of what its output layer gives.</summary>
    public required float AttentionDropout { get; init; }

    /// <summary>Of what the feed-forward's gate lets through.</summary>
    public required float MlpDropout { get; init; }

    /// <summary>Before a classifier's output layer.</summary>
    public required float ClassifierDropout { get; init; }

    /// <summary>How heads are turned in layers that see whole texts, and in those with a window.</summary>
    public required IReadOnlyList<RotarySet> Rotaries { get; init; }

    /// <summary>Layer by layer, whether it is one of those with a window.</summary>
    public required IReadOnlyList<bool> LocalLayers { get; init; }

    /// <summary>A token sees those less than so many tokens away, on both sides, in a layer with a window.</summary>
    public required int Window { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>How many deviations they are away from 0 at most (<c>initializer_cutoff_factor</c>).</summary>
    public required float InitializerCutoff { get; init; }

    /// <summary>The size of one attention head.</summary>
    public int HeadSize => HiddenSize / NumAttentionHeads;

    /// <summary>Reads the hyperparameters.</summary>
    /// <exception cref="ModelFileException">A size is missing, or a value asks for what is not built.</exception>
    public static ModernBertConfig From(ModelConfig model)
    {
        JsonSection root = model.Root;
        model.RequireArchitecture(EncoderConfig.ArchitecturesOf("ModernBert"));
        int hidden = root.Size("hidden_size"), heads = root.Size("num_attention_heads"), vocabulary = root.Size("vocab_size"),
            layers = root.Layers("num_hidden_layers"), period = Size(root, "global_attn_every_n_layers", 3);
        if (hidden % heads != 0)
        {
            throw root.Wrong("num_attention_heads", $"a divisor of hidden_size {hidden}");
        }

        root.RequireHeadSize(hidden / heads);
        RopeParameters[] ropes = Ropes(model);
        return new ModernBertConfig(model)
        {
            VocabSize = vocabulary,
            HiddenSize = hidden,
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            IntermediateSize = root.Size("intermediate_size"),
            MaxPositionEmbeddings = Math.Min(root.Size("max_position_embeddings"), ropes.Min(rope => rope.MostTokens)),
            PadTokenId = PaddingOf(root, vocabulary),
            Activation = EncoderConfig.ActivationOf(root, "hidden_activation") is var gelu and not ActivationKind.Relu
                ? gelu
                : throw root.Wrong("hidden_activation", "gelu, gelu_python, gelu_new, gelu_pytorch_tanh or gelu_fast"),
            NormEps = root.Positive("norm_eps", 1e-5),
            NormBias = root.OptionalBool("norm_bias") ?? false,
            AttentionBias = root.OptionalBool("attention_bias") ?? false,
            MlpBias = root.OptionalBool("mlp_bias") ?? false,
            DecoderBias = root.OptionalBool("decoder_bias") ?? true,
            ClassifierBias = root.OptionalBool("classifier_bias") ?? false,
            ClassifierActivation = EncoderConfig.ActivationOf(root, "classifier_activation"),
            ClassifierPooling = root.OptionalString("classifier_pooling") switch
            {
                null or "cls" => TextPooling.FirstToken,
                "mean" => TextPooling.Mean,
                _ => throw root.Wrong("classifier_pooling", "cls or mean"),
            },
            EmbeddingDropout = root.Probability("embedding_dropout", 0),
            AttentionDropout = root.Probability("attention_dropout", 0),
            MlpDropout = root.Probability("mlp_dropout", 0),
            ClassifierDropout = root.Probability("classifier_dropout", 0),
            Rotaries = [.. ropes.Select(rope => rope.Rotary(hidden / heads, model.FilePath))],
            LocalLayers = root.LocalLayers(layers) ?? [.. Enumerable.Range(0, layers).Select(layer => layer % period != 0)],

            // Half of it on each side, and the token itself.
            Window = (Size(root, "local_attention", 128) / 2) + 1,
            InitializerRange = root.Positive("initializer_range", 0.02),
            InitializerCutoff = root.Positive("initializer_cutoff_factor", 2) is var cutoff and >= 0.1f
                ? cutoff
                : throw root.Wrong("initializer_cutoff_factor", "a number of at least 0.1"),
        };
    }

    private static int Size(JsonSection root, string key, int fallback) => root.Has(key) ? root.Size(key) : fallback;

    private static int? PaddingOf(JsonSection root, int vocabulary)
    {
        const string Key = "pad_token_id";
        int? padding = root.Content.ContainsKey(Key) ? root.OptionalInt(Key) : 50283;
        return padding is null || (padding >= 0 && padding < vocabulary)
            ? padding
            : throw root.Wrong(Key, $"a token below vocab_size {vocabulary}, or null");
    }

    /// <summary>
    /// Those of <c>rope_parameters</c>, or the bases <c>global_rope_theta</c> and <c>local_rope_theta</c> of earlier versions.
    /// </summary>
    private static RopeParameters[] Ropes(ModelConfig model)
    {
        JsonSection root = model.Root;
        foreach (string key in (ReadOnlySpan<string>)["rope_theta", "rope_scaling"])
        {
            if (root.Has(key))
            {
                throw root.Wrong(key, $"nothing (ModernBERT has rope_parameters for {Global} and {Local})");
            }
        }

        if (root.OptionalSection("rope_parameters") is { } given && given.Content.Any(pair => pair.Key is not (Global or Local)))
        {
            throw root.Wrong("rope_parameters", $"an object with {Global} and {Local}");
        }

        RopeParameters[] ropes =
        [
            (model.Rope ?? RopeParameters.Default).WithDefaults(root.Positive("global_rope_theta", 160000)),
            (model.LocalRope ?? RopeParameters.Default).WithDefaults(root.Positive("local_rope_theta", 10000)),
        ];
        return ropes.FirstOrDefault(rope => rope.Partial != 1) is { } inPart
            ? throw new ModelFileException(
                root.FilePath, $"partial_rotary_factor is {inPart.Partial}; in a model of type modernbert whole heads are turned (1).")
            : ropes;
    }
}

using Engine.Common.Files;
using Engine.Model.Architectures;

namespace Engine.Model.HuggingFace;

/// <summary>
/// The hyperparameters of a decoder with rotary positions, RMS norms and gated feed-forwards, named and defaulted as the configurations of
/// its family in Transformers do. Sizes must be in the file; constants fall back to the defaults of Transformers.
/// </summary>
internal sealed record DecoderConfig
{
    private DecoderConfig(ModelConfig model)
    {
        Model = model;
    }

    /// <summary>The whole configuration, with labels and problem type.</summary>
    public ModelConfig Model { get; }

    public required DecoderFamily Family { get; init; }

    public required int VocabSize { get; init; }

    public required int HiddenSize { get; init; }

    public required int NumHiddenLayers { get; init; }

    public required int NumAttentionHeads { get; init; }

    /// <summary>Heads of keys and values; a divisor of <see cref="NumAttentionHeads"/>.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>The size of one attention head, which need not be <see cref="HiddenSize"/> / <see cref="NumAttentionHeads"/>.</summary>
    public required int HeadDim { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>The longest text in tokens.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    public required float RmsNormEps { get; init; }

    /// <summary>
    /// <c>attention_bias</c>: the four projections of attention have a bias (Llama, Qwen3; Qwen2's first three always do).
    /// </summary>
    public required bool AttentionBias { get; init; }

    /// <summary><c>mlp_bias</c>: the feed-forward layers have a bias (Llama).</summary>
    public required bool MlpBias { get; init; }

    public required float AttentionDropout { get; init; }

    /// <summary><c>resid_pdrop</c>: what blocks give is dropped with this probability (Phi-3).</summary>
    public required float ResidualDropout { get; init; }

    /// <summary>The id that pads texts; null for none.</summary>
    public required int? PadTokenId { get; init; }

    /// <summary>Whether the output layer is the word embeddings.</summary>
    public bool TieWordEmbeddings => Model.TieWordEmbeddings;

    /// <summary>How heads are turned; where layers with a window turn in another way, that second.</summary>
    public required IReadOnlyList<RotarySet> Rotaries { get; init; }

    /// <summary>Layer by layer, whether it is one of those with a window (<c>sliding_attention</c>).</summary>
    public required IReadOnlyList<bool> LocalLayers { get; init; }

    /// <summary>Tokens that a token sees in a layer with a window, itself among them; 0 for all.</summary>
    public required int Window { get; init; }

    /// <summary>What scores are multiplied by.</summary>
    public required float ScoreScale { get; init; }

    /// <summary>The soft cap of attention's scores; 0 for none.</summary>
    public required float ScoreCap { get; init; }

    /// <summary>The soft cap of logits; 0 for none.</summary>
    public required float LogitCap { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>Reads the hyperparameters of a decoder.</summary>
    /// <exception cref="ModelFileException">
    /// The model is of no family that is built, a size is missing, or a value asks for what is not built (another activation, a kind of
    /// rotary scaling, heads too large).
    /// </exception>
    public static DecoderConfig From(ModelConfig model)
    {
        JsonSection root = model.Root;
        DecoderFamily family = DecoderFamilies.Of(model);
        model.RequireArchitecture([$"{family.Name}ForCausalLM", $"{family.TextName}ForSequenceClassification", $"{family.TextName}Model"]);
        if (root.OptionalString(family.ActivationKey) is { } activation && !family.Activations.Contains(activation))
        {
            throw root.Wrong(family.ActivationKey, family.Activations[0]);
        }

        if (root.OptionalBool("use_bidirectional_attention") == true)
        {
            throw root.Wrong("use_bidirectional_attention", "false (tokens do not look at later ones)");
        }

        int hidden = root.Size("hidden_size");
        int heads = root.Size("num_attention_heads");
        int headDim = root.Has("head_dim") ? root.Size("head_dim") : family.HeadDim ?? hidden / heads;
        root.RequireHeadSize(headDim);
        if (!root.Has("head_dim") && family.HeadDim is null && hidden % heads != 0)
        {
            throw root.Wrong("num_attention_heads", $"a divisor of hidden_size {hidden}");
        }

        if (headDim % 2 != 0)
        {
            throw new ModelFileException(
                root.FilePath, $"a head has {headDim} elements; rotary embeddings turn pairs, so an even number was expected.");
        }

        int layers = root.Layers("num_hidden_layers");
        IReadOnlyList<bool> local = LocalLayersOf(root, family, layers);
        IReadOnlyList<RopeParameters> ropes = Ropes(model, family);
        DecoderConfig config = new(model)
        {
            Family = family,
            VocabSize = root.Size("vocab_size"),
            HiddenSize = hidden,
            NumHiddenLayers = layers,
            NumAttentionHeads = heads,
            NumKeyValueHeads = KeyValueHeads(root, family, heads),
            HeadDim = headDim,
            IntermediateSize = root.Size("intermediate_size"),
            MaxPositionEmbeddings = Math.Min(root.Size("max_position_embeddings"), ropes.Min(rope => rope.MostTokens)),
            RmsNormEps = root.Positive("rms_norm_eps", family.RmsNormEps),
            AttentionBias = root.OptionalBool("attention_bias") ?? false,
            MlpBias = root.OptionalBool("mlp_bias") ?? false,
            AttentionDropout = root.Probability("attention_dropout", 0),
            ResidualDropout = family.ResidualDropout ? root.Probability("resid_pdrop", 0) : 0,
            PadTokenId = PaddingOf(root, family),
            Rotaries = [.. ropes.Select(rope => rope.Rotary(headDim, model.FilePath))],
            LocalLayers = local,
            Window = WindowOf(root, family),
            ScoreScale = (float)(1 / Math.Sqrt(
                family.QueryScalar is { } scalar ? root.Positive("query_pre_attn_scalar", scalar) : headDim)),
            ScoreCap = Cap(root, "attn_logit_softcapping", family.SoftCaps.Scores),
            LogitCap = Cap(root, "final_logit_softcapping", family.SoftCaps.Logits),
            InitializerRange = root.Positive("initializer_range", 0.02),
        };
        config.CheckConsistency(root);
        return config;
    }

    private void CheckConsistency(JsonSection root)
    {
        if ((long)NumAttentionHeads * HeadDim > ConfigNumbers.LargestSize)
        {
            throw root.Wrong(
                "num_attention_heads", $"a number whose product with the head size {HeadDim} is at most {ConfigNumbers.LargestSize}");
        }

        if (NumAttentionHeads % NumKeyValueHeads != 0)
        {
            throw root.Wrong("num_key_value_heads", $"a divisor of num_attention_heads {NumAttentionHeads}");
        }

        if (PadTokenId < 0 || PadTokenId >= VocabSize)
        {
            throw root.Wrong("pad_token_id", $"a token below vocab_size {VocabSize}, or null");
        }
    }

    /// <summary>
    /// How heads are turned, and second how layers with a window turn them where the family has that: by the base of
    /// <c>rope_local_base_freq</c>, or by <c>rope_parameters</c> of their own.
    /// </summary>
    private static IReadOnlyList<RopeParameters> Ropes(ModelConfig model, DecoderFamily family)
    {
        JsonSection root = model.Root;
        if (model.LocalRope is not null && !family.LocalRotary)
        {
            throw root.Wrong("rope_parameters", "numbers (parameters per layer type are not supported in this family)");
        }

        RopeParameters all = (model.Rope ?? RopeParameters.Default).WithDefaults(family.RopeTheta, family.OriginalContext);
        if (root.OptionalDouble("partial_rotary_factor") is { } factor)
        {
            all = all.WithPartial(factor);
        }

        RopeParameters[] ropes = family.LocalRotary
            ? [all, (model.LocalRope ?? RopeParameters.Default).WithDefaults(
                root.Positive("rope_local_base_freq", RopeParameters.DefaultTheta))]
            : [all];
        return ropes.FirstOrDefault(rope => rope.Partial != 1 && !family.PartialRotary) is { } inPart
            ? throw new ModelFileException(
                root.FilePath,
                $"partial_rotary_factor is {inPart.Partial}; in a model of type {family.ModelType} whole heads are turned (1).")
            : ropes;
    }

    /// <summary>Layers that see a window of tokens: as <c>layer_types</c> says, or else as the family has them.</summary>
    private static IReadOnlyList<bool> LocalLayersOf(JsonSection root, DecoderFamily family, int layers)
    {
        IReadOnlyList<bool>? local = root.LocalLayers(layers);
        return local is null ? [.. Enumerable.Range(0, layers).Select(layer => family.IsWindowed?.Invoke(root, layer) == true)]
            : family.IsWindowed is null && local.Contains(true)
                ? throw root.Wrong(
                    ConfigNumbers.LayerTypes, $"full_attention (in a model of type {family.ModelType} tokens see all before them)")
            : family.WindowSwitch is { } key && root.OptionalBool(key) != true && local.Contains(true)
                ? throw root.Wrong(ConfigNumbers.LayerTypes, $"full_attention, or {key}: true (without it there is no window)")
            : local;
    }

    /// <summary>The window; null switches it off, and so does one that no text reaches beyond.</summary>
    private static int WindowOf(JsonSection root, DecoderFamily family)
    {
        const string Key = "sliding_window";
        int? window = root.Has(Key) ? root.Size(Key) : root.Content.ContainsKey(Key) ? null : family.Window;
        return window < root.Size("max_position_embeddings") ? window.Value : 0;
    }

    /// <summary>A soft cap, where the family reads it; null switches it off.</summary>
    private static float Cap(JsonSection root, string key, double? fallback) =>
        fallback is null ? 0
        : root.Has(key) ? root.Positive(key, 0)
        : root.Content.ContainsKey(key) ? 0
        : (float)fallback;

    /// <summary>The first Llama checkpoints say -1 for none.</summary>
    private static int? PaddingOf(JsonSection root, DecoderFamily family)
    {
        const string Key = "pad_token_id";
        int? padding = root.Content.ContainsKey(Key) ? root.OptionalInt(Key) : family.PadTokenId;
        return padding == -1 ? null : padding;
    }

    /// <summary>As Transformers reads it: null means one for each head, and a family may have a number of its own.</summary>
    private static int KeyValueHeads(JsonSection root, DecoderFamily family, int heads)
    {
        const string Key = "num_key_value_heads";
        return root.Has(Key) ? root.Size(Key) : root.Content.ContainsKey(Key) ? heads : family.KeyValueHeads ?? heads;
    }
}

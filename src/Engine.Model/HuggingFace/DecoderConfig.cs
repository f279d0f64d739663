using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>The families of decoders with rotary positions, RMS norms before each block and gated feed-forwards.</summary>
internal enum DecoderFamily
{
    Llama,
    Qwen2,
    Qwen3,
}

/// <summary>
/// The hyperparameters of a Llama, Qwen2 or Qwen3 decoder, named and defaulted as their configurations in Transformers do. Sizes must be in
/// the file; constants fall back to the defaults of Transformers.
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

    /// <summary>The id that pads texts; null for none.</summary>
    public required int? PadTokenId { get; init; }

    /// <summary>Whether the output layer is the word embeddings.</summary>
    public bool TieWordEmbeddings => Model.TieWordEmbeddings;

    /// <summary>The rotary angle per position of each pair of a head's elements, in radians [head size / 2].</summary>
    public required IReadOnlyList<double> RotaryFrequencies { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>Reads the hyperparameters of a decoder.</summary>
    /// <exception cref="ModelFileException">
    /// The model is no Llama, Qwen2 or Qwen3, a size is missing, or a value asks for what is not built (a sliding window, another
    /// activation, a kind of rotary scaling, heads too large).
    /// </exception>
    public static DecoderConfig From(ModelConfig model)
    {
        JsonSection root = model.Root;
        DecoderFamily family = model.ModelType switch
        {
            "llama" => DecoderFamily.Llama,
            "qwen2" => DecoderFamily.Qwen2,
            "qwen3" => DecoderFamily.Qwen3,
            _ => throw root.Wrong("model_type", "llama, qwen2 or qwen3"),
        };
        model.RequireArchitecture([$"{family}ForCausalLM", $"{family}ForSequenceClassification", $"{family}Model"]);
        if (root.OptionalString("hidden_act") is not (null or "silu" or "swish"))
        {
            throw root.Wrong("hidden_act", "silu");
        }

        if (root.OptionalDouble("partial_rotary_factor") is not (null or 1))
        {
            throw root.Wrong("partial_rotary_factor", "1 (whole heads are turned)");
        }

        int hidden = root.Size("hidden_size");
        int heads = root.Size("num_attention_heads");
        int headDim = root.Has("head_dim") ? root.Size("head_dim") : family == DecoderFamily.Qwen3 ? 128 : hidden / heads;
        root.RequireHeadSize(headDim);
        int? padding = root.OptionalInt("pad_token_id");
        DecoderConfig config = new(model)
        {
            Family = family,
            VocabSize = root.Size("vocab_size"),
            HiddenSize = hidden,
            NumHiddenLayers = root.Layers("num_hidden_layers"),
            NumAttentionHeads = heads,
            NumKeyValueHeads = KeyValueHeads(root, family, heads),
            HeadDim = headDim,
            IntermediateSize = root.Size("intermediate_size"),
            MaxPositionEmbeddings = root.Size("max_position_embeddings"),
            RmsNormEps = root.Positive("rms_norm_eps", 1e-6),
            AttentionBias = root.OptionalBool("attention_bias") ?? false,
            MlpBias = root.OptionalBool("mlp_bias") ?? false,
            AttentionDropout = root.Probability("attention_dropout", 0),

            // The first Llama checkpoints say -1 for none.
            PadTokenId = padding == -1 ? null : padding,
            RotaryFrequencies = (model.Rope ?? RopeParameters.Default).Frequencies(headDim, model.FilePath),
            InitializerRange = root.Positive("initializer_range", 0.02),
        };
        config.CheckConsistency(root);
        config.RefuseSlidingWindow(root);
        return config;
    }

    private void CheckConsistency(JsonSection root)
    {
        if (!root.Has("head_dim") && HiddenSize % NumAttentionHeads != 0)
        {
            throw root.Wrong("num_attention_heads", $"a divisor of hidden_size {HiddenSize}");
        }

        if ((long)NumAttentionHeads * HeadDim > ConfigNumbers.LargestSize)
        {
            throw root.Wrong(
                "num_attention_heads", $"a number whose product with the head size {HeadDim} is at most {ConfigNumbers.LargestSize}");
        }

        if (HeadDim % 2 != 0)
        {
            throw new ModelFileException(
                root.FilePath, $"a head has {HeadDim} elements; rotary embeddings turn pairs, so an even number was expected.");
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

    /// <summary>Refuses windows that some text could reach beyond: tokens would see more than the model was trained to.</summary>
    private void RefuseSlidingWindow(JsonSection root)
    {
        // Qwen's defaults in Transformers where the keys are missing.
        const int DefaultWindow = 4096, DefaultWindowedFrom = 28;
        IReadOnlyList<string>? layers = root.OptionalStrings("layer_types");
        if (layers?.Any(layer => layer is not ("full_attention" or "sliding_attention")) == true)
        {
            throw root.Wrong("layer_types", "a list of full_attention and sliding_attention");
        }

        bool switchedOff = root.Content.ContainsKey("sliding_window") && !root.Has("sliding_window");
        bool windowed = layers is not null
            ? layers.Contains("sliding_attention")
            : root.OptionalBool("use_sliding_window") == true
                && !switchedOff && (root.OptionalInt("max_window_layers") ?? DefaultWindowedFrom) < NumHiddenLayers;
        int window = root.OptionalInt("sliding_window") ?? DefaultWindow;
        if (windowed && window < MaxPositionEmbeddings)
        {
            throw new ModelFileException(
                root.FilePath,
                $"some layers attend to the last {window} tokens only (use_sliding_window, layer_types), "
                    + $"and texts may have {MaxPositionEmbeddings}; sliding windows are not built. "
                + $"With max_position_embeddings at most {window} the window has no effect.");
        }
    }

    /// <summary>As Transformers reads it: null means one for each head, and a Qwen that does not say has 32.</summary>
    private static int KeyValueHeads(JsonSection root, DecoderFamily family, int heads)
    {
        const string Key = "num_key_value_heads";
        return root.Has(Key) ? root.Size(Key) : family == DecoderFamily.Llama || root.Content.ContainsKey(Key) ? heads : 32;
    }
}

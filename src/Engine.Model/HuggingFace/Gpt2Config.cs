using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>The hyperparameters of GPT-2, named and defaulted as its configuration in Transformers does.</summary>
internal sealed record Gpt2Config
{
    private Gpt2Config(ModelConfig model)
    {
        Model = model;
    }

    /// <summary>The whole configuration, with labels and problem type.</summary>
    public ModelConfig Model { get; }

    public required int VocabSize { get; init; }

    /// <summary><c>n_embd</c>.</summary>
    public required int HiddenSize { get; init; }

    /// <summary><c>n_layer</c>.</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary><c>n_head</c>.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary><c>n_inner</c>; where it is not said, four times the hidden size.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary><c>n_positions</c>: rows of the position table, and the longest text in tokens.</summary>
    public required int MaxPositionEmbeddings { get; init; }

    public required float LayerNormEps { get; init; }

    /// <summary><c>embd_pdrop</c>.</summary>
    public required float EmbeddingDropout { get; init; }

    /// <summary><c>attn_pdrop</c>.</summary>
    public required float AttentionDropout { get; init; }

    /// <summary><c>resid_pdrop</c>.</summary>
    public required float ResidualDropout { get; init; }

    /// <summary>The id that pads texts; null for none.</summary>
    public required int? PadTokenId { get; init; }

    /// <summary>The standard deviation of freshly initialised weights.</summary>
    public required float InitializerRange { get; init; }

    /// <summary>Reads the hyperparameters.</summary>
    /// <exception cref="ModelFileException">A size is missing, or a value asks for what is not built.</exception>
    public static Gpt2Config From(ModelConfig model)
    {
        JsonSection root = model.Root;
        model.RequireArchitecture(["GPT2LMHeadModel", "GPT2ForSequenceClassification", "GPT2Model"]);
        if (root.OptionalString("activation_function") is not (null or "gelu_new" or "gelu_pytorch_tanh"))
        {
            throw root.Wrong("activation_function", "gelu_new");
        }

        foreach ((string key, bool built) in ((string, bool)[])
            [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false), ("add_cross_attention", false)])
        {
            if (root.OptionalBool(key) == !built)
            {
                throw root.Wrong(key, built ? "true" : "false");
            }
        }

        int hidden = root.Size("n_embd"), heads = root.Size("n_head"), vocabulary = root.Size("vocab_size");
        if (hidden % heads != 0)
        {
            throw root.Wrong("n_head", $"a divisor of n_embd {hidden}");
        }

        root.RequireHeadSize(hidden / heads);
        int? padding = root.OptionalInt("pad_token_id");
        return padding is < 0 || padding >= vocabulary
            ? throw root.Wrong("pad_token_id", $"a token below vocab_size {vocabulary}, or null")
            : new Gpt2Config(model)
            {
                VocabSize = vocabulary,
                HiddenSize = hidden,
                NumHiddenLayers = root.Layers("n_layer"),
                NumAttentionHeads = heads,
                IntermediateSize = root.Has("n_inner") ? root.Size("n_inner") : 4 * hidden,
                MaxPositionEmbeddings = root.Size("n_positions"),
                LayerNormEps = root.Positive("layer_norm_epsilon", 1e-5),
                EmbeddingDropout = root.Probability("embd_pdrop", 0.1),
                AttentionDropout = root.Probability("attn_pdrop", 0.1),
                ResidualDropout = root.Probability("resid_pdrop", 0.1),
                PadTokenId = padding,
                InitializerRange = root.Positive("initializer_range", 0.02),
            };
    }
}

using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// A family of decoders on the shared <see cref="DecoderStack"/>: its names, what its configuration means where it is silent (the defaults
/// of Transformers), and what its layers have. docs/adding-a-model.md says how to add one.
/// </summary>
/// <param name="ModelType"><c>model_type</c>.</param>
/// <param name="Name">What the class names of Transformers begin with: <c>NameForCausalLM</c>.</param>
internal sealed record DecoderFamily(string ModelType, string Name)
{
    /// <summary>What the other class names begin with: <c>NameForSequenceClassification</c>, <c>NameModel</c>.</summary>
    public string TextName { get; init; } = Name;

    /// <summary>What the layers have.</summary>
    public Func<DecoderConfig, DecoderLayer> Layer { get; init; } = _ => new DecoderLayer();

    /// <summary>Where the configuration has no <c>head_dim</c>; null: the hidden size over the heads.</summary>
    public int? HeadDim { get; init; }

    /// <summary>Where the configuration has no <c>num_key_value_heads</c>; null: one for each head.</summary>
    public int? KeyValueHeads { get; init; }

    /// <summary>Where the configuration has no <c>pad_token_id</c>; null for none.</summary>
    public int? PadTokenId { get; init; }

    public double RmsNormEps { get; init; } = 1e-6;

    public double RopeTheta { get; init; } = RopeParameters.DefaultTheta;

    /// <summary>
    /// The original context where the configuration has no <c>original_max_position_embeddings</c>; null: <c>max_position_embeddings</c>.
    /// </summary>
    public int? OriginalContext { get; init; }

    /// <summary>What blocks give is dropped as <c>resid_pdrop</c> says, which other families do not read.</summary>
    public bool ResidualDropout { get; init; }

    /// <summary>Heads may be turned in part (<c>partial_rotary_factor</c>).</summary>
    public bool PartialRotary { get; init; }

    /// <summary>Layers with a window have rotary embeddings of their own (<c>rope_local_base_freq</c>).</summary>
    public bool LocalRotary { get; init; }

    /// <summary>The key of the feed-forward's activation.</summary>
    public string ActivationKey { get; init; } = "hidden_act";

    /// <summary>What the activation may be called.</summary>
    public IReadOnlyList<string> Activations { get; init; } = ["silu", "swish"];

    /// <summary>
    /// Whether a layer of this number sees a window of tokens only, where <c>layer_types</c> does not say; null for a family without.
    /// </summary>
    public Func<JsonSection, int, bool>? IsWindowed { get; init; }

    /// <summary>The key that must be true for any layer to see a window; null for none.</summary>
    public string? WindowSwitch { get; init; }

    /// <summary>Where the configuration has no <c>sliding_window</c>; null for none.</summary>
    public int? Window { get; init; } = 4096;

    /// <summary>The dimension whose root scores are divided by, where <c>query_pre_attn_scalar</c> is read; null: the head's.</summary>
    public double? QueryScalar { get; init; }

    /// <summary>
    /// The caps of attention's scores and of logits where <c>attn_logit_softcapping</c> and <c>final_logit_softcapping</c> are read and
    /// missing, 0 for none; null where the family does not read the key.
    /// </summary>
    public (double? Scores, double? Logits) SoftCaps { get; init; }

    /// <summary>Attention's four projections have the bias that <c>attention_bias</c> asks for.</summary>
    public static DecoderLayer WithAttentionBias(DecoderConfig config) =>
        new() { QueryKeyValueBias = config.AttentionBias, OutputBias = config.AttentionBias };
}

/// <summary>The families of decoders that are built. A new one is registered here.</summary>
internal static class DecoderFamilies
{
    public static IReadOnlyList<DecoderFamily> All { get; } =
    [
        Llama.Family, Qwen2.Family, Qwen3.Family, Mistral.Family, Gemma2.Family, Gemma3.Family, Phi3.Family, Olmo2.Family,
    ];

    /// <summary>The family of a configuration.</summary>
    /// <exception cref="ModelFileException">It is none of these.</exception>
    public static DecoderFamily Of(ModelConfig model) => All.FirstOrDefault(family => family.ModelType == model.ModelType)
        ?? throw model.Root.Wrong("model_type", string.Join(", ", All.Select(family => family.ModelType)));
}

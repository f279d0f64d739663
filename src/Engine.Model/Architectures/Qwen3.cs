using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// Qwen3 (arXiv 2505.09388): every head of queries and keys is normalized, and a head's size is given apart from the hidden size.
/// </summary>
internal sealed class Qwen3ForCausalLM(DecoderConfig config) : CausalDecoder(config, Qwen3.Layer(config))
{
    public override string Name => nameof(Qwen3ForCausalLM);
}

/// <summary>Qwen3 with a classifier on a text's last token.</summary>
internal sealed class Qwen3ForSequenceClassification(DecoderConfig config) : DecoderClassifier(config, Qwen3.Layer(config))
{
    public override string Name => nameof(Qwen3ForSequenceClassification);
}

internal static class Qwen3
{
    public static DecoderLayer Layer(DecoderConfig config) => new()
    {
        QueryKeyValueBias = config.AttentionBias,
        OutputBias = config.AttentionBias,
        QueryKeyNorm = true,
    };
}

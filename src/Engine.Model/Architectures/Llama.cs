using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>Llama (Touvron et al., arXiv 2302.13971): no biases unless the configuration asks for them.</summary>
internal sealed class LlamaForCausalLM(DecoderConfig config) : CausalDecoder(config, Llama.Layer(config))
{
    public override string Name => nameof(LlamaForCausalLM);
}

/// <summary>Llama with a classifier on a text's last token.</summary>
internal sealed class LlamaForSequenceClassification(DecoderConfig config) : DecoderClassifier(config, Llama.Layer(config))
{
    public override string Name => nameof(LlamaForSequenceClassification);
}

internal static class Llama
{
    public static DecoderLayer Layer(DecoderConfig config) => new()
    {
        QueryKeyValueBias = config.AttentionBias,
        OutputBias = config.AttentionBias,
        FeedForwardBias = config.MlpBias,
    };
}

using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>Qwen2 and Qwen2.5 (arXiv 2407.10671): queries, keys and values have biases, nothing else has.</summary>
internal sealed class Qwen2ForCausalLM(DecoderConfig config) : CausalDecoder(config, Qwen2.Layer)
{
    public override string Name => nameof(Qwen2ForCausalLM);
}

/// <summary>Qwen2 with a classifier on a text's last token.</summary>
internal sealed class Qwen2ForSequenceClassification(DecoderConfig config) : DecoderClassifier(config, Qwen2.Layer)
{
    public override string Name => nameof(Qwen2ForSequenceClassification);
}

internal static class Qwen2
{
    public static DecoderLayer Layer { get; } = new() { QueryKeyValueBias = true };
}

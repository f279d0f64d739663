namespace Engine.Model.Architectures;

/// <summary>
/// Llama (Touvron et al., arXiv 2302.13971), and models that say they are one, such as SmolLM: no biases unless the configuration asks for
/// them.
/// </summary>
internal static class Llama
{
    public static DecoderFamily Family { get; } = new("llama", "Llama")
    {
        Layer = config => DecoderFamily.WithAttentionBias(config) with { FeedForwardBias = config.MlpBias },
    };
}

using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// Gemma 2 (arXiv 2408.00118): every other layer sees a window, scores and logits are capped, blocks are normalized before and behind, by
/// 1 + weight, and embeddings are scaled by the root of the hidden size.
/// </summary>
internal static class Gemma2
{
    public static DecoderFamily Family { get; } = new("gemma2", "Gemma2")
    {
        HeadDim = 256,
        KeyValueHeads = 4,
        PadTokenId = 0,
        ActivationKey = "hidden_activation",
        Activations = ["gelu_pytorch_tanh"],
        IsWindowed = (_, layer) => layer % 2 == 0,
        QueryScalar = 256,
        SoftCaps = (50, 30),
        Layer = Layer,
    };

    internal static DecoderLayer Layer(DecoderConfig config) => DecoderFamily.WithAttentionBias(config) with
    {
        Norms = NormPlacement.Around,
        NormsByOneMore = true,
        GatedByGelu = true,
        EmbeddingScale = MathF.Sqrt(config.HiddenSize),
    };
}

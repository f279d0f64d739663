using Engine.Common.Files;
using Engine.Model.HuggingFace;

namespace Engine.Model.Architectures;

/// <summary>
/// Gemma 3 of texts (arXiv 2503.19786): Gemma 2's layers, of which five in six see a window and turn by a base of their own; heads of
/// queries and keys are normalized in place of the caps.
/// </summary>
internal static class Gemma3
{
    public static DecoderFamily Family { get; } = new("gemma3_text", "Gemma3")
    {
        TextName = "Gemma3Text",
        HeadDim = 256,
        KeyValueHeads = 4,
        PadTokenId = 0,
        ActivationKey = "hidden_activation",
        Activations = ["gelu_pytorch_tanh"],
        RopeTheta = 1e6,
        LocalRotary = true,
        IsWindowed = (root, layer) =>
            (layer + 1) % (Period(root, "sliding_window_pattern") ?? Period(root, "_sliding_window_pattern") ?? 6) != 0,
        QueryScalar = 256,
        SoftCaps = (null, 0),
        Layer = config => Gemma2.Layer(config) with { QueryKeyNorm = QueryKeyNorm.Heads },
    };

    private static int? Period(JsonSection root, string key) => root.Has(key) ? root.Size(key) : null;
}

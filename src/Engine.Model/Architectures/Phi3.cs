namespace Engine.Model.Architectures;

/// <summary>
/// Phi-3 and Phi-4 (arXiv 2404.14219, 2412.08905, 2503.01743): Llama's layers with one projection to queries, keys and values, and one to
/// the feed-forward's gate and values; some turn heads in part.
/// </summary>
internal static class Phi3
{
    public static DecoderFamily Family { get; } = new("phi3", "Phi3")
    {
        PadTokenId = 32000,
        RmsNormEps = 1e-5,
        PartialRotary = true,
        OriginalContext = 4096,
        ResidualDropout = true,
        IsWindowed = (_, _) => true,
        Window = null,
        Layer = _ => new() { Fused = true },
    };
}

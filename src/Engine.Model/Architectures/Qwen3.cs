namespace Engine.Model.Architectures;

/// <summary>
/// Qwen3 (arXiv 2505.09388): every head of queries and keys is normalized, and a head's size is given apart from the hidden size.
/// </summary>
internal static class Qwen3
{
    public static DecoderFamily Family { get; } = new("qwen3", "Qwen3")
    {
        HeadDim = 128,
        KeyValueHeads = 32,
        IsWindowed = Qwen2.IsWindowed,
        WindowSwitch = Qwen2.WindowSwitch,
        Layer = config => DecoderFamily.WithAttentionBias(config) with { QueryKeyNorm = QueryKeyNorm.Heads },
    };
}

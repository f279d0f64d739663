using Engine.Common.Files;

namespace Engine.Model.Architectures;

/// <summary>Qwen2 and Qwen2.5 (arXiv 2407.10671, 2412.15115): queries, keys and values have biases.</summary>
internal static class Qwen2
{
    internal const string WindowSwitch = "use_sliding_window";

    public static DecoderFamily Family { get; } = new("qwen2", "Qwen2")
    {
        KeyValueHeads = 32,
        IsWindowed = IsWindowed,
        WindowSwitch = WindowSwitch,
        Layer = _ => new() { QueryKeyValueBias = true },
    };

    /// <summary>The layers from <c>max_window_layers</c> on, where <c>use_sliding_window</c> switches windows on.</summary>
    internal static bool IsWindowed(JsonSection root, int layer)
    {
        const int DefaultFrom = 28;
        return root.OptionalBool(WindowSwitch) == true && layer >= (root.OptionalInt("max_window_layers") ?? DefaultFrom);
    }
}

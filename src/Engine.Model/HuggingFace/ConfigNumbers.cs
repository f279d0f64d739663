using Engine.Kernels;
using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>Numbers of a configuration, checked for what they are used as.</summary>
internal static class ConfigNumbers
{
    /// <summary>Far above published models, and small enough that products of two sizes fit 64 bits.</summary>
    public const int LargestSize = 1 << 28;

    /// <summary>Layers are listed one by one before a checkpoint is looked at.</summary>
    private const int MostLayers = 1 << 12;

    /// <summary>A number of columns, rows, heads: at least 1.</summary>
    public static int Size(this JsonSection root, string key) => Number(root, key, LargestSize);

    /// <summary>The key that names each layer's attention.</summary>
    public const string LayerTypes = "layer_types";

    /// <summary>Layer by layer, whether it sees a window of tokens, as <c>layer_types</c> says; null where it is not there.</summary>
    public static IReadOnlyList<bool>? LocalLayers(this JsonSection root, int layers)
    {
        IReadOnlyList<string>? types = root.OptionalStrings(LayerTypes);
        return types is null ? null
            : types.Any(type => type is not ("full_attention" or "sliding_attention"))
                ? throw root.Wrong(LayerTypes, "a list of full_attention and sliding_attention")
            : types.Count != layers ? throw root.Wrong(LayerTypes, $"one for each of the {layers} layers")
            : [.. types.Select(type => type == "sliding_attention")];
    }

    /// <summary>A number of layers: at least 1.</summary>
    public static int Layers(this JsonSection root, string key) => Number(root, key, MostLayers);

    /// <summary>A probability of dropping something.</summary>
    public static float Probability(this JsonSection root, string key, double fallback)
    {
        double value = root.OptionalDouble(key) ?? fallback;
        return value is >= 0 and < 1 ? (float)value : throw root.Wrong(key, "a probability from 0 to below 1");
    }

    /// <summary>A number above 0 that float32 holds.</summary>
    public static float Positive(this JsonSection root, string key, double fallback)
    {
        float value = (float)(root.OptionalDouble(key) ?? fallback);
        return value > 0 && float.IsFinite(value) ? value : throw root.Wrong(key, "a number above 0");
    }

    /// <summary>
    /// Sees that attention is built for heads of this size, which <c>head_dim</c> gives or else hidden_size / num_attention_heads.
    /// </summary>
    public static void RequireHeadSize(this JsonSection root, int headSize)
    {
        const string Given = "head_dim";
        if (headSize > Attention.MaxHeadSize)
        {
            throw root.Has(Given)
                ? root.Wrong(Given, $"a number from 1 to {Attention.MaxHeadSize}, the largest head that attention is built for,")
                : root.Wrong(
                    "num_attention_heads",
                    $"a number by which hidden_size {root.Int("hidden_size")} makes heads of at most {Attention.MaxHeadSize} "
                        + $"elements (they have {headSize}), the most that attention is built for,");
        }
    }

    private static int Number(JsonSection root, string key, int largest)
    {
        int number = root.Int(key);
        return number >= 1 && number <= largest ? number : throw root.Wrong(key, $"a number from 1 to {largest}");
    }
}

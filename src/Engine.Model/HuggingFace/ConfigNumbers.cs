using Engine.Model.Files;

namespace Engine.Model.HuggingFace;

/// <summary>Numbers of a configuration, checked for what they are used as.</summary>
internal static class ConfigNumbers
{
    /// <summary>A number of layers, columns, rows: at least 1.</summary>
    public static int Size(this JsonSection root, string key)
    {
        // Far above published models, and small enough that products of two sizes fit 64 bits.
        const int Largest = 1 << 28;
        int size = root.Int(key);
        return size is >= 1 and <= Largest ? size : throw root.Wrong(key, $"a number from 1 to {Largest}");
    }

    /// <summary>A probability of dropping something.</summary>
    public static float Probability(this JsonSection root, string key, double fallback)
    {
        double value = root.OptionalDouble(key) ?? fallback;
        return value is >= 0 and < 1 ? (float)value : throw root.Wrong(key, "a probability from 0 to below 1");
    }

    /// <summary>A number above 0.</summary>
    public static float Positive(this JsonSection root, string key, double fallback)
    {
        double value = root.OptionalDouble(key) ?? fallback;
        return value > 0 ? (float)value : throw root.Wrong(key, "a number above 0");
    }
}

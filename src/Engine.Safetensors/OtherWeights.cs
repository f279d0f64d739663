using System.Text.RegularExpressions;

namespace Engine.Safetensors;

/// <summary>Says of a folder that lacks the weight file it should hold what it holds instead, and how the file is got from that.</summary>
internal static partial class OtherWeights
{
    /// <summary>
    /// Weights in other formats by the endings of their names, with what makes safetensors of them; the first that a folder has is named.
    /// </summary>
    private static readonly (string[] Endings, string What, string Fix)[] Formats =
    [
        ([".bin", ".pt", ".pth", ".ckpt", ".pkl"], "a Python pickle, which may run code when it is read",
            "Load it with {0} and save it again (from_pretrained, then save_pretrained: safetensors is what a current one writes)."),
        ([".gguf", ".ggml"], "llama.cpp's format",
            "Get the model as Transformers saves it, or convert it: from_pretrained with gguf_file in {0}, then save_pretrained."),
        ([".h5"], "TensorFlow's format", "Convert it in {0}: from_pretrained with from_tf=True, then save_pretrained."),
        ([".msgpack"], "Flax's format", "Convert it in {0}: from_pretrained with from_flax=True, then save_pretrained."),
        ([".onnx", ".onnx_data"], "an exported graph", "Get the model as Transformers saves it; {0} does not read it back either."),
        ([".npz"], "an archive of NumPy or MLX arrays",
            "Get the model as Transformers saves it, or convert it with the program that wrote it."),
    ];

    /// <summary>An adapter's weights, as PEFT calls them.</summary>
    private const string AdapterName = "adapter_model.safetensors";

    /// <summary>Files with such endings that hold no weights.</summary>
    private static readonly string[] NoWeights =
        ["training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "rng_state.pth", "scaler.pt"];

    /// <summary>What is missing in a folder without a weight file, and what is there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="fileName">The file's name.</param>
    /// <param name="index">The name of the index that parts of it would have; null where it has no parts.</param>
    /// <param name="library">The Python library that reads and writes such folders.</param>
    public static string Missing(string folder, string fileName, string? index, string library)
    {
        string[] names = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        string expected = index is null ? fileName : $"{fileName}, or parts with {index},";
        return $"the folder holds no weights: {expected} was expected. {Instead(names, fileName, index, library)}";
    }

    private static string Instead(string[] names, string fileName, string? index, string library)
    {
        if (index is not null && names.FirstOrDefault(name => Shard().IsMatch(name)) is { } shard)
        {
            return $"It holds {shard}, a part of a checkpoint, but not the index that says which part holds what; get {index}, "
                + "which lies beside the parts.";
        }

        if (index is not null && names.Contains(AdapterName))
        {
            return $"It holds {AdapterName}, an adapter's weights; name the folder of the model that the adapter was trained on, "
                + "and the adapter beside it.";
        }

        if (names.FirstOrDefault(name => name.EndsWith(".safetensors", StringComparison.Ordinal)) is { } other)
        {
            return other.StartsWith("consolidated", StringComparison.Ordinal)
                ? $"It holds {other}, which names its tensors otherwise than Transformers does; get the {fileName} that goes with it."
                : $"It holds {other}; if these are the weights, rename it to {fileName}.";
        }

        foreach ((string[] endings, string what, string fix) in Formats)
        {
            bool IsOf(string name) =>
                endings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)) && !NoWeights.Contains(name);
            if (names.FirstOrDefault(IsOf) is { } file)
            {
                return $"It holds {file}, {what}. {string.Format(System.Globalization.CultureInfo.InvariantCulture, fix, library)}";
            }
        }

        const int Shown = 8;
        return names.Length == 0
            ? "It holds no files."
            : $"It holds {string.Join(", ", names.Take(Shown))}{(names.Length > Shown ? $" and {names.Length - Shown} more" : string.Empty)}.";
    }

    [GeneratedRegex(@"-\d{5}-of-\d{5}\.safetensors$")]
    private static partial Regex Shard();
}

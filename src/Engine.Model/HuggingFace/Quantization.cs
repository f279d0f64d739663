using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Safetensors;

namespace Engine.Model.HuggingFace;

/// <summary>
/// Recognises quantized weights, whose numbers mean something together with others only (scales, zero points, code books). None are read; a
/// sentence says by what they were recognised.
/// </summary>
internal static class Quantization
{
    /// <summary>
    /// Keys of config.json: Transformers' own, that of older llm-compressor checkpoints, MLX's, and that of NVIDIA's Model Optimizer.
    /// </summary>
    private static readonly string[] ConfigKeys = ["quantization_config", "compression_config", "quantization", "quant_config"];

    /// <summary>What a method's own switches say where it is off.</summary>
    private static readonly string[] Switches = ["load_in_4bit", "load_in_8bit"];

    /// <summary>The last part of the name of a tensor that only quantized layers have, and who writes it.</summary>
    private static readonly Dictionary<string, string> Companions = new(StringComparer.Ordinal)
    {
        ["weight_scale"] = "compressed-tensors, FP8 or BitNet",
        ["weight_scale_inv"] = "FP8 in blocks",
        ["weight_scale_2"] = "Model Optimizer",
        ["weight_scales"] = "EETQ",
        ["weight_packed"] = "compressed-tensors",
        ["weight_zero_point"] = "compressed-tensors",
        ["input_scale"] = "FP8 with scaled inputs",
        ["qweight"] = "GPTQ or AWQ",
        ["qzeros"] = "GPTQ or AWQ",
        ["g_idx"] = "GPTQ",
        ["scales"] = "GPTQ, AWQ or MLX",
        ["absmax"] = "bitsandbytes in 4 bits",
        ["nested_absmax"] = "bitsandbytes in 4 bits",
        ["quant_map"] = "bitsandbytes in 4 bits",
        ["nested_quant_map"] = "bitsandbytes in 4 bits",
        ["bitsandbytes__nf4"] = "bitsandbytes in 4 bits",
        ["bitsandbytes__fp4"] = "bitsandbytes in 4 bits",
        ["SCB"] = "bitsandbytes in 8 bits",
        ["weight_format"] = "bitsandbytes in 8 bits",
        ["W_q"] = "HQQ",
        ["codebooks"] = "AQLM",
        ["_scale"] = "quanto",
    };

    /// <summary>What to do about it.</summary>
    public static string Advice =>
        "Quantized weights are not read; use the model as it was before it was quantized, or save it dequantized (Transformers: "
            + "model.dequantize(), then save_pretrained), "
        + "in float32, float16 or bfloat16.";

    /// <summary>What a configuration says of quantized weights; null where it says nothing, or that they are not.</summary>
    internal static string? Of(JsonSection config)
    {
        string? key = ConfigKeys.FirstOrDefault(key => config.Has(key) && !IsOff(config.Content[key]!));
        return key is null ? null : $"the weights are quantized: '{key}' is {Shown(config.Content[key]!)}";
    }

    /// <summary>
    /// What a checkpoint's tensors tell of quantized weights; null where they are plain numbers. 8-bit floating-point numbers without
    /// scales are plain numbers.
    /// </summary>
    public static string? Of(TensorSource weights)
    {
        foreach (SafetensorsTensor tensor in weights.Tensors)
        {
            string last = tensor.Name[(tensor.Name.LastIndexOf('.') + 1)..];
            if (Companions.TryGetValue(last, out string? writer))
            {
                return $"the weights are quantized: tensor '{tensor.Name}' is what {writer} keeps beside them";
            }

            if (last is "weight" or "_data" && tensor.Shape.Count > 1 && IsPacked(tensor.Type))
            {
                return $"the weights are quantized: tensor '{tensor.Name}' holds {tensor.Type.HeaderName()}, numbers that stand for others";
            }
        }

        return null;
    }

    /// <summary>Whole numbers, and types of less than 8 bits, which are never used without scales.</summary>
    private static bool IsPacked(SafetensorsType type) => !type.IsFloatingPoint() || type.Bits() < 8 || type == SafetensorsType.Float8E8M0;

    /// <summary>Whether a method's section is empty or switches it off.</summary>
    private static bool IsOff(JsonNode section) =>
        section is JsonObject { Count: 0 }
        || (section is JsonObject values && Switches.All(name => values[name]?.GetValueKind() == JsonValueKind.False));

    private static string Shown(JsonNode section)
    {
        const int Longest = 120;
        string text = PythonJson.Shown(section.ToJsonString());
        return text.Length <= Longest ? text : text[..Longest] + "...";
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Peft;

/// <summary>
/// Refuses adapter configurations that ask for arithmetic that is not plain LoRA (or DoRA): they would load and compute something else.
/// </summary>
internal static class UnsupportedOptions
{
    // Options that must be absent, null, false or empty.
    private static readonly string[] MustBeOff =
    [
        "alora_invocation_tokens", "arrow_config", "kasa_config", "layer_replication", "loftq_config", "lora_bias",
        "megatron_config", "monteclora_config", "target_parameters", "use_bdlora", "use_qalora", "velora_config",
    ];

    // A loaded adapter overwrites what these drew. PiSSA and OLoRA also change the base weights: AdapterConfig.InitChangesBaseWeights says
    // so.
    private static readonly string[] KnownInits = ["gaussian", "orthogonal", "eva", "olora", "pissa"];

    /// <param name="kinds">The values of <c>peft_type</c> that are read, PEFT's own first.</param>
    public static void Refuse(JsonSection root, IReadOnlyList<string> kinds)
    {
        string type = root.OptionalString("peft_type") ?? throw root.Missing("peft_type", $"\"{kinds[0]}\"");
        if (!kinds.Contains(type))
        {
            throw root.Wrong("peft_type", $"{kinds[0]}, the only supported kind of PEFT's adapters,");
        }

        foreach (string key in MustBeOff)
        {
            if (!IsOff(root.Content[key]))
            {
                throw root.Wrong(key, "null, false or empty (this option of PEFT is not supported)");
            }
        }

        if (root.OptionalString("bias") is not (null or "none"))
        {
            throw root.Wrong("bias", "none (training the biases of adapted modules is not supported)");
        }

        JsonNode? init = root.Content["init_lora_weights"];
        if (init is not null && init.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False))
        {
            string? name = root.OptionalString("init_lora_weights");
            if (!KnownInits.Contains(name) && name?.StartsWith("pissa_niter_", StringComparison.Ordinal) != true)
            {
                throw root.Wrong("init_lora_weights", $"true, false, {string.Join(", ", KnownInits)} or pissa_niter_N");
            }
        }
    }

    /// <summary>Whether a value is what an option has that is not used.</summary>
    public static bool IsOff(JsonNode? node) => node switch
    {
        null => true,
        JsonObject section => section.Count == 0,
        JsonArray array => array.Count == 0,
        _ => node.GetValueKind() == JsonValueKind.False,
    };
}

using System.Text.Json.Nodes;

namespace Engine.Model.Peft;

/// <summary>
/// What PEFT 0.21 takes where nothing is said: the keys it writes into a LoRA adapter's <c>adapter_config.json</c> with their values, and
/// each family's target modules.
/// </summary>
internal static class PeftDefaults
{
    // Values as PEFT 0.21.2 wrote them for a default LoraConfig in inference mode.
    private const string Json = """
        {
          "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null, "base_model_name_or_path": null,
          "bias": "none", "corda_config": null, "ensure_weight_tying": false, "eva_config": null, "exclude_modules": null,
          "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "kasa_config": null, "layer_replication": null,
          "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0,
          "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
          "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 8, "rank_pattern": {},
          "revision": null, "target_modules": null, "target_parameters": null, "task_type": null, "trainable_token_indices": null,
          "use_bdlora": null, "use_dora": false, "use_qalora": false, "use_rslora": false, "velora_config": null
        }
        """;

    /// <summary>All keys.</summary>
    public static IReadOnlySet<string> Keys { get; } = Create().Select(pair => pair.Key).ToHashSet(StringComparer.Ordinal);

    /// <summary>A fresh object with all keys.</summary>
    public static JsonObject Create() => (JsonObject)JsonNode.Parse(Json)!;

    /// <summary>
    /// The modules that are adapted in a model family where nothing else is said, those of PEFT 0.21, DistilBERT's and MPNet's; null for
    /// other families, which PEFT has none for.
    /// </summary>
    public static string[]? TargetModules(string modelType) => modelType switch
    {
        "bert" or "roberta" or "xlm-roberta" => ["query", "value"],
        "distilbert" => ["q_lin", "v_lin"],
        "mpnet" => ["q", "v"],
        "llama" or "qwen2" or "qwen3" or "mistral" or "gemma2" or "gemma3_text" => ["q_proj", "v_proj"],
        "gpt2" => ["c_attn"],
        _ => null,
    };

    /// <summary>
    /// The output layer of a family's head that finds answers, where it is not the one that PEFT trains with such adapters
    /// (<c>qa_outputs</c>): what a new adapter names in <c>modules_to_save</c>.
    /// </summary>
    public static string[] AnswerHeads(string modelType) => modelType == "modernbert" ? ["classifier"] : [];

    /// <summary>Whether a family's linear layers hold their weights [in, out] (<c>fan_in_fan_out</c>).</summary>
    public static bool FanInFanOut(string modelType) => modelType == "gpt2";

    /// <summary>A number that keeps its decimal point, as Python writes a float: 0.0, not 0.</summary>
    public static JsonNode Float(double value)
    {
        string text = value.ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        return JsonNode.Parse(text.AsSpan().ContainsAny(".E") ? text : text + ".0")!;
    }
}

using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;

namespace Engine.Bench;

/// <summary>Configurations of well-known sizes, for models of random weights or of none.</summary>
internal static class ModelShapes
{
    public static Architecture RobertaBase { get; } = ArchitectureCatalog.Create(ModelConfig.Parse("""
        {
          "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 12,
          "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "vocab_size": 50265, "type_vocab_size": 1,
          "pad_token_id": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1
        }
        """), HeadKind.MaskedLm);

    public static Architecture Qwen25Half { get; } = new CausalDecoder(DecoderConfig.From(ModelConfig.Parse("""
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
          "num_key_value_heads": 2, "intermediate_size": 4864, "max_position_embeddings": 32768, "vocab_size": 151936, "rms_norm_eps": 1e-06,
          "rope_theta": 1000000.0, "hidden_act": "silu", "tie_word_embeddings": true
        }
        """)));

    /// <summary>LoRA of rank 8 on the projections of queries and values.</summary>
    public static AdapterConfig Adapter(Architecture architecture) => new()
    {
        Rank = 8,
        LoraAlpha = 16,
        TargetModules = architecture is DecoderArchitecture ? ModulePattern.Of("q_proj", "v_proj") : ModulePattern.Of("query", "value"),
    };
}

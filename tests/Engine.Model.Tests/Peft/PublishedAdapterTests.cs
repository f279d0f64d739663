using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Tests;

namespace Engine.Model.Tests.Peft;

/// <summary>Adapters that others have published, against models of their true size; nothing is allocated.</summary>
public sealed class PublishedAdapterTests
{
    private const string Qwen25 = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
          "intermediate_size": 4864, "max_position_embeddings": 32768, "vocab_size": 151936, "tie_word_embeddings": true, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
          "hidden_act": "silu", "torch_dtype": "bfloat16", "use_sliding_window": false
        }
        """;

    private const string CodeBert = """
        {
          "architectures": ["RobertaForSequenceClassification"], "model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
          "intermediate_size": 3072, "max_position_embeddings": 514, "vocab_size": 50265, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-05
        }
        """;

    [SharedFact]
    public void Qwen_25_adapter_fits_by_name_and_shape()
    {
        var architecture = new CausalDecoder(DecoderConfig.From(ModelConfig.Parse(Qwen25)));
        using AdapterFile file = AdapterFile.Read(SharedFiles.Path("data/adapters/qwen2.5-0.5b-lora"));
        AdapterBinding binding = ModelAdapters.Bind(architecture, file);
        Assert.Equal(48, binding.Modules.Count);
        Assert.Empty(binding.Missing);
        Assert.Empty(binding.Unused);
        Assert.Equal("model.layers.0.self_attn.q_proj", binding.Modules[0].Module);
    }

    [SharedFact]
    public void Codebert_adapter_of_other_names_is_an_error_that_says_how_they_differ()
    {
        var architecture = ArchitectureCatalog.Create(ModelConfig.Parse(CodeBert), HeadKind.SequenceClassification);
        using AdapterFile file = AdapterFile.Read(SharedFiles.Path("data/adapters/codebert-lora-seqcls"));
        string message = Assert.Throws<ModelFileException>(() => ModelAdapters.Bind(architecture, file)).Message;
        Assert.Contains("encoder.encoder.layer.0.attention.self.key", message, StringComparison.Ordinal);
        Assert.Contains("roberta.encoder.layer.0.attention.self.query", message, StringComparison.Ordinal);
        Assert.Contains("allow missing tensors", message, StringComparison.Ordinal);
    }

    [SharedFact]
    public void Codebert_adapter_may_be_taken_without_the_head_that_its_file_lacks()
    {
        var architecture = ArchitectureCatalog.Create(ModelConfig.Parse(CodeBert), HeadKind.SequenceClassification);
        using AdapterFile file = AdapterFile.Read(SharedFiles.Path("data/adapters/codebert-lora-seqcls"));
        AdapterBinding binding = ModelAdapters.Bind(architecture, file, allowMissing: true);
        Assert.Equal(36, binding.Modules.Count);
        Assert.Equal("roberta.encoder.layer.0.attention.self.query", binding.Modules[0].Module);
        Assert.Equal(("encoder.", "roberta."), binding.RenamedPrefix);
        Assert.Equal(4, binding.Missing.Count);
        Assert.All(binding.Missing, key => Assert.Contains("classifier.", key, StringComparison.Ordinal));
        Assert.Empty(binding.Unused);
        IReadOnlyList<string> notes = ModelLoading.Notes(binding);
        Assert.Contains("'encoder.'", notes[0], StringComparison.Ordinal);
        Assert.Contains("classifier.dense.weight", notes[1], StringComparison.Ordinal);
    }
}

using System.Text.Json.Nodes;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Safetensors;

namespace Engine.Tests.HuggingFace;

/// <summary>
/// Checkpoints of other programs whose numbers mean something only beside others: named by what they hold, and never used as they stand.
/// </summary>
public sealed class QuantizationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("quantization_config", """{"quant_method":"fp8"}""")]
    [InlineData("quantization_config", """{"quant_method":"bitsandbytes","load_in_4bit":true,"load_in_8bit":false}""")]
    [InlineData("compression_config", """{"format":"float-quantized"}""")]
    [InlineData("quantization", """{"group_size":64,"bits":4}""")]
    public void A_configuration_that_says_so_is_refused_by_its_key(string key, string value)
    {
        ModelFileException exception =
            Assert.Throws<ModelFileException>(() => ArchitectureCatalog.Create(Config(key, value), HeadKind.CausalLm));

        Assert.Contains(
            $"config.json: the weights are quantized: '{key}' is {value}. Quantized weights are not read; use the model as it was before",
            exception.Message);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"load_in_4bit":false,"load_in_8bit":false}""")]
    public void A_configuration_that_says_they_are_not_is_taken(string value)
    {
        Assert.Equal("LlamaForCausalLM", ArchitectureCatalog.Create(Config("quantization_config", value), HeadKind.CausalLm).Name);
    }

    /// <summary>
    /// Names and types as the writers' own loaders look for them (Transformers' quantizers, compressed-tensors, bitsandbytes' QuantState,
    /// MLX's QuantizedLinear).
    /// </summary>
    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight_scale", SafetensorsType.Float32, "compressed-tensors")]
    [InlineData("model.layers.0.mlp.up_proj.weight_scale_inv", SafetensorsType.Float32, "FP8")]
    [InlineData("model.layers.0.mlp.up_proj.weight_packed", SafetensorsType.Int32, "compressed-tensors")]
    [InlineData("model.layers.0.mlp.up_proj.qweight", SafetensorsType.Int32, "GPTQ or AWQ")]
    [InlineData("model.layers.0.mlp.up_proj.qzeros", SafetensorsType.Int32, "GPTQ or AWQ")]
    [InlineData("model.layers.0.mlp.up_proj.scales", SafetensorsType.Float16, "MLX")]
    [InlineData("model.layers.0.mlp.up_proj.weight.absmax", SafetensorsType.Float32, "bitsandbytes")]
    [InlineData("model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4", SafetensorsType.UInt8, "bitsandbytes")]
    [InlineData("model.layers.0.mlp.up_proj.SCB", SafetensorsType.Float32, "bitsandbytes in 8 bits")]
    [InlineData("model.layers.0.mlp.up_proj.W_q", SafetensorsType.UInt8, "HQQ")]
    [InlineData("model.layers.0.mlp.up_proj.weight", SafetensorsType.UInt32, "holds U32")]
    [InlineData("model.layers.0.mlp.up_proj.weight", SafetensorsType.UInt8, "holds U8")]
    [InlineData("model.layers.0.mlp.up_proj.weight", SafetensorsType.Int8, "holds I8")]
    [InlineData("model.layers.0.mlp.up_proj.weight", SafetensorsType.Float4, "holds F4")]
    public void Tensors_that_only_quantized_layers_have_are_refused_by_name(string tensor, SafetensorsType type, string writer)
    {
        Write(tensor, type);
        ModelFolder model = ModelFolder.Open(folder.Root);

        foreach (Action use in new Action[] { () => model.OpenWeights(), model.RequireWeights, () => model.StorageOf(WeightType.Auto) })
        {
            string message = Assert.Throws<ModelFileException>(use).Message;
            Assert.StartsWith($"{folder.Root}: the weights are quantized: tensor '{tensor}'", message);
            Assert.Contains(writer, message);
        }

        using Checkpoint shown = Checkpoint.Open(folder.Root);
        Assert.NotNull(Quantization.Of(shown));
    }

    /// <summary>
    /// Weights cast to 8-bit floating point without scales are those numbers; whole numbers that are no matrix of weights (positions of
    /// BERT) mean nothing odd.
    /// </summary>
    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight", SafetensorsType.Float8E4M3)]
    [InlineData("embeddings.position_ids", SafetensorsType.Int64)]
    [InlineData("model.layers.0.self_attn.rotary_emb.inv_freq", SafetensorsType.Float32)]
    public void Plain_numbers_are_taken(string tensor, SafetensorsType type)
    {
        Write(tensor, type);

        ModelFolder.Open(folder.Root).RequireWeights();
    }

    [SharedFact]
    public void Published_checkpoints_in_4_bits_are_refused_and_can_be_listed()
    {
        string mlx = SharedFiles.Path("data/models/tiny_qwen3_sharded"),
            bitsAndBytes = SharedFiles.Path("goldens/later/quantised/model-nf4");

        Assert.Contains("'model.layers.", Assert.Throws<ModelFileException>(() => ModelFolder.Open(bitsAndBytes).OpenWeights()).Message);
        Assert.Contains(
            "the weights are quantized: tensor '", Assert.Throws<ModelFileException>(() => ModelFolder.Open(mlx).OpenWeights()).Message);
        using Checkpoint listed = Checkpoint.Open(mlx);
        Assert.Equal(SafetensorsType.UInt32, listed["lm_head.weight"].Type);
    }

    private static ModelConfig Config(string key, string value) => ModelConfig.Parse($$"""
        {
          "model_type": "llama", "vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8,
          "max_position_embeddings": 8, "{{key}}": {{JsonNode.Parse(value)?.ToJsonString() ?? "null"}}
        }
        """);

    /// <summary>A checkpoint of one 2 x 8 tensor, its header written here because no writer of this program makes such types.</summary>
    private void Write(string tensor, SafetensorsType type)
    {
        File.WriteAllText(folder.File("config.json"), """{"model_type": "llama"}""");
        int bytes = 2 * 8 * type.Bits() / 8;
        byte[] header = System.Text.Encoding.UTF8.GetBytes(
            $$"""{"{{tensor}}":{"dtype":"{{type.HeaderName()}}","shape":[2,8],"data_offsets":[0,{{bytes}}]} }""");
        File.WriteAllBytes(
            folder.File("model.safetensors"), [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[bytes]]);
    }
}

using System.Text.Json.Nodes;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Tests;

namespace Engine.Model.Tests.HuggingFace;

public sealed class DecoderConfigTests
{
    private const string Minimal = """
        {"model_type":"llama","vocab_size":32,"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,"intermediate_size":24,"max_position_embeddings":64}
        """;

    [Fact]
    public void Published_configurations_of_both_generations_are_read()
    {
        DecoderConfig qwen2 = Read("goldens/models/qwen2"), qwen3 = Read("goldens/models/qwen3"), llama = Read("goldens/models/llama");
        Assert.Equal(
            (DecoderFamily.Qwen2, 16, 2, true, null),
            (qwen2.Family, qwen2.HeadDim, qwen2.NumKeyValueHeads, qwen2.TieWordEmbeddings, qwen2.PadTokenId));
        Assert.Equal((DecoderFamily.Qwen3, 32, 1, false), (qwen3.Family, qwen3.HeadDim, qwen3.NumKeyValueHeads, qwen3.TieWordEmbeddings));
        Assert.Equal((DecoderFamily.Llama, 1e-5f, 512), (llama.Family, llama.RmsNormEps, llama.MaxPositionEmbeddings));

        DecoderConfig Read(string path) => DecoderConfig.From(ModelConfig.Read(SharedFiles.Path(path)));
    }

    [Fact]
    public void What_is_not_said_is_as_in_Transformers()
    {
        DecoderConfig config = DecoderConfig.From(ModelConfig.Parse(Minimal));
        Assert.Equal(
            (4, 4, 1e-6f, 0f, 0.02f),
            (config.HeadDim, config.NumKeyValueHeads, config.RmsNormEps, config.AttentionDropout, config.InitializerRange));
        Assert.Equal((false, false, false, null), (config.AttentionBias, config.MlpBias, config.TieWordEmbeddings, config.PadTokenId));
        Assert.Equal([1, (double)(float)0.01], config.RotaryFrequencies);
        DecoderConfig qwen3 =
            DecoderConfig.From(
                ModelConfig.Parse(With("model_type", "\"qwen3\"").Replace("\"num_attention_heads\":4", "\"num_attention_heads\":64")
                    .Replace("\"hidden_size\":16", "\"hidden_size\":64")));
        Assert.Equal((128, 32), (qwen3.HeadDim, qwen3.NumKeyValueHeads));
        Assert.Null(DecoderConfig.From(ModelConfig.Parse(With("pad_token_id", "-1"))).PadTokenId);
    }

    /// <summary>
    /// Llama 3.1's own numbers: wavelengths up to 2048 are kept, those above 8192 stretched by 8, and between them the share of the kept
    /// grows with the periods in the context.
    /// </summary>
    [Fact]
    public void Llama3_scaling_keeps_short_wavelengths_and_stretches_long_ones()
    {
        const int HeadSize = 128;
        var rope = new RopeParameters("llama3", 500_000, new Dictionary<string, double>
        {
            ["factor"] = 8,
            ["low_freq_factor"] = 1,
            ["high_freq_factor"] = 4,
            ["original_max_position_embeddings"] = 8192,
        });
        IReadOnlyList<double> plain = (rope with { Type = "default" }).Frequencies(HeadSize, "test"),
            scaled = rope.Frequencies(HeadSize, "test");
        int between = 0;
        for (int j = 0; j < HeadSize / 2; j++)
        {
            double wavelength = 2 * Math.PI / plain[j];
            double smooth = ((8192 / wavelength) - 1) / 3;
            double expected = wavelength < 2048
                ? plain[j]
                : wavelength > 8192 ? plain[j] / 8 : ((1 - smooth) * plain[j] / 8) + (smooth * plain[j]);
            Assert.Equal(1, scaled[j] / expected, 2e-7);
            between += wavelength is > 2048 and < 8192 ? 1 : 0;
        }

        Assert.NotEqual(0, between);
        IReadOnlyList<double> linear =
            new RopeParameters("linear", 500_000, new Dictionary<string, double> { ["factor"] = 4 }).Frequencies(HeadSize, "test");
        Assert.All(plain.Zip(linear), pair => Assert.Equal(pair.First / 4, pair.Second));
    }

    [Theory]
    [InlineData("hidden_act", "\"gelu\"", "'hidden_act' is \"gelu\"; silu was expected")]
    [InlineData("num_key_value_heads", "3", "a divisor of num_attention_heads 4 was expected")]
    [InlineData("num_attention_heads", "5", "a divisor of hidden_size 16 was expected")]
    [InlineData("head_dim", "5", "an even number was expected")]
    [InlineData("pad_token_id", "32", "a token below vocab_size 32, or null was expected")]
    [InlineData(
        "architectures", "[\"LlamaForQuestionAnswering\"]", "supported are LlamaForCausalLM, LlamaForSequenceClassification, LlamaModel")]
    [InlineData(
        "rope_scaling", """{"rope_type":"yarn","factor":4}""",
        "rotary embeddings of the type yarn are not built; built are default, linear and llama3")]
    [InlineData("rope_scaling", """{"rope_type":"dynamic","factor":4}""", "type dynamic are not built")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8}""", "need the number 'low_freq_factor'")]
    [InlineData("rope_scaling", """{"rope_type":"longrope"}""", "the type longrope are not built; built are default, linear and llama3")]
    [InlineData(
        "rope_scaling", """{"rope_type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4}""",
        "the same as rope_parameters")]
    [InlineData(
        "rope_parameters", """{"rope_type":"default","rope_theta":1e4,"partial_rotary_factor":0.5}""", "partial_rotary_factor is 0.5")]
    [InlineData("partial_rotary_factor", "0.5", "'partial_rotary_factor' is 0.5")]
    [InlineData("rope_theta", "0", "'rope_theta' is 0")]
    [InlineData("rope_theta", "1e-300", "turn by angles beyond float32")]
    [InlineData("rms_norm_eps", "1e-60", "'rms_norm_eps' is 1e-60; a number above 0 was expected")]
    [InlineData("layer_types", """["full_attention","sliding_attention"],"sliding_window":32""", "sliding windows are not built")]
    [InlineData("use_sliding_window", "true,\"sliding_window\":32,\"max_window_layers\":1", "sliding windows are not built")]
    [InlineData("layer_types", """["full_attention","linear_attention"]""", "a list of full_attention and sliding_attention was expected")]
    [InlineData("num_hidden_layers", "268435456", "'num_hidden_layers' is 268435456; a number from 1 to 4096 was expected")]
    [InlineData("num_attention_heads", "0", "a number from 1 to")]
    [InlineData("num_attention_heads", "2097152,\"head_dim\":256", "a number whose product with the head size 256 is at most")]
    [InlineData("head_dim", "258", "'head_dim' is 258; a number from 1 to 256, the largest head that attention is built for, was expected")]
    [InlineData(
        "hidden_size", "2048",
        "'num_attention_heads' is 4; a number by which hidden_size 2048 makes heads of at most 256 elements (they have 512)")]
    public void What_is_not_built_is_refused_by_name(string key, string value, string message) =>
        Assert.Contains(message, Assert.Throws<ModelFileException>(() => DecoderConfig.From(ModelConfig.Parse(With(key, value)))).Message);

    [Theory]
    [InlineData("use_sliding_window", "true,\"sliding_window\":64,\"max_window_layers\":1")]
    [InlineData("use_sliding_window", "true,\"sliding_window\":32,\"max_window_layers\":2")]
    [InlineData("use_sliding_window", "false,\"sliding_window\":32,\"max_window_layers\":0")]
    [InlineData("layer_types", """["full_attention","full_attention"],"sliding_window":32""")]
    public void A_sliding_window_that_no_text_reaches_beyond_is_read(string key, string value) =>
        Assert.Equal(64, DecoderConfig.From(ModelConfig.Parse(With(key, value))).MaxPositionEmbeddings);

    /// <summary>As in Transformers: without the key there is its default of 4096 tokens, with null there is no window.</summary>
    [Fact]
    public void A_sliding_window_of_null_is_none()
    {
        string longTexts = With("use_sliding_window", "true,\"max_window_layers\":0")
            .Replace("\"max_position_embeddings\":64", "\"max_position_embeddings\":8192", StringComparison.Ordinal);

        Assert.Contains(
            "the last 4096 tokens only", Assert.Throws<ModelFileException>(() => DecoderConfig.From(ModelConfig.Parse(longTexts))).Message);
        string without = longTexts.Replace(
            "\"max_window_layers\":0", "\"max_window_layers\":0,\"sliding_window\":null", StringComparison.Ordinal);
        Assert.Equal(8192, DecoderConfig.From(ModelConfig.Parse(without)).MaxPositionEmbeddings);
    }

    [Fact]
    public void Every_family_has_a_causal_model_and_a_classifier()
    {
        using var folder = new TemporaryFolder();
        foreach ((string type, string name) in ((string, string)[])[("llama", "Llama"), ("qwen2", "Qwen2"), ("qwen3", "Qwen3")])
        {
            File.WriteAllText(folder.File("config.json"), With("model_type", $"\"{type}\",\"num_key_value_heads\":null"));
            ModelFolder model = ModelFolder.Open(folder.Root);
            Assert.Equal($"{name}ForCausalLM", model.CreateArchitecture().Name);
            Assert.Equal($"{name}ForSequenceClassification", model.CreateArchitecture(HeadKind.SequenceClassification).Name);
            Assert.Equal(HeadKind.Regression, model.CreateArchitecture(HeadKind.Regression).Head);
            Assert.Contains(
                "not built for masked language modelling; models of type bert, roberta are",
                Assert.Throws<ModelFileException>(() => model.CreateArchitecture(HeadKind.MaskedLm)).Message);
        }
    }

    [Fact]
    public void Biases_are_where_the_configuration_puts_them()
    {
        Assert.Empty(Biases("llama", string.Empty));
        Assert.Equal(["q_proj", "k_proj", "v_proj"], Biases("qwen2", string.Empty));
        Assert.Equal(["q_proj", "k_proj", "v_proj", "o_proj"], Biases("qwen3", ",\"attention_bias\":true"));
        Assert.Equal(
            ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            Biases("llama", ",\"attention_bias\":true,\"mlp_bias\":true"));

        static IEnumerable<string> Biases(string type, string more)
        {
            using var folder = new TemporaryFolder();
            File.WriteAllText(folder.File("config.json"), With("model_type", $"\"{type}\",\"num_key_value_heads\":null{more}"));
            return ModelFolder.Open(folder.Root).CreateArchitecture().Parameters.Select(spec => spec.Name)
                .Where(name => name.StartsWith("model.layers.1.", StringComparison.Ordinal)
                    && name.EndsWith(".bias", StringComparison.Ordinal))
                .Select(name => name.Split('.')[^2]).ToArray();
        }
    }

    private static string With(string key, string value)
    {
        JsonObject root = JsonNode.Parse(Minimal)!.AsObject();
        root.Remove(key);
        string text = root.ToJsonString();
        return $"{text[..^1]},\"{key}\":{value}}}";
    }
}

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
            (Qwen2.Family, 16, 2, true, null),
            (qwen2.Family, qwen2.HeadDim, qwen2.NumKeyValueHeads, qwen2.TieWordEmbeddings, qwen2.PadTokenId));
        Assert.Equal((Qwen3.Family, 32, 1, false), (qwen3.Family, qwen3.HeadDim, qwen3.NumKeyValueHeads, qwen3.TieWordEmbeddings));
        Assert.Equal((Llama.Family, 1e-5f, 512), (llama.Family, llama.RmsNormEps, llama.MaxPositionEmbeddings));

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
        Assert.Equal([1, (double)(float)0.01], Assert.Single(config.Rotaries).Frequencies);
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
        IReadOnlyList<double> plain = (rope with { Type = "default" }).Rotary(HeadSize, "test").Frequencies,
            scaled = rope.Rotary(HeadSize, "test").Frequencies;
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
            new RopeParameters("linear", 500_000, new Dictionary<string, double> { ["factor"] = 4 }).Rotary(HeadSize, "test").Frequencies;
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
        "rope_scaling", """{"rope_type":"proportional","factor":4}""",
        "rotary embeddings of the type proportional are not built; built are default, linear, dynamic, llama3, yarn and longrope")]
    [InlineData("rope_scaling", """{"rope_type":"yarn"}""", "need the number 'original_max_position_embeddings'")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8}""", "need the number 'low_freq_factor'")]
    [InlineData("rope_scaling", """{"rope_type":"longrope"}""", "longrope need the list 'short_factor' of 2 numbers above 0")]
    [InlineData("rope_scaling", """{"rope_type":"longrope","short_factor":[1,2,3]}""", "'short_factor' of 2 numbers")]
    [InlineData(
        "rope_parameters", """{"full_attention":{"rope_theta":1e4},"sliding_attention":{"rope_theta":1e3}}""",
        "parameters per layer type are not supported in this family")]
    [InlineData("use_bidirectional_attention", "true", "'use_bidirectional_attention' is true; false")]
    [InlineData(
        "rope_scaling", """{"rope_type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4}""",
        "the same as rope_parameters")]
    [InlineData(
        "rope_parameters", """{"rope_type":"default","rope_theta":1e4,"partial_rotary_factor":0.5}""", "partial_rotary_factor is 0.5")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; in a model of type llama whole heads are turned")]
    [InlineData("rope_theta", "0", "'rope_theta' is 0")]
    [InlineData("rope_theta", "1e-300", "turn by angles beyond float32")]
    [InlineData("rms_norm_eps", "1e-60", "'rms_norm_eps' is 1e-60; a number above 0 was expected")]
    [InlineData("layer_types", """["full_attention","sliding_attention"]""", "in a model of type llama tokens see all before them")]
    [InlineData("layer_types", """["full_attention"]""", "one for each of the 2 layers was expected")]
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

    /// <summary>Windows layer by layer; one that no text reaches beyond is none, and so is null.</summary>
    [Theory]
    [InlineData("qwen2", """ "use_sliding_window":true,"sliding_window":32,"max_window_layers":1 """, 0, 32)]
    [InlineData("qwen2", """ "use_sliding_window":true,"sliding_window":32,"max_window_layers":0 """, 32, 32)]
    [InlineData("qwen3", """ "use_sliding_window":true,"sliding_window":64,"max_window_layers":0 """, 0, 0)]
    [InlineData("qwen2", """ "use_sliding_window":false,"sliding_window":32,"max_window_layers":0 """, 0, 0)]
    [InlineData("qwen2", """ "use_sliding_window":true,"sliding_window":null,"max_window_layers":0 """, 0, 0)]
    [InlineData(
        "qwen2", """ "use_sliding_window":true,"sliding_window":32,"layer_types":["sliding_attention","full_attention"] """, 32, 0)]
    [InlineData("mistral", """ "sliding_window":7 """, 7, 7)]
    [InlineData("mistral", """ "sliding_window":null """, 0, 0)]
    [InlineData("phi3", """ "sliding_window":7,"pad_token_id":0 """, 7, 7)]
    [InlineData("phi3", """ "pad_token_id":0 """, 0, 0)]
    [InlineData("gemma2", """ "sliding_window":9 """, 9, 0)]
    [InlineData("gemma3_text", """ "sliding_window":9 """, 9, 9)]
    [InlineData("gemma3_text", """ "sliding_window":9,"sliding_window_pattern":2 """, 9, 0)]
    public void Layers_have_the_windows_of_their_family(string family, string more, int first, int second)
    {
        DecoderConfig config = DecoderConfig.From(
            ModelConfig.Parse(With("model_type", $"\"{family}\",\"num_key_value_heads\":2,\"head_dim\":4,{more}")));
        Assert.Equal([first, second], config.LocalLayers.Select(local => local ? config.Window : 0));
    }

    /// <summary>Transformers has no window then, and finds that out when it makes the layers' masks.</summary>
    [Theory]
    [InlineData("qwen2", "")]
    [InlineData("qwen3", ""","use_sliding_window":false""")]
    public void Layers_with_a_window_need_the_key_that_switches_windows_on(string family, string more)
    {
        string text = With(
            "model_type",
            $"\"{family}\",\"num_key_value_heads\":2,\"sliding_window\":32,"
                + $"\"layer_types\":[\"full_attention\",\"sliding_attention\"]{more}");
        Assert.Contains(
            "'layer_types' is [\"full_attention\",\"sliding_attention\"]; full_attention, or use_sliding_window: true",
            Assert.Throws<ModelFileException>(() => DecoderConfig.From(ModelConfig.Parse(text))).Message);
    }

    /// <summary>As in Transformers: without the key there is its default of 4096 tokens.</summary>
    [Theory]
    [InlineData("mistral")]
    [InlineData("gemma2")]
    [InlineData("gemma3_text")]
    public void A_window_that_is_not_said_is_of_4096_tokens(string family)
    {
        string longTexts = With("model_type", $"\"{family}\",\"num_key_value_heads\":2")
            .Replace("\"max_position_embeddings\":64", "\"max_position_embeddings\":8192", StringComparison.Ordinal);
        DecoderConfig config = DecoderConfig.From(ModelConfig.Parse(longTexts));
        Assert.Equal((4096, true), (config.Window, config.LocalLayers[0]));
    }

    [Fact]
    public void Gemma_caps_scores_and_logits_unless_told_otherwise()
    {
        DecoderConfig two = Read("gemma2", "");
        DecoderConfig uncapped = Read("gemma2", ",\"attn_logit_softcapping\":null,\"final_logit_softcapping\":20"),
            three = Read("gemma3_text", ",\"rope_local_base_freq\":500,\"rope_theta\":2000");
        Assert.Equal((50f, 30f, 256, 1f / 16), (two.ScoreCap, two.LogitCap, two.HeadDim, two.ScoreScale));
        Assert.Equal((0f, 20f, true), (uncapped.ScoreCap, uncapped.LogitCap, uncapped.TieWordEmbeddings));
        Assert.Equal((0f, 0f), (three.ScoreCap, three.LogitCap));
        Assert.Equal(Math.Pow(2000, -2.0 / 256), three.Rotaries[0].Frequencies[1], 1e-7);
        Assert.Equal(Math.Pow(500, -2.0 / 256), three.Rotaries[1].Frequencies[1], 1e-7);

        static DecoderConfig Read(string family, string more) =>
            DecoderConfig.From(ModelConfig.Parse(With("model_type", $"\"{family}\",\"num_key_value_heads\":2{more}")));
    }

    /// <summary>
    /// Qwen2.5's own numbers for four times its context: pairs that turn more than 32 times in it are kept, those that turn less than once
    /// stretched by 4 (arXiv 2309.00071, section 3.2), and what is turned is scaled by 0.1 ln 4 + 1 (section 3.4).
    /// </summary>
    [Fact]
    public void Yarn_keeps_pairs_that_turn_often_and_stretches_those_that_do_not()
    {
        const int HeadSize = 128;
        RopeParameters rope = new("yarn", 1e6, new Dictionary<string, double>
        {
            ["factor"] = 4,
            ["original_max_position_embeddings"] = 32768,
        });
        RotarySet plain = (rope with { Type = "default" }).Rotary(HeadSize, "test"), scaled = rope.Rotary(HeadSize, "test");
        Assert.Equal(1, plain.Scale);
        Assert.Equal(1 + (0.1 * Math.Log(4)), scaled.Scale, 1e-7);
        double Turns(int pair) => 32768 * plain.Frequencies[pair] / (2 * Math.PI);
        double last = -1;
        for (int pair = 0; pair < HeadSize / 2; pair++)
        {
            double share = ((plain.Frequencies[pair] / scaled.Frequencies[pair]) - 1) / 3;
            Assert.InRange(share, -1e-6, 1 + 1e-6);
            Assert.True(share >= last - 1e-6, $"pair {pair}");
            if (pair > 0 && Turns(pair - 1) > 32 && Turns(pair) > 32)
            {
                Assert.Equal(0, share, 1e-6);
            }
            else if (pair > 0 && Turns(pair - 1) < 1)
            {
                Assert.Equal(1, share, 1e-6);
            }

            last = share;
        }
    }

    /// <summary>The ramp goes from pair 23 to pair 40: Transformers 5's formula in double precision.</summary>
    [Theory]
    [InlineData(24, 5.375321e-3)]
    [InlineData(30, 1.0643610e-3)]
    [InlineData(31, 8.029597e-4)]
    [InlineData(39, 6.490394e-5)]
    [InlineData(40, 4.445699e-5)]
    public void Yarns_frequencies_are_those_of_Transformers(int pair, double expected)
    {
        RopeParameters rope = new("yarn", 1e6, new Dictionary<string, double>
        {
            ["factor"] = 4,
            ["original_max_position_embeddings"] = 32768,
        });
        Assert.Equal(1, rope.Rotary(128, "test").Frequencies[pair] / expected, 1e-6);
    }

    /// <summary>
    /// Within the original context a pair's frequency is divided by its short factor, and what is turned is scaled by the root of
    /// 1 + ln(128 / 4) / ln 4096; longer texts, which the long factors serve, are not read.
    /// </summary>
    [Fact]
    public void Longrope_takes_the_short_factors_within_the_original_context()
    {
        string text = With("model_type", "\"phi3\",\"pad_token_id\":0").Replace(
            "\"max_position_embeddings\":64", "\"max_position_embeddings\":131072,\"original_max_position_embeddings\":4096",
            StringComparison.Ordinal);
        text = text[..^1] + ",\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1.5,2],\"long_factor\":[3,4]}}";
        DecoderConfig config = DecoderConfig.From(ModelConfig.Parse(text));
        RotarySet set = Assert.Single(config.Rotaries);
        Assert.Equal(1 / 1.5, set.Frequencies[0], 1e-7);
        Assert.Equal(0.01 / 2, set.Frequencies[1], 1e-9);
        Assert.Equal(Math.Sqrt(1 + (Math.Log(32) / Math.Log(4096))), set.Scale, 1e-6);
        Assert.Equal(4096, config.MaxPositionEmbeddings);
    }

    /// <summary>A factor that is given comes before the ratio of the lengths, and the root's length before the section's.</summary>
    [Theory]
    [InlineData("", ",\"factor\":16", 16, 4096)]
    [InlineData(",\"original_max_position_embeddings\":2048", ",\"original_max_position_embeddings\":4096", 64, 2048)]
    [InlineData("", "", 32, 4096)]
    public void Longropes_scale_is_of_the_factor_or_the_lengths(string root, string section, double factor, int context)
    {
        string text = With("model_type", "\"phi3\",\"pad_token_id\":0").Replace(
            "\"max_position_embeddings\":64", $"\"max_position_embeddings\":131072{root}", StringComparison.Ordinal);
        text = $"{text[..^1]},\"rope_scaling\":{{\"type\":\"longrope\",\"short_factor\":[1,1],\"long_factor\":[3,4]{section}}}}}";
        DecoderConfig config = DecoderConfig.From(ModelConfig.Parse(text));
        Assert.Equal(Math.Sqrt(1 + (Math.Log(factor) / Math.Log(context))), config.Rotaries[0].Scale, 1e-6);
        Assert.Equal(context, config.MaxPositionEmbeddings);
    }

    /// <summary>Gemma 3's bases are 1e6, and 1e4 where layers see a window, whatever stands beside the missing key.</summary>
    [Theory]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":8}", 1e6, 8)]
    [InlineData("\"rope_theta\":5e5,\"rope_parameters\":{\"full_attention\":{\"factor\":2,\"rope_type\":\"linear\"}}", 5e5, 2)]
    [InlineData("\"rope_parameters\":{\"sliding_attention\":{\"rope_type\":\"default\"}}", 1e6, 1)]
    public void A_base_that_is_not_given_is_the_familys(string ropes, double theta, double factor)
    {
        DecoderConfig config = DecoderConfig.From(
            ModelConfig.Parse(With("model_type", $"\"gemma3_text\",\"num_key_value_heads\":2,{ropes}")));
        Assert.Equal(Math.Pow(theta, -0.5) / factor, config.Rotaries[0].Frequencies[64], 1e-9);
        Assert.Equal(Math.Pow(1e4, -0.5), config.Rotaries[1].Frequencies[64], 1e-8);
    }

    /// <summary>Only Phi-3 drops what blocks give, and Gemma 3 caps no scores, whatever the file says.</summary>
    [Fact]
    public void Keys_of_other_families_change_nothing()
    {
        Assert.Equal(0, DecoderConfig.From(ModelConfig.Parse(With("resid_pdrop", "0.1"))).ResidualDropout);
        DecoderConfig gemma = DecoderConfig.From(ModelConfig.Parse(With(
            "model_type", "\"gemma3_text\",\"num_key_value_heads\":2,\"attn_logit_softcapping\":50,\"final_logit_softcapping\":20")));
        Assert.Equal((0f, 20f), (gemma.ScoreCap, gemma.LogitCap));
    }

    /// <summary>Dynamic scaling begins beyond max_position_embeddings, where no text is read.</summary>
    [Fact]
    public void Dynamic_scaling_changes_nothing_within_the_context()
    {
        DecoderConfig plain = DecoderConfig.From(ModelConfig.Parse(Minimal)),
            dynamic = DecoderConfig.From(ModelConfig.Parse(With("rope_scaling", """{"rope_type":"dynamic","factor":4}""")));
        Assert.Equal(plain.Rotaries[0].Frequencies, dynamic.Rotaries[0].Frequencies);
        Assert.Equal(64, dynamic.MaxPositionEmbeddings);
    }

    [Fact]
    public void A_part_of_a_head_is_turned_where_the_family_has_that()
    {
        string text = With("model_type", "\"phi3\",\"pad_token_id\":0,\"head_dim\":8,\"partial_rotary_factor\":0.75");
        Assert.Equal(3, DecoderConfig.From(ModelConfig.Parse(text)).Rotaries[0].Frequencies.Count);
        string odd = text.Replace("0.75", "0.4", StringComparison.Ordinal);
        Assert.Contains(
            "a share of them that are pairs was expected",
            Assert.Throws<ModelFileException>(() => DecoderConfig.From(ModelConfig.Parse(odd))).Message);
    }

    [Fact]
    public void Every_family_has_a_causal_model_and_a_classifier()
    {
        using var folder = new TemporaryFolder();
        foreach (DecoderFamily family in DecoderFamilies.All)
        {
            File.WriteAllText(
                folder.File("config.json"),
                With("model_type", $"\"{family.ModelType}\",\"num_key_value_heads\":null,\"pad_token_id\":0"));
            ModelFolder model = ModelFolder.Open(folder.Root);
            Assert.Equal($"{family.Name}ForCausalLM", model.CreateArchitecture().Name);
            Assert.Equal($"{family.TextName}ForSequenceClassification", model.CreateArchitecture(HeadKind.SequenceClassification).Name);
            Assert.Equal(HeadKind.Regression, model.CreateArchitecture(HeadKind.Regression).Head);
            Assert.Contains(
                "not built for masked language modelling; models of type bert, roberta, xlm-roberta, distilbert, mpnet, modernbert are",
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

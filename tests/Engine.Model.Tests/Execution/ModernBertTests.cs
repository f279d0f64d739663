using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// Every head of ModernBERT with random weights against <see cref="ModernBertReference"/> in double precision, which needs no goldens:
/// logits, loss, and the slope of the loss along a random direction of each parameter.
/// </summary>
public sealed class ModernBertTests
{
    private const string Biases = """ "norm_bias":true,"attention_bias":true,"mlp_bias":true,"classifier_bias":true """;

    private static readonly Dictionary<string, (string Class, string Settings)> Heads = new(StringComparer.Ordinal)
    {
        ["classes, mean"] = ("SequenceClassification", $"{Biases},\"classifier_pooling\":\"mean\""),
        ["classes, first token"] = ("SequenceClassification", """ "norm_bias":false """),
        ["tokens"] = ("TokenClassification", Biases),
        ["answers"] = ("QuestionAnswering", """ "classifier_bias":true """),
        ["choice"] = ("MultipleChoice", """ "classifier_pooling":"mean" """),
        ["masked tokens"] = ("MaskedLM", Biases),
        ["masked tokens, untied"] = ("MaskedLM", """ "tie_word_embeddings":false,"decoder_bias":false """),
    };

    /// <summary>A token of the long ones sees two on each side in three of five layers.</summary>
    private static readonly int[][] Texts = [[5, 9, 1, 30, 2, 17, 17, 4, 36, 11, 8, 3, 20], [7], [12, 6, 33, 2, 19, 25, 1], [4, 4, 31, 2]];

    public static TheoryData<string, string> OnDevices => TestDevices.QuickWith<string>([.. Heads.Keys]);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Logits_and_slopes_agree_with_double_precision(string deviceName, string head)
    {
        JsonObject config = Config(Heads[head].Class, Heads[head].Settings);
        RandomEncoder.Check(deviceName, $"ModernBertFor{Heads[head].Class}", config, Texts, (parameters, kind, text) =>
        {
            var reference = new ModernBertReference(config, parameters);
            double[][] hidden = reference.Hidden(text);
            return reference.Head(
                kind is HeadKind.SequenceClassification or HeadKind.MultipleChoice ? [reference.Pooled(hidden)] : hidden);
        });
    }

    /// <summary>As Transformers draws them: heads wide, what ends in a residual sum narrow, nothing beyond two deviations.</summary>
    [Fact]
    public void New_parameters_are_drawn_as_transformers_draws_them()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), Config("SequenceClassification", """ "norm_bias":false """).ToJsonString());
        Architecture architecture = ModelFolder.Open(folder.Root).CreateArchitecture();
        Dictionary<string, ParameterSpec> specs = architecture.Parameters.ToDictionary(spec => spec.Name);
        Assert.All(
            [("model.layers.1.attn.Wqkv", 1), ("model.layers.1.mlp.Wo", 1 / Math.Sqrt(10)), ("head.dense", 1 / Math.Sqrt(10)),
                ("classifier", 1 / (Math.Sqrt(24) * 0.3))],
            ((string Module, double Share) expected) => Assert.Equal(expected.Share, specs[$"{expected.Module}.weight"].Deviation, 1e-6));
        using var model = new TransformerModel(architecture, new Tuning.Full());
        using Engine.Devices.Device device = TestDevices.Open("cpu");
        model.Allocate(device);
        Loading.ModelWeights.InitializeAll(model, seed: 5);
        float[] drawn = model.Parameter("model.embeddings.tok_embeddings.weight").View<float>().ToArray();

        // Of 888 normals 40 lie beyond two deviations; those within them have 0.88 of the deviation, to 1/sqrt(2 * 888) at one sigma.
        Assert.All(drawn, value => Assert.InRange(Math.Abs(value), 0, 0.6));
        Assert.InRange(Math.Sqrt(drawn.Average(value => (double)value * value)) / 0.3, 0.88 * 0.9, 0.88 * 1.1);
    }

    /// <summary>The keys of the first checkpoints and those that Transformers 5 writes.</summary>
    [Fact]
    public void Both_generations_of_configurations_say_the_same()
    {
        ModernBertConfig Read(string settings) =>
            ModernBertConfig.From(ModelConfig.Parse(Config("MaskedLM", settings).ToJsonString()));
        ModernBertConfig old = Read(""" "local_attention":128 """), current = Read("""
            "local_attention":128,"global_rope_theta":null,"local_rope_theta":null,"global_attn_every_n_layers":null,
            "layer_types":["full_attention","sliding_attention","sliding_attention","full_attention","sliding_attention"],
            "rope_parameters":{"full_attention":{"rope_type":"default","rope_theta":1000.0},
                "sliding_attention":{"rope_type":"default","rope_theta":50.0}}
            """);
        Assert.Equal(old.LocalLayers, current.LocalLayers);
        Assert.Equal(old.Rotaries.SelectMany(set => set.Frequencies), current.Rotaries.SelectMany(set => set.Frequencies));

        // 64 on each side, and the token itself.
        Assert.Equal((65, 65), (old.Window, current.Window));
        ModernBertConfig silent = Read(""" "global_rope_theta":null,"local_rope_theta":null """);

        // Of three pairs the second turns by theta^(-1/3), rounded to float32.
        Assert.Equal(Math.Pow(160000, -1.0 / 3), silent.Rotaries[0].Frequencies[1], 1e-7);
        Assert.Equal(Math.Pow(10000, -1.0 / 3), silent.Rotaries[1].Frequencies[1], 1e-7);
    }

    [Theory]
    [InlineData(""" "classifier_pooling":"last" """, "'classifier_pooling' is \"last\"; cls or mean was expected")]
    [InlineData(""" "hidden_activation":"relu" """, "'hidden_activation' is \"relu\"; gelu, gelu_python")]
    [InlineData(""" "num_attention_heads":5 """, "a divisor of hidden_size 24")]
    [InlineData(""" "rope_theta":500.0 """, "'rope_theta' is 500.0; nothing (ModernBERT has rope_parameters")]
    [InlineData(""" "rope_parameters":{"rope_theta":500.0} """, "an object with full_attention and sliding_attention was expected")]
    [InlineData(""" "pad_token_id":37 """, "a token below vocab_size 37, or null was expected")]
    [InlineData(""" "layer_types":["full_attention"] """, "one for each of the 5 layers was expected")]
    [InlineData(""" "initializer_cutoff_factor":0.01 """, "a number of at least 0.1 was expected")]
    public void What_is_not_built_is_refused_by_its_key(string settings, string expected) => Assert.Contains(
        expected,
        Assert.Throws<ModelFileException>(
            () => ModernBertConfig.From(ModelConfig.Parse(Config("MaskedLM", settings).ToJsonString()))).Message);

    [SharedFact]
    public void A_run_that_computes_padding_is_refused_where_there_is_some()
    {
        using var golden = new GoldenBatch("modernbert-cls");
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(golden.Folder, "expected.safetensors"));
        Assert.Contains(
            "attention_mask has padding, which this run would compute, and what ModernBertForSequenceClassification makes of it",
            Assert.Throws<DataFileException>(() => PaddedBatch.Read(file, golden.Architecture, keepsPadding: true)).Message);
    }

    private static JsonObject Config(string name, string settings)
    {
        JsonObject config = JsonNode.Parse($$"""
            {
              "model_type":"modernbert","architectures":["ModernBertFor{{name}}"],"vocab_size":37,"hidden_size":24,"num_attention_heads":4,
              "num_hidden_layers":5,"intermediate_size":20,"max_position_embeddings":64,"norm_eps":1e-5,"global_attn_every_n_layers":3,
              "local_attention":5,"global_rope_theta":1000.0,"local_rope_theta":50.0,"pad_token_id":0,"initializer_range":0.3,
              "classifier_pooling":"cls","id2label":{"0":"a","1":"b","2":"c"}
            }
            """)!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse($"{{{settings}}}")!.AsObject())
        {
            config[key] = value?.DeepClone();
        }

        return config;
    }
}

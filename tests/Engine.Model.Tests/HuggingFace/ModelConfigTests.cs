using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Kernels;
using Engine.Model.HuggingFace;

namespace Engine.Tests.HuggingFace;

public sealed class ModelConfigTests : IDisposable
{
    private const string RobertaConfig = """
        {
          "architectures": ["RobertaForSequenceClassification"], "model_type": "roberta", "vocab_size": 300, "hidden_size": 64,
          "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 112, "max_position_embeddings": 66, "type_vocab_size": 1
        }
        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_golden_encoders_are_read_as_Transformers_wrote_them()
    {
        EncoderConfig roberta = EncoderConfig.From(ModelConfig.Read(SharedFiles.Path("goldens/models/roberta-cls")));
        EncoderConfig bert = EncoderConfig.From(ModelConfig.Read(SharedFiles.Path("goldens/models/bert-cls")));
        EncoderConfig miniLm = EncoderConfig.From(ModelConfig.Read(SharedFiles.Path("goldens/tokenizers/all-MiniLM-L6-v2")));
        ModelConfig regression = ModelConfig.Read(SharedFiles.Path("goldens/models/roberta-regression"));

        Assert.Equal("RobertaForSequenceClassification", roberta.Architecture);
        Assert.Equal(
            (Roberta.Family, 300, 64, 3, 4, 112, 66, 1, 1, 16, 64),
            (roberta.Family, roberta.VocabSize, roberta.HiddenSize, roberta.NumHiddenLayers, roberta.NumAttentionHeads,
                roberta.IntermediateSize,
                roberta.MaxPositionEmbeddings, roberta.TypeVocabSize, roberta.PadTokenId, roberta.HeadSize, roberta.MaxTokens));
        Assert.Equal(
            (1e-5f, 0f, 0f, 0f, 0.02f),
            (roberta.LayerNormEps, roberta.HiddenDropoutProb, roberta.AttentionProbsDropoutProb, roberta.ClassifierDropout,
                roberta.InitializerRange));
        Assert.Equal(
            (2, true, ElementType.Float32), (roberta.Model.Labels.Count, roberta.Model.Labels.IsUnnamed, roberta.Model.StorageType));
        Assert.True(roberta.Model.TieWordEmbeddings);
        Assert.Equal(
            (Bert.Family, 3, 2, 0, 40), (bert.Family, bert.Model.Labels.Count, bert.TypeVocabSize, bert.PadTokenId, bert.MaxTokens));
        Assert.Equal(
            ("BertModel", 0.1f, 0.1f, 1e-12f),
            (miniLm.Architecture, miniLm.HiddenDropoutProb, miniLm.ClassifierDropout, miniLm.LayerNormEps));
        Assert.Null(miniLm.Model.StorageType);
        Assert.Equal(["LABEL_0"], regression.Labels.Names);
    }

    [Fact]
    public void Rotary_parameters_are_read_in_the_keys_of_both_Transformers_versions()
    {
        RopeParameters version4 = ModelConfig.Read(SharedFiles.Path("goldens/models/qwen2")).Rope!;
        RopeParameters version5 = ModelConfig.Read(SharedFiles.Path("goldens/models/llama")).Rope!;

        Assert.Equal(("default", 1000000.0), (version4.Type, version4.Theta));
        Assert.Equal(("llama3", 500000.0), (version5.Type, version5.Theta));
        Assert.Equal(
            (8.0, 1.0, 4.0, 64.0),
            (version5.Options["factor"], version5.Options["low_freq_factor"], version5.Options["high_freq_factor"],
                version5.Options["original_max_position_embeddings"]));
        Assert.Null(ModelConfig.Read(SharedFiles.Path("goldens/models/roberta-cls")).Rope);
        Assert.Equal(ElementType.BFloat16, ModelConfig.Read(SharedFiles.Path("goldens/models/qwen2-bfloat16")).StorageType);
    }

    [Fact]
    public void Rope_scaling_of_Transformers_4_may_call_its_type_either_way()
    {
        RopeParameters rope =
            ModelConfig.Parse("""{"model_type":"llama","rope_theta":5e5,"rope_scaling":{"type":"linear","factor":2}}""").Rope!;

        Assert.Equal(("linear", 5e5, 2.0), (rope.Type, rope.Theta, rope.Options["factor"]));
        Assert.Equal(5e5, ModelConfig.Parse("""
            {"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":2,"rope_theta":5e5},"rope_scaling":{"rope_type":"linear","factor":2}}
            """).Rope!.Theta);
        Assert.Contains("rope_scaling", Refused("""
            {"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":2,"rope_theta":5e5},"rope_scaling":{"rope_type":"linear","factor":2,"rope_theta":1e4}}
            """));
    }

    [Theory]
    [InlineData("goldens/models/roberta-cls")]
    [InlineData("goldens/models/bert-cls")]
    [InlineData("goldens/models/llama")]
    public void An_unchanged_configuration_is_written_back_as_it_was(string model)
    {
        ModelConfig.Read(SharedFiles.Path(model)).Write(folder.Root);

        Assert.Equal(
            File.ReadAllText(SharedFiles.Path($"{model}/config.json")).Trim(), File.ReadAllText(folder.File("config.json")).Trim());
    }

    [Fact]
    public void Changed_labels_are_written_and_other_keys_kept()
    {
        ModelConfig original =
            ModelConfig.Parse(RobertaConfig.Replace("\"vocab_size\"", "\"my_key\": [1e-05], \"num_labels\": 3, \"vocab_size\""));

        original.WithLabels(new LabelSet("bad", "good")).WithProblemType(ProblemType.SingleLabelClassification)
            .WithArchitecture("RobertaForMaskedLM").Write(folder.Root);
        ModelConfig written = ModelConfig.Read(folder.Root);

        Assert.Equal(["bad", "good"], written.Labels.Names);
        Assert.False(written.Labels.IsUnnamed);
        Assert.Equal(ProblemType.SingleLabelClassification, written.ProblemType);
        Assert.Equal(["RobertaForMaskedLM"], written.Architectures);
        Assert.Contains("1e-05", File.ReadAllText(folder.File("config.json")));
        Assert.Equal(3, original.Labels.Count);
    }

    [Theory]
    [InlineData("gelu", nameof(ActivationKind.GeluErf))]
    [InlineData("gelu_python", nameof(ActivationKind.GeluErf))]
    [InlineData("gelu_new", nameof(ActivationKind.GeluTanh))]
    [InlineData("gelu_pytorch_tanh", nameof(ActivationKind.GeluTanh))]
    [InlineData("relu", nameof(ActivationKind.Relu))]
    public void Activations_are_known_by_the_names_of_Transformers(string name, string expected)
    {
        EncoderConfig config = EncoderConfig.From(ModelConfig.Parse(With("hidden_act", $"\"{name}\"")));

        Assert.Equal(Enum.Parse<ActivationKind>(expected), config.Activation);
    }

    [Fact]
    public void A_masked_language_model_with_an_output_layer_of_its_own_is_refused_by_the_key()
    {
        EncoderConfig config = EncoderConfig.From(ModelConfig.Parse(With("tie_word_embeddings", "false")));

        Assert.Contains(
            "'tie_word_embeddings' is false; true", Assert.Throws<ModelFileException>(() => new EncoderVocabularyHead(config)).Message);
    }

    [Theory]
    [InlineData("hidden_act", "\"swish\"", "'hidden_act' is \"swish\"; gelu, gelu_python, gelu_new")]
    [InlineData("position_embedding_type", "\"relative_key\"", "absolute was expected")]
    [InlineData("is_decoder", "true", "'is_decoder' is true")]
    [InlineData("model_type", "\"albert\"", "'model_type' is \"albert\"; bert, roberta, xlm-roberta, distilbert")]
    [InlineData("sinusoidal_pos_embds", "true", "'sinusoidal_pos_embds' is true; false (learned positions)")]
    [InlineData(
        "architectures", "[\"RobertaForCausalLM\"]",
        "RobertaForCausalLM is not supported; supported are RobertaModel, RobertaForSequenceClassification, RobertaForTokenClassification, "
            + "RobertaForQuestionAnswering, RobertaForMultipleChoice, RobertaForMaskedLM")]
    [InlineData("architectures", "\"RobertaModel\"", "a list of strings was expected")]
    [InlineData("hidden_size", "null", "the key 'hidden_size' is missing")]
    [InlineData("hidden_size", "64.5", "a whole number of 32 bits was expected")]
    [InlineData("hidden_size", "\"64\"", "a whole number of 32 bits was expected")]
    [InlineData("hidden_size", "-64", "a number from 1 to")]
    [InlineData("hidden_size", "99999999999", "a whole number of 32 bits was expected")]
    [InlineData("num_attention_heads", "5", "a divisor of hidden_size 64")]
    [InlineData("pad_token_id", "300", "a token below vocab_size 300")]
    [InlineData("max_position_embeddings", "2", "more than pad_token_id + 1")]
    [InlineData("hidden_dropout_prob", "1.0", "a probability from 0 to below 1")]
    [InlineData("layer_norm_eps", "0", "a number above 0")]
    [InlineData("torch_dtype", "\"int4\"", "float32, float16, bfloat16 or float64 was expected")]
    [InlineData("problem_type", "\"ranking\"", "regression, single_label_classification")]
    [InlineData("num_labels", "0", "a number from 1 to")]
    [InlineData("id2label", "{\"0\":\"a\",\"b\":\"b\"}", "id2label has the key 'b'; the numbers of classes")]
    [InlineData("id2label", "[\"a\",\"b\"]", "'id2label' is [\"a\",\"b\"]; an object was expected")]
    [InlineData("id2label", "{\"0\":[\"a\"]}", "'id2label.0' is [\"a\"]; a label: a text or a number")]
    [InlineData("label2id", "[0, 1]", "'label2id' is [0,1]; an object was expected")]
    public void A_value_that_cannot_be_used_is_refused_by_its_key(string key, string value, string expected)
    {
        string message = Refused(With(key, value));

        Assert.Contains(expected, message);
        Assert.StartsWith("config.json: ", message);
        Assert.DoesNotContain("Parameter", message);
    }

    [Theory]
    [InlineData("hidden_size")]
    [InlineData("vocab_size")]
    [InlineData("num_hidden_layers")]
    [InlineData("max_position_embeddings")]
    [InlineData("model_type")]
    public void A_missing_size_is_named(string key)
    {
        Assert.Contains($"the key '{key}' is missing", Refused(With(key, null)));
    }

    [Theory]
    [InlineData("", "not the JSON expected")]
    [InlineData("[]", "a JSON object was expected")]
    [InlineData("{\"model_type\":\"bert\",\"model_type\":\"bert\"}", "uplicate property 'model_type'")]
    [InlineData("{\"a\":nan}", "not the JSON expected")]
    public void A_file_that_is_no_configuration_is_refused(string json, string expected)
    {
        Assert.Contains(expected, Refused(json));
    }

    [Fact]
    public void Deeply_nested_JSON_is_refused()
    {
        Assert.Contains("depth", Refused($"{{\"a\":{new string('[', 100_000)}{new string(']', 100_000)}}}"));
    }

    private static string Refused(string json) =>
        Assert.Throws<ModelFileException>(() => EncoderConfig.From(ModelConfig.Parse(json))).Message;

    private static string With(string key, string? value)
    {
        var root = System.Text.Json.Nodes.JsonNode.Parse(RobertaConfig)!.AsObject();
        root.Remove(key);
        if (value is not null)
        {
            root[key] = System.Text.Json.Nodes.JsonNode.Parse(value);
        }

        return root.ToJsonString();
    }
}

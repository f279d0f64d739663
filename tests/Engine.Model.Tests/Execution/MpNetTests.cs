using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// Every head of MPNet with random weights against <see cref="MpNetReference"/> in double precision, which needs no goldens.
/// </summary>
public sealed class MpNetTests
{
    /// <summary>Distances of the longest one reach the twelfth bucket; no text has the padding token 1.</summary>
    private static readonly int[][] Texts =
    [
        [5, 9, 0, 30, 2, 17, 17, 4, 36, 11, 8, 3, 20, 21, 6, 6, 33, 2, 19, 25, 28, 12, 3, 10, 31], [7], [12, 6, 33, 2, 19, 25, 0],
        [4, 4, 31, 2],
    ];

    /// <summary>Every head on the cpu; where kernels are compiled, one.</summary>
    public static TheoryData<string, string> OnDevices
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (object[] row in TestDevices.QuickWith<string>(
                ["SequenceClassification", "TokenClassification", "QuestionAnswering", "MultipleChoice", "MaskedLM"]))
            {
                if (row[0] is "cpu" || row[1] is "SequenceClassification")
                {
                    rows.Add((string)row[0], (string)row[1]);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Logits_and_slopes_agree_with_double_precision(string deviceName, string head)
    {
        JsonObject config = Config(head);
        RandomEncoder.Check(
            deviceName, $"MPNetFor{head}", config, Texts,
            (parameters, kind, text) => new MpNetReference(config, parameters).Logits(kind, text));
    }

    /// <summary>What stands behind a text changes nothing in it, whether one row of it is taken or all are.</summary>
    [Theory]
    [InlineData("SequenceClassification")]
    [InlineData("MaskedLM")]
    public void Rows_that_keep_their_padding_have_the_same_logits(string head)
    {
        using var folder = new TemporaryFolder();
        JsonObject config = Config(head);
        Architecture architecture = RandomEncoder.Write(folder, config, out Dictionary<string, double[]> parameters);
        int longest = Texts.Max(text => text.Length);
        int[] mask = [.. Texts.SelectMany(text => Enumerable.Range(0, longest).Select(i => i < text.Length ? 1 : 0))];
        int[] ids = [.. Texts.SelectMany(text => Enumerable.Range(0, longest).Select(i => i < text.Length ? text[i] : 1))];
        RaggedBatch batch = PaddedLayout.FromMask("test", mask, Texts.Length, longest).WithPadding(ids);
        bool everyToken = head == "MaskedLM";
        using var loaded = new LoadedModel(
            folder.Root, null, train: false, BatchShape.Of(architecture, batch, everyToken));
        float[] actual = loaded.Run(batch, new RunnerOptions { EveryToken = everyToken, VocabularyLogits = true }).Logits;
        var reference = new MpNetReference(config, parameters);
        int width = architecture.OutputSize;
        foreach ((int row, int[] text) in Texts.Index())
        {
            double[] expected = [.. reference.Logits(architecture.Head, text).SelectMany(logits => logits)];
            Numbers.Near(expected, actual.AsSpan(row * (everyToken ? longest : 1) * width, expected.Length).ToArray(), 5e-5, 5e-5);
        }
    }

    [Fact]
    public void Sentence_vectors_are_pooled_from_the_body()
    {
        Architecture architecture = ArchitectureCatalog.CreateEmbedding(
            ModelConfig.Parse(Config("MaskedLM").ToJsonString()), new SentenceTraining(TextPooling.Mean));
        Assert.Equal("MPNetModel", architecture.Name);
        Assert.Equal("mpnet.encoder.relative_attention_bias.weight", architecture.Parameters[^1].Name);
    }

    [Theory]
    [InlineData("pad_token_id", 0, "1, the padding token of every MPNet was expected")]
    [InlineData("relative_attention_num_buckets", 16, "32 or more, a row for each bucket of distances was expected")]
    [InlineData("num_attention_heads", 5, "a divisor of hidden_size 24")]
    public void What_is_not_built_is_refused_by_its_key(string key, int value, string expected)
    {
        JsonObject config = Config("MaskedLM");
        config[key] = value;
        ModelConfig model = ModelConfig.Parse(config.ToJsonString());
        Assert.Contains(expected, Assert.Throws<ModelFileException>(() => EncoderConfig.From(model)).Message);
    }

    /// <summary>As in Transformers, which names them in this order.</summary>
    [Fact]
    public void Parameters_are_named_as_the_checkpoint_names_them()
    {
        using var folder = new TemporaryFolder();
        Architecture architecture = RandomEncoder.Write(folder, Config("SequenceClassification"), out _);
        string[] names = [.. architecture.Parameters.Select(spec => spec.Name)];
        Assert.Equal(
            ["mpnet.embeddings.word_embeddings.weight", "mpnet.embeddings.position_embeddings.weight", "mpnet.embeddings.LayerNorm.weight"],
            names[..3]);
        Assert.Equal(
            ["attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm", "intermediate.dense",
                "output.dense", "output.LayerNorm"],
            names.Where(name => name.StartsWith("mpnet.encoder.layer.1.") && name.EndsWith(".weight"))
                .Select(name => name["mpnet.encoder.layer.1.".Length..^".weight".Length]));
        Assert.Equal("mpnet.encoder.relative_attention_bias.weight", names[^5]);
        Assert.Equal(new Engine.Graph.Shape(34, 4), architecture.Parameters.Single(spec => spec.Name == names[^5]).Shape);
    }

    private static JsonObject Config(string head) => JsonNode.Parse($$"""
        {
          "model_type":"mpnet","architectures":["MPNetFor{{head}}"],"vocab_size":37,"hidden_size":24,"num_attention_heads":4,
          "num_hidden_layers":2,"intermediate_size":20,"max_position_embeddings":34,"layer_norm_eps":1e-5,"pad_token_id":1,
          "relative_attention_num_buckets":34,"initializer_range":0.3,"id2label":{"0":"a","1":"b","2":"c"}
        }
        """)!.AsObject();
}

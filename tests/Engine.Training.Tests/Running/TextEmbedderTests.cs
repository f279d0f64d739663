using Engine.Common.Files;
using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Safetensors;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>
/// Sentence vectors against sentence-transformers' rule (the mean of Transformers' last hidden states), on real and on small models.
/// </summary>
public sealed class TextEmbedderTests : IDisposable
{
    private const string MiniLm = "data/models/all-MiniLM-L6-v2";

    /// <summary>
    /// Relative in norm: both sides of the real sentences are float32 through six layers of sums of up to 1536 terms, and each errs by 1e-6
    /// (shared/goldens).
    /// </summary>
    private const double Tolerance = 4e-6;

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Devices => TestDevices.QuickNames;

    public void Dispose() => folder.Dispose();

    [SharedTheory]
    [MemberData(nameof(Devices))]
    public void Vectors_of_real_sentences_are_the_means_of_transformers_hidden_states(string name)
    {
        using Device device = TestDevices.Open(name);
        using TextEmbedder embedder = TextEmbedder.Open(device, new TrainedModel(SharedFiles.Path(MiniLm), null, null));
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));

        // The goldens' single sentences; the others are pairs.
        IReadOnlyList<float[]> vectors = embedder.Embed(["The sailors rode the breeze clear of the rocks.", "No."]);

        Assert.Equal(384, embedder.Dimensions);
        Assert.StartsWith($"{SharedFiles.Path(MiniLm)} has no modules.json", Assert.Single(embedder.Notes));
        Near(Mean(golden["hidden.6.0"]), vectors[0]);
        Near(Mean(golden["hidden.6.3"]), vectors[1]);
    }

    [Theory]
    [InlineData("mnrl", "anchor")]
    [InlineData("mnrl", "positive")]
    [InlineData("cosine-mse", "a")]
    [InlineData("cosine-mse", "b")]
    public void Vectors_of_padded_batches_equal_PyTorchs(string file, string side)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path($"goldens/objectives/encoder/{file}.safetensors"));
        SafetensorsTensor ids = golden[$"{side}.input_ids"];
        int rows = (int)ids.Shape[0], length = (int)ids.Shape[1];
        int[] lengths = [.. golden[$"{side}.attention_mask"].ToInt32().Chunk(length).Select(mask => mask.Sum())];
        var set = new EncodedSet([.. ids.ToInt32().Chunk(length).Select((row, i) => (row[..lengths[i]], (int[]?)null))]);
        ModelFolder model = ModelFolder.Open(SharedFiles.Path("goldens/models/bert-cls"));
        Architecture architecture = model.CreateEmbedding(TextPooling.Mean);
        using Device device = DeviceCatalog.Open("cpu");
        using EvaluationModel evaluation = EvaluationModel.Load(device, model, architecture, null, seed: null, WeightType.Auto);

        float[] vectors = evaluation.Predict(new Evaluator(architecture, set, rows, null, file));

        Near(golden[$"{side}.embeddings"].ToFloat64(), vectors);
    }

    [SharedFact]
    public void Folder_of_sentence_transformers_says_how_vectors_are_made()
    {
        foreach (string file in Directory.EnumerateFiles(SharedFiles.Path(MiniLm)))
        {
            File.CreateSymbolicLink(folder.File(Path.GetFileName(file)), file);
        }

        Directory.CreateDirectory(folder.File("1_Pooling"));
        folder.Write(
            "1_Pooling/config.json",
            """{"word_embedding_dimension": 384, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}""");
        folder.Write("sentence_bert_config.json", """{"max_seq_length": 256, "do_lower_case": false}""");
        folder.Write("modules.json", """
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
             {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
             {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
            """);
        using Device device = DeviceCatalog.Open("cpu");
        using TextEmbedder embedder = TextEmbedder.Open(device, new TrainedModel(folder.Root, null, null));
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));
        double[] first = golden["hidden.6.3"].ToFloat64()[..384];
        double length = Math.Sqrt(first.Sum(value => value * value));

        float[] vector = embedder.Embed(["No."])[0];

        Assert.Empty(embedder.Notes);
        Assert.Equal(256, embedder.MaxLength);
        Near([.. first.Select(value => value / length)], vector);
    }

    [Theory]
    [InlineData(
        """[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]""",
        "a step sentence_transformers.models.Dense, which is not built")]
    [InlineData("""{"type": "x"}""", "a list of steps was expected")]
    [InlineData("[{\"path\": \"\"}]", "the key 'type' is missing")]
    [InlineData("[", "not the JSON expected here")]
    public void Steps_that_are_not_built_are_named(string modules, string problem)
    {
        folder.Write("modules.json", modules);

        Assert.Contains(problem, Assert.Throws<ModelFileException>(() => SentenceSettings.Read(folder.Root)).Message);
    }

    [Theory]
    [InlineData("""{"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false}""", "pooling_mode_max_tokens is not built")]
    [InlineData("""{"pooling_mode_max_tokens": true}""", "several pooling modes are true")]
    [InlineData("""{"pooling_mode_mean_tokens": false}""", "no pooling mode is true")]
    public void Poolings_that_are_not_built_are_named(string pooling, string problem)
    {
        folder.Write("modules.json", """[{"type": "sentence_transformers.models.Pooling", "path": ""}]""");
        folder.Write("config.json", pooling);

        Assert.Contains(problem, Assert.Throws<ModelFileException>(() => SentenceSettings.Read(folder.Root)).Message);
    }

    private static double[] Mean(SafetensorsTensor hidden)
    {
        int tokens = (int)hidden.Shape[0], columns = (int)hidden.Shape[1];
        double[] values = hidden.ToFloat64();
        return [.. Enumerable.Range(0, columns)
            .Select(column => Enumerable.Range(0, tokens).Average(token => values[(token * columns) + column]))];
    }

    private static void Near(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Sum());
        double norm = Math.Sqrt(expected.Sum(value => value * value));
        Assert.True(difference <= Tolerance * norm, $"off by {difference / norm:E2} in norm");
    }
}

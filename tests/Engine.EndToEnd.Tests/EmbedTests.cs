using System.Text.Json.Nodes;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine embed</c> on the real MiniLM.</summary>
public sealed class EmbedTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SharedFact]
    public void Vectors_of_lines_and_of_a_file_are_the_means_of_transformers_hidden_states()
    {
        string model = SharedFiles.Path("data/models/all-MiniLM-L6-v2");
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));
        double[] hidden = golden["hidden.6.3"].ToFloat64();
        double[] expected = [.. Enumerable.Range(0, 384)
            .Select(column => Enumerable.Range(0, hidden.Length / 384).Average(token => hidden[(token * 384) + column]))];

        string[] lines = EngineProcess.RunWithInput("No.\nThe sailors rode the breeze clear of the rocks.\n", "embed", model)
            .Succeeded().OutputLines;
        string file = folder.File("vectors.safetensors");
        EngineProcess.Run("embed", model, "--file", folder.Write("texts.txt", "No.\n"), "--output", file).Succeeded();

        Assert.Equal(2, lines.Length);
        JsonNode first = JsonNode.Parse(lines[0])!;
        Assert.Equal("No.", first["text"]!.GetValue<string>());
        Near(expected, [.. first["embedding"]!.AsArray().Select(number => number!.GetValue<float>())]);
        using SafetensorsFile written = SafetensorsFile.Open(file);
        Near(expected, written["embeddings"].RequireShape(1, 384).ToFloat32());

        string table = folder.Write("table.csv", "id,question\n1,No.\n2,The sailors rode the breeze clear of the rocks.\n");
        Assert.Equal(lines, EngineProcess.Run("embed", model, "--file", table, "--text", "question").Succeeded().OutputLines);
        EngineProcess.Run("embed", model, "--file", table).Refused(1, "Say which column", "Here: --text.");
        EngineProcess.Run("embed", model, "--file", table, "--text", "question", "--output", table).Refused(1, "would write over");
    }

    [Fact]
    public void Vectors_of_a_folder_that_says_nothing_of_them_come_with_a_note_and_are_scaled_where_that_is_asked_for()
    {
        using SmallRun run = new();
        EngineResult plain = EngineProcess.Run("embed", run.File("model"), "the cat").Succeeded();
        Assert.Contains("has no modules.json", plain.Error, StringComparison.Ordinal);
        EngineResult scaled = EngineProcess.Run("embed", run.File("model"), "the cat", "--normalize").Succeeded();
        Assert.DoesNotContain("modules.json", scaled.Error, StringComparison.Ordinal);
        float[] vector = Vector(plain), unit = Vector(scaled);
        double length = Math.Sqrt(vector.Sum(number => (double)number * number));
        Assert.NotEqual(1, length, 0.01);
        Near([.. vector.Select(number => number / length)], unit);

        EngineProcess.Run("train", run.RunFile, "--set", "adapter={r: 2, target_modules: [query]}", "--set", "max_steps=1").Succeeded();
        EngineResult tuned = EngineProcess.Run("embed", run.File("run"), "the cat", "--normalize").Succeeded();
        Assert.DoesNotContain("note:", tuned.Error, StringComparison.Ordinal);
        Assert.NotEqual(unit, Vector(tuned));
    }

    /// <summary>Sentences of one subject belong together; scores say which have the same verb.</summary>
    [Fact]
    public void Vectors_are_trained_measured_on_scored_pairs_and_made_of_the_run()
    {
        using SmallRun run = new();
        string[] subjects = ["the cat", "a dog", "my friend", "the old man"];
        string rows = string.Concat(Enumerable.Range(0, 32).Select(i => $"{subjects[i % 4]} loves the film\t{subjects[i % 4]} "
            + $"{(i / 4 % 2 == 0 ? "loves" : "hates")} this book\t{(i / 4 % 2 == 0 ? 5 : 1)}\n"));
        File.WriteAllText(run.File("pairs.tsv"), $"first\tsecond\tscore\n{rows}");
        File.WriteAllText(run.File("vectors.yaml"), """
            model: model
            task: sentence-similarity
            output: vectors
            adapter: {r: 2, target_modules: [query]}
            data: {train: pairs.tsv, validation: pairs.tsv, text: first, text_pair: second, label_divisor: 5}
            max_steps: 4
            """);

        EngineResult trained = EngineProcess.Run("train", run.File("vectors.yaml")).Succeeded();
        Assert.Contains("mrr", trained.Output, StringComparison.Ordinal);
        Assert.Matches("embed [^ ]*vectors .the cat loves the film.", trained.Output + trained.Error);
        Assert.NotEqual(
            Vector(EngineProcess.Run("embed", run.File("model"), "the cat").Succeeded()),
            Vector(EngineProcess.Run("embed", run.File("vectors"), "the cat").Succeeded()));

        EngineResult found = EngineProcess.Run("eval", run.File("vectors")).Succeeded();
        Assert.Contains("mrr", found.Output, StringComparison.Ordinal);
        EngineResult scored =
            EngineProcess.Run("eval", run.File("vectors"), "--data", run.File("pairs.tsv"), "--label", "score").Succeeded();
        Assert.Contains("spearman", scored.Output, StringComparison.Ordinal);
        EngineProcess.Run("predict", run.File("vectors"), "the cat").Refused(1, "makes vectors of texts");
    }

    [Fact]
    public void A_decoder_makes_no_vectors_and_texts_come_from_one_place()
    {
        TinyDecoder.Write(folder.File("decoder"));
        EngineProcess.Run("embed", folder.File("decoder"), "a")
            .Refused(1, "a model of type qwen2 is not built for sentence vectors; models of type bert, ");
        EngineProcess.Run("embed", folder.File("decoder"), "a", "--file", "b.txt").Refused(1, "both as arguments and with --file");
    }

    private static float[] Vector(EngineResult result) =>
        [.. JsonNode.Parse(result.OutputLines.Single())!["embedding"]!.AsArray().Select(number => number!.GetValue<float>())];

    /// <summary>Float32 on both sides, each within 1e-6 of the numbers' size.</summary>
    private static void Near(double[] expected, float[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 4e-6));
}

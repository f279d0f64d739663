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
        EngineProcess.Run("embed", model, "--file", table).Refused(1, "Say which column", "--text COLUMN.");
        EngineProcess.Run("embed", model, "--file", table, "--text", "question", "--output", table).Refused(1, "would write over");
    }

    [Fact]
    public void A_decoder_makes_no_vectors_and_texts_come_from_one_place()
    {
        TinyDecoder.Write(folder.File("decoder"));
        EngineProcess.Run("embed", folder.File("decoder"), "a")
            .Refused(1, "a model of type qwen2 is not built for sentence vectors; models of type bert, roberta are.");
        EngineProcess.Run("embed", folder.File("decoder"), "a", "--file", "b.txt").Refused(1, "both as arguments and with --file");
    }

    /// <summary>Float32 on both sides, each within 1e-6 of the numbers' size.</summary>
    private static void Near(double[] expected, float[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 4e-6));
}

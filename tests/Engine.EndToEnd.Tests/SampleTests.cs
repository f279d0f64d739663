using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>The programs of samples/, run as they are built, at a small size.</summary>
public sealed class SampleTests
{
    /// <summary>
    /// There are nine kinds of requests, of which none has more than a ninth of the rows; after so few steps the model is far from its
    /// best.
    /// </summary>
    private const double BetterThanGuessing = 0.25;

    private static readonly string[] s_kinds =
        ["alarm", "calendar", "contact", "directions", "home", "music", "reminder", "shopping", "weather"];

    [Fact]
    public void A_kernel_of_the_programs_own_computes_what_plain_arithmetic_does()
    {
        const int Rows = 100, Size = 8, Centers = 5;
        double[] points = [.. Enumerable.Range(0, Rows * Size).Select(i => (i * 7919 % 1013 % 101) / 100.0)];
        (int Center, double Distance)[] nearest = [.. Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, Centers)
            .Select(
                center => (center, Enumerable.Range(0, Size)
                    .Sum(i => Math.Pow(points[(row * Size) + i] - points[(center * 20 * Size) + i], 2))))
            .MinBy(entry => entry.Item2))];

        string[] lines = Run("CustomKernel", "cpu").OutputLines;

        Assert.Equal(1 + Centers, lines.Length);
        for (int center = 0; center < Centers; center++)
        {
            (int Center, double Distance)[] own = [.. nearest.Where(entry => entry.Center == center)];
            string[] words = lines[1 + center].Split(' ');
            Assert.Equal(["center", $"{center}:", $"{own.Length}", "points,"], words[..4]);
            // Five places are printed.
            Assert.Equal(own.Average(entry => entry.Distance), double.Parse(words[4], CultureInfo.InvariantCulture), 1e-5);
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Rows_in_memory_become_predictions()
    {
        EngineResult result = Run("Classify", $"'{Repository.Path("models")}' 60");
        string accuracy = result.Error.Split('\n').Last(line => line.Contains("accuracy", StringComparison.Ordinal)).Split(' ')[^1];
        Assert.True(double.Parse(accuracy, CultureInfo.InvariantCulture) > BetterThanGuessing, result.Error);
        Assert.Equal(3, result.OutputLines.Length);
        Assert.All(result.OutputLines, line => Assert.Contains(line.Split(' ')[0], s_kinds));
    }

    [Fact]
    [Trait("Category", "Long")]
    public void A_transformer_of_ML_NET_predicts()
    {
        string[] lines = Run("MicrosoftML", $"'{Repository.Path("models")}' 60").OutputLines;
        Assert.Equal(4, lines.Length);
        Assert.All(lines[..3], line => Assert.Contains(line.Split(' ')[0], s_kinds));
        Assert.True(double.Parse(lines[3].Split(' ')[^1], CultureInfo.InvariantCulture) > BetterThanGuessing, lines[3]);
    }

    [Fact]
    [Trait("Category", "Long")]
    public void A_method_of_the_programs_own_trains_alone_and_beside_another()
    {
        string line = Assert.Single(Run("CustomMethod", $"'{Repository.Path("models")}'").OutputLines);
        double[] losses = [.. line.Split([':', ';', ' ', ',']).Where(word => double.TryParse(word, CultureInfo.InvariantCulture, out _))
            .Select(word => double.Parse(word, CultureInfo.InvariantCulture))];
        Assert.Equal(2, losses.Length);
        // Guessing among nine kinds has a loss of ln 9.
        Assert.All(losses, loss => Assert.InRange(loss, 0.01, Math.Log(s_kinds.Length)));
        Assert.NotEqual(losses[0], losses[1]);
    }

    [Fact]
    [Trait("Category", "Long")]
    public void A_search_finds_requests_by_what_they_are_for()
    {
        string[] lines = Run("SemanticSearch", $"'{Repository.Path("models")}' 60").OutputLines;
        string[] known = [.. File.ReadLines(Repository.Path("models/demo/test.tsv")).Skip(1).Select(line => line.Split('\t')[0])];
        Assert.Equal(8, lines.Length);
        Assert.All(lines.Chunk(4), answer =>
        {
            (double Likeness, string Text)[] found = [.. answer[1..].Select(line => line.Trim().Split(' ', 2))
                .Select(words => (double.Parse(words[0], CultureInfo.InvariantCulture), words[1]))];
            Assert.All(found, hit => Assert.Contains(hit.Text, known));
            Assert.Equal(found.OrderByDescending(hit => hit.Likeness), found);
            Assert.All(found, hit => Assert.InRange(hit.Likeness, 0.5, 1));
        });
    }

    /// <summary>Two callers at once are each told what one alone is, whole or piece by piece; what cannot be asked is refused.</summary>
    [Fact]
    public async Task A_chat_service_answers_several_callers()
    {
        using TemporaryFolder folder = new();
        string model = folder.File("model");
        TinyDecoder.Write(model);
        object Request(int seed) =>
            new { messages = new[] { new { role = "user", content = "one" } }, maxTokens = 12, temperature = 1, seed };

        using SampleService service = SampleService.Start("ChatService", "--Engine:Model", model);
        JsonNode alone = await service.AskAsync("chat", Request(1));
        JsonNode[] together = await Task.WhenAll(service.AskAsync("chat", Request(2)), service.AskAsync("chat", Request(1)));
        using HttpResponseMessage pieces = await service.Client.PostAsJsonAsync("chat/stream", Request(1));
        using HttpResponseMessage refused = await service.Client.PostAsJsonAsync(
            "chat", new { messages = new[] { new { role = "user", content = "one" } }, maxTokens = -1 });

        Assert.InRange(alone["tokens"]!.GetValue<int>(), 1, 12);
        Assert.Equal($"{alone}", $"{together[1]}");
        Assert.NotEqual($"{alone["text"]}", $"{together[0]["text"]}");
        // Events have their text on lines with "data: " before it, and a blank line between them.
        string[] events = (await pieces.Content.ReadAsStringAsync()).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> texts = events.Select(one => string.Join('\n', one.Split('\n')
            .Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line["data: ".Length..])));
        Assert.Equal(alone["text"]!.GetValue<string>(), string.Concat(texts));
        Assert.Equal(400, (int)refused.StatusCode);
    }

    private static EngineResult Run(string sample, string arguments) =>
        EngineProcess.Shell($"dotnet '{Path.Combine(AppContext.BaseDirectory, sample + ".dll")}' {arguments}").Succeeded();
}

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>models/demo: what its README says of the data, and what the first command of the project's README reaches.</summary>
public sealed partial class DemoTests
{
    private readonly string folder = Path.Combine(Root(), "models", "demo");

    [Fact]
    public void Run_reaches_the_accuracy_it_is_shown_for()
    {
        using TemporaryFolder output = new();
        string run = Path.Combine(folder, "run.yaml");
        // In a plain run two of the six epochs, half a minute less, and what these reach.
        (string[] epochs, double reached) = WantedDevices.Long ? ((string[])[], 0.85) : (["--set", "num_train_epochs=2"], 0.8);
        EngineResult trained = EngineProcess.Run(["train", run, "--set", $"output={output.File("run")}", .. epochs]).Succeeded();
        Assert.StartsWith("try it: engine predict ", trained.OutputLines[^1], StringComparison.Ordinal);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(output.File("run/summary.json")))!;
        double accuracy = summary["metrics"]!["accuracy"]!.GetValue<double>();
        Assert.True(accuracy >= reached, $"accuracy is {accuracy}");
        string[] requests = ["wake me at seven tomorrow", "remind me to phone the dentist after lunch"];
        EngineResult predicted = EngineProcess.Run(["predict", output.File("run"), .. requests]).Succeeded();
        Assert.Equal(["alarm", "reminder"], predicted.OutputLines.Select(line => line.Split('\t')[0]));
    }

    [Fact]
    public void Intents_have_equally_many_rows_and_a_fifth_of_them_is_held_out()
    {
        int[] train = [.. Rows("train.tsv").CountBy(row => row.Label).Select(count => count.Value)];
        int[] test = [.. Rows("test.tsv").CountBy(row => row.Label).Select(count => count.Value)];
        Assert.Equal(Enumerable.Repeat(220, 9), train);
        Assert.Equal(Enumerable.Repeat(55, 9), test);
    }

    [Fact]
    public void Requests_are_short_and_no_two_differ_in_less_than_two_words()
    {
        string[][] requests = [.. Rows("train.tsv").Concat(Rows("test.tsv")).Select(row => Words(row.Text))];
        Assert.All(requests, words => Assert.InRange(words.Length, 3, 20));
        for (int i = 0; i < requests.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if (Distance(requests[i], requests[j]) < 2)
                {
                    Assert.Fail($"'{string.Join(' ', requests[i])}' is nearly '{string.Join(' ', requests[j])}'");
                }
            }
        }
    }

    private (string Text, string Label)[] Rows(string file) =>
        [.. File.ReadLines(Path.Combine(folder, file)).Skip(1).Select(line => line.Split('\t')).Select(cells => (cells[0], cells[1]))];

    private static string[] Words(string text) =>
        [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value).Order(StringComparer.Ordinal)];

    /// <summary>How many words of one request, the longer of what is left of either, the other lacks; both are sorted.</summary>
    private static int Distance(string[] a, string[] b)
    {
        int shared = 0;
        for (int i = 0, j = 0; i < a.Length && j < b.Length;)
        {
            int order = string.CompareOrdinal(a[i], b[j]);
            shared += order == 0 ? 1 : 0;
            i += order <= 0 ? 1 : 0;
            j += order >= 0 ? 1 : 0;
        }

        return Math.Max(a.Length, b.Length) - shared;
    }

    internal static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Engine.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("Engine.sln lies in no folder above the tests.");
        }

        return folder;
    }

    [GeneratedRegex("[a-z0-9']+")]
    private static partial Regex Word();
}

using Engine.Tests;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>What somebody writes who has the package's README alone.</summary>
[Collection(nameof(CurrentFolder))]
public sealed class ReadmeTests : IDisposable
{
    private readonly TinyRun tiny = new();
    private readonly string folder = Environment.CurrentDirectory;

    public void Dispose()
    {
        Environment.CurrentDirectory = folder;
        tiny.Dispose();
    }

    /// <summary>Every line of a block of code stands in the code that is compiled and run here, one behind the other.</summary>
    [Fact]
    public void Code_of_the_README_is_the_code_that_runs()
    {
        string[] code = Lines(File.ReadAllText(Repository.Path("tests/Engine.FineTuning.Tests/ReadmeExamples.cs")));
        string[] blocks = [.. File.ReadAllText(Repository.Path("src/Engine.FineTuning/README.md")).Split("```csharp\n").Skip(1)
            .Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])];

        Assert.True(blocks.Length >= 6, $"{blocks.Length} blocks of code");
        foreach (string block in blocks)
        {
            int place = 0;
            foreach (string line in Lines(block))
            {
                // Lines between them are what a test needs beside.
                int found = Array.IndexOf(code, line, IsDirective(line) ? 0 : place);
                Assert.True(found >= 0, $"ReadmeExamples.cs lacks this line, or has it elsewhere:\n{line}");
                place = Math.Max(place, found + 1);
            }
        }
    }

    /// <summary>In a folder with models under the README's names.</summary>
    [Fact]
    public async Task Code_of_the_README_runs()
    {
        Directory.CreateSymbolicLink(tiny.File("roberta-base"), tiny.File("model"));
        Directory.CreateSymbolicLink(tiny.File("all-MiniLM-L6-v2"), tiny.File("model"));
        Environment.CurrentDirectory = tiny.Folder;

        await ReadmeExamples.RunAsync(
            [.. tiny.Labelled("train.tsv").Select(row => row with { Label = row.Label == "animal" ? "good" : "bad" })], steps: 2);

        Assert.True(File.Exists(tiny.File("runs/reviews/adapter/adapter_model.safetensors")));
    }

    /// <summary>Whether a line opens a namespace, which a file does at its top.</summary>
    private static bool IsDirective(string line) =>
        line.StartsWith("using ", StringComparison.Ordinal) && !line.Contains('=', StringComparison.Ordinal) && line.EndsWith(';');

    private static string[] Lines(string text) =>
        [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    /// <summary>The folder of the process is every thread's: nothing else runs meanwhile.</summary>
    [CollectionDefinition(nameof(CurrentFolder), DisableParallelization = true)]
    public sealed class CurrentFolder;
}

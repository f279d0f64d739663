using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Engine.Tests;
using Engine.Training.Configuration;

namespace Engine.EndToEnd.Tests;

/// <summary>docs/tutorial.md: the commands that it shows, and the service at its end.</summary>
public sealed class TutorialTests
{
    [Fact]
    public async Task Commands_of_the_tutorial_train_evaluate_and_serve_a_classifier()
    {
        using TemporaryFolder folder = new();
        string run = Path.Combine(DemoTests.Root(), "samples", "ServeClassifier", "tickets.yaml"), output = folder.File("tickets");
        Assert.Contains("the run fits", EngineProcess.Run("estimate", run).Succeeded().Output, StringComparison.Ordinal);
        EngineProcess.Run("train", run, "--set", $"output={output}").Succeeded();
        double accuracy = JsonNode.Parse(EngineProcess.Run("eval", output, "--json").Succeeded().Output)!["accuracy"]!.GetValue<double>();
        Assert.True(accuracy >= 0.6, $"accuracy is {accuracy}, of three classes alike");
        string predicted = EngineProcess.Run("predict", output, "The parcel never came").Succeeded().OutputLines[0].Split('\t')[0];

        using SampleService service = SampleService.Start("ServeClassifier", "--model", output);
        JsonNode answer = await service.AskAsync("classify", new { text = "The parcel never came" });
        Assert.Equal(predicted, answer["label"]!.GetValue<string>());
        Assert.InRange(answer["probability"]!.GetValue<double>(), 1.0 / 3, 1);
        using HttpResponseMessage empty = await service.Client.PostAsJsonAsync("classify", new { text = " " });
        Assert.Equal(400, (int)empty.StatusCode);
    }

    /// <summary>The README's run file and every other of the tutorial is one that the program reads.</summary>
    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/tutorial.md")]
    [InlineData("src/Engine.Cli/README.md")]
    public void Run_files_that_are_shown_can_be_read(string page)
    {
        using TemporaryFolder folder = new();
        string text = File.ReadAllText(Path.Combine(DemoTests.Root(), page));
        string[] shown = [.. text.Split("```yaml\n").Skip(1).Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])];
        Assert.NotEmpty(shown);
        foreach (string yaml in shown)
        {
            folder.Write("run.yaml", yaml);
            RunConfiguration run = RunConfiguration.Load(folder.File("run.yaml"));
            Assert.Contains("roberta", Path.GetFileName(run.Model), StringComparison.Ordinal);
        }
    }
}

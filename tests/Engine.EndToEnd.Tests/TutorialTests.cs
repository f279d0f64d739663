using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Engine.Tests;
using Engine.Training.Configuration;

namespace Engine.EndToEnd.Tests;

/// <summary>docs/tutorial.md: the commands that it shows, and the service at its end.</summary>
public sealed class TutorialTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

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

        int port = FreePort();
        using Process service = Start(output, port);
        try
        {
            using HttpClient client = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            JsonNode answer = await AskAsync(client, service, "The parcel never came");
            Assert.Equal(predicted, answer["label"]!.GetValue<string>());
            Assert.InRange(answer["probability"]!.GetValue<double>(), 1.0 / 3, 1);
            using HttpResponseMessage empty = await client.PostAsJsonAsync("classify", new { text = " " });
            Assert.Equal(400, (int)empty.StatusCode);
        }
        finally
        {
            service.Kill();
        }
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

    private static Process Start(string model, int port) => Process.Start(new ProcessStartInfo("dotnet")
    {
        ArgumentList = { Path.Combine(AppContext.BaseDirectory, "ServeClassifier.dll"), "--model", model, "--urls",
            $"http://127.0.0.1:{port}" },
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>Asks until the service listens.</summary>
    private static async Task<JsonNode> AskAsync(HttpClient client, Process service, string text)
    {
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            try
            {
                using HttpResponseMessage response = await client.PostAsJsonAsync("classify", new { text });
                return (await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!;
            }
            catch (HttpRequestException) when (!service.HasExited && watch.Elapsed < Patience)
            {
                // It is still loading.
            }
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}

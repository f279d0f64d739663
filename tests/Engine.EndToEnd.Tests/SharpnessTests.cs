using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine sharpness</c> on runs made for these tests.</summary>
public sealed partial class SharpnessTests
{
    private static readonly string[] Quick =
        ["--samples", "2", "--iterations", "2", "--lanczos-steps", "3", "--points", "5", "--grid", "3", "--ascent-steps", "2"];

    private static readonly string[] Few = [.. Quick, "--rows", "12"];

    [Fact]
    public void Two_runs_are_compared_in_a_file_of_figures_and_a_page_that_needs_no_other()
    {
        using SmallRun run = Trained("plain", "flat-lora");
        string output = run.File("out");
        EngineResult measured =
            EngineProcess.Run(["sharpness", "--adapter", run.File("plain"), run.File("flat-lora/adapter"), "--output", output, .. Few])
                .Succeeded();
        foreach (string part in (string[])["in the adapter space", "in the weights space", "top eigenvalue", "flat-lora",
            "%  weights: plane", output])
        {
            Assert.Contains(part, measured.Output, StringComparison.Ordinal);
        }

        JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(output, "sharpness.json")))!;
        Assert.Equal(["plain", "flat-lora"], json["adapters"]!.AsArray().Select(adapter => adapter!["name"]!.GetValue<string>()));
        foreach (JsonNode? adapter in json["adapters"]!.AsArray())
        {
            Assert.True(adapter!["complete"]!.GetValue<bool>());
            Assert.Equal(12, adapter["rows"]!.GetValue<int>());
            Assert.All(adapter["layers"]!.AsArray(), layer => Assert.True(layer!["geometry"]!["effective_rank"]!.GetValue<double>() >= 1));
            Assert.Equal(["adapter", "weights"], adapter["spaces"]!.AsArray().Select(space => space!["space"]!.GetValue<string>()));
            foreach (JsonNode? space in adapter["spaces"]!.AsArray())
            {
                foreach (string key in (string[])["loss", "norm", "difference_step"])
                {
                    Assert.True(space![key]!.GetValue<double>() > 0, key);
                }

                Assert.Equal(2, space!["expected"]!["samples"]!.GetValue<int>());
                Assert.Equal(3, space["plane"]!["losses"]!.AsArray().Count);
                Assert.Equal(space["loss"]!.GetValue<double>(), space["line"]!["losses"]![0]![2]!.GetValue<double>(), 1e-6);
                Assert.Equal(space["loss"]!.GetValue<double>(), space["plane"]!["losses"]![1]![1]!.GetValue<double>(), 1e-6);
            }
        }

        string page = File.ReadAllText(Path.Combine(output, "sharpness.html"));
        Assert.DoesNotMatch(ElsewhereLink(), page);
        Assert.Equal(Regex.Count(page, "<svg"), Regex.Count(page, "</svg>"));
        Assert.Equal(Regex.Count(page, "<figure"), Regex.Count(page, "</figure>"));
        foreach (string part in (string[])["flat-lora", "Density of the Hessian", "Effective rank", "prefers-color-scheme: dark",
            "viewport"])
        {
            Assert.Contains(part, page, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_from_elsewhere_is_measured_on_a_file_whose_columns_are_named()
    {
        using SmallRun run = new();
        EngineProcess.Run("train", run.RunFile, "--set", "max_steps=1", "--set", "eval_strategy=no").Succeeded();
        string model = run.File("run/model"), adapter = run.File("elsewhere");
        Train(run, "plain", "--set", $"model={model}");
        Directory.Move(run.File("plain/adapter"), adapter);

        string[] given = ["sharpness", "--model", model, "--adapter", adapter, "--output", run.File("out"), "--instruments", "worst-case",
            "--spaces", "adapter", .. Few];
        EngineProcess.Run(given).Refused(1, "--data");
        EngineProcess.Run([.. given, "--data", run.File("dev.tsv")]).Refused(1, "--text");
        EngineProcess.Run([.. given, "--data", run.File("dev.tsv"), "--text", "sentence", "--label", "label"]).Succeeded();
        JsonNode adapters = JsonNode.Parse(File.ReadAllText(run.File("out/sharpness.json")))!["adapters"]![0]!;
        Assert.Equal("elsewhere", adapters["name"]!.GetValue<string>());
        Assert.NotNull(adapters["spaces"]![0]!["worst_case"]);
        Assert.Null(adapters["spaces"]![0]!["trace"]);
        Assert.Empty(adapters["layers"]!.AsArray());
    }

    [Fact]
    public void A_causal_run_is_measured_on_its_own_validation_data()
    {
        using TemporaryFolder folder = new();
        TinyDecoder.Write(folder.File("model"));
        folder.Write("train.jsonl", string.Join('\n', Enumerable.Repeat("""{"prompt": "one two ", "completion": "three"}""", 6)));
        string run = folder.Write("run.yaml", """
            model: model
            task: causal-lm
            output: run
            data: {train: train.jsonl, validation: train.jsonl}
            adapter: {r: 2, target_modules: [q_proj, v_proj]}
            max_steps: 2
            """);
        EngineProcess.Run("train", run).Succeeded();
        EngineProcess.Run(
            ["sharpness", "--adapter", folder.File("run"), "--output", folder.File("out"), "--instruments", "expected,eigenvalue,layers",
                .. Few]).Succeeded();
        JsonNode adapter = JsonNode.Parse(File.ReadAllText(folder.File("out/sharpness.json")))!["adapters"]![0]!;
        Assert.Equal(6, adapter["rows"]!.GetValue<int>());
        Assert.Equal(adapter["spaces"]![0]!["loss"]!.GetValue<double>(), adapter["spaces"]![1]!["loss"]!.GetValue<double>(), 1e-5);
    }

    [Fact]
    public void Figures_of_somebody_else_are_not_written_over_and_its_own_are()
    {
        using SmallRun run = Trained("plain");
        string[] measure = ["sharpness", "--adapter", run.File("plain"), "--output", run.File("out"), "--instruments", "layers", .. Few];
        Directory.CreateDirectory(run.File("out"));
        File.WriteAllText(run.File("out/sharpness.html"), "somebody's");
        EngineProcess.Run(measure).Refused(1, "sharpness.html is there already");
        Assert.Equal("somebody's", File.ReadAllText(run.File("out/sharpness.html")));
        File.Delete(run.File("out/sharpness.html"));
        EngineProcess.Run(measure).Succeeded();
        EngineProcess.Run(measure).Succeeded();
    }

    /// <summary>The loss is that which the run's own last evaluation saw, but for the rounding of other batches.</summary>
    [Theory]
    [InlineData("masked-lm", "{train: train.tsv, validation: dev.tsv, format: text}", "loss")]
    [InlineData("regression", "{train: numbers.tsv, validation: numbers.tsv, text: sentence, label: label}", "mse")]
    public void Other_tasks_are_measured_with_the_loss_they_are_trained_with(string task, string data, string metric)
    {
        using SmallRun run = new();
        string[] lines = File.ReadAllLines(run.File("dev.tsv"));
        File.WriteAllLines(
            run.File("numbers.tsv"),
            [lines[0], .. lines[1..].Select(
                line => line.Replace("good", "1.5", StringComparison.Ordinal).Replace("bad", "-0.5", StringComparison.Ordinal))]);
        EngineProcess.Run(
            "train", run.RunFile, "--set", $"task={task}", "--set", $"data={data}", "--set", "adapter.r=4", "--set", "max_steps=4")
                .Succeeded();
        EngineProcess.Run(
            ["sharpness", "--adapter", run.File("run"), "--output", run.File("out"), "--instruments", "worst-case", .. Quick, "--rows",
                "1000"]).Succeeded();
        double expected = JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!["metrics"]![metric]!.GetValue<double>();
        foreach (JsonNode? space in JsonNode.Parse(File.ReadAllText(run.File("out/sharpness.json")))!["adapters"]![0]!["spaces"]!.AsArray())
        {
            Assert.Equal(expected, space!["loss"]!.GetValue<double>(), 2e-5 * expected);
        }
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Interrupted_it_keeps_what_was_measured()
    {
        using SmallRun run = Trained("plain");
        (int code, string rest) = EngineProcess.SignalAt(
            "plain", EngineProcess.InterruptSignal,
            ["sharpness", "--adapter", run.File("plain"), "--output", run.File("out"), "--samples", "1000000", "--instruments",
                "expected"]);
        Assert.Equal(130, code);
        Assert.Contains("what was measured is kept", rest, StringComparison.Ordinal);
        JsonNode adapter = JsonNode.Parse(File.ReadAllText(run.File("out/sharpness.json")))!["adapters"]![0]!;
        Assert.False(adapter["complete"]!.GetValue<bool>());
        Assert.Contains("interrupted", File.ReadAllText(run.File("out/sharpness.html")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("absent", "--adapter", "absent")]
    [InlineData("no adapter", "--adapter", "model")]
    [InlineData("did you mean 'worst-case'", "--adapter", "plain", "--instruments", "wurst-case")]
    [InlineData("did you mean 'weights'", "--adapter", "plain", "--spaces", "weight")]
    [InlineData("Samples is 1", "--adapter", "plain", "--samples", "1")]
    [InlineData("Sigma is 0", "--adapter", "plain", "--sigma", "0")]
    [InlineData("Here: --rows, --batch-size.", "--adapter", "plain", "--rows", "0")]
    [InlineData("no rows", "--adapter", "plain", "--data", "empty.tsv")]
    [InlineData("nothing.tsv", "--adapter", "plain", "--data", "nothing.tsv")]
    [InlineData("lora_A", "--adapter", "plain", "--model", "wide")]
    public void What_cannot_be_measured_is_refused_with_a_sentence(string expected, params string[] arguments)
    {
        using SmallRun run = Trained("plain");
        File.WriteAllText(run.File("empty.tsv"), "sentence\tlabel\n");
        Directory.CreateDirectory(run.File("wide"));
        foreach (string file in Directory.EnumerateFiles(run.File("model"))
            .Where(file => !file.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.WriteAllText(
                Path.Combine(run.File("wide"), Path.GetFileName(file)),
                File.ReadAllText(file).Replace("\"hidden_size\": 32", "\"hidden_size\": 48", StringComparison.Ordinal));
        }

        string[] paths = ["absent", "model", "plain", "empty.tsv", "nothing.tsv", "wide"];
        EngineProcess.Run(
            ["sharpness", "--output", run.File("out"),
                .. arguments.Select(argument => paths.Contains(argument) ? run.File(argument) : argument)]).Refused(1, expected);
        Assert.False(Directory.Exists(run.File("out")));
    }

    /// <summary>A short run with adapters for each method.</summary>
    private static SmallRun Trained(params string[] methods)
    {
        SmallRun run = new();
        foreach (string method in methods)
        {
            Train(run, method);
        }

        return run;
    }

    private static void Train(SmallRun run, string method, params string[] more) => EngineProcess.Run(
        ["train", run.RunFile, "--set", $"output={run.File(method)}", "--set", $"method={method}", "--set", "adapter.r=4", "--set",
            "max_steps=4", "--set", "eval_strategy=no", .. more]).Succeeded();

    [GeneratedRegex("(src|href|url)\\s*[=(]|<script|@import|https?://")]
    private static partial Regex ElsewhereLink();
}

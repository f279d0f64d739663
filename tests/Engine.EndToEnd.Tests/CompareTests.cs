using System.Text.Json.Nodes;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine compare</c> through the command line, on a run made for these tests.</summary>
public sealed class CompareTests
{
    private static readonly string[] Short =
        ["--set", "adapter={r: 4, modules_to_save: [classifier]}", "--set", "max_steps=6", "--set", "eval_strategy=no"];

    [Fact]
    public void Methods_are_trained_with_every_seed_and_held_against_lora()
    {
        using SmallRun run = new();
        EngineResult result =
            EngineProcess.Run(["compare", run.RunFile, "--methods", "flat-lora{rho=0.2},lora,flat-lora+nbar", "--seeds", "2", .. Short])
                .Succeeded();
        JsonNode report = Report(run);
        Assert.Equal("accuracy", report["metric"]!.GetValue<string>());
        Assert.Equal("lora", report["reference"]!.GetValue<string>());
        Assert.Equal((run.File("model"), run.File("dev.tsv")), (report["model"]!.GetValue<string>(), report["data"]!.GetValue<string>()));
        string page = File.ReadAllText(run.File("run/comparison.html"));
        Assert.Contains($"<dt>model</dt><dd>{run.File("model")}</dd>", page, StringComparison.Ordinal);
        Assert.Contains($"<dt>data</dt><dd>{run.File("dev.tsv")}</dd>", page, StringComparison.Ordinal);
        Assert.Equal(
            ["flat-lora{rho=0.2}", "lora", "flat-lora+nbar"], Methods(report).Select(method => method["method"]!.GetValue<string>()));
        foreach (JsonNode method in Methods(report))
        {
            Assert.Contains(method["method"]!.GetValue<string>(), result.Output, StringComparison.Ordinal);
            JsonNode[] runs = Runs(method);
            Assert.Equal([3, 4], runs.Select(made => made["seed"]!.GetValue<int>()));
            double[] losses = [.. runs.Select(made => made["metrics"]!["loss"]!.GetValue<double>())];
            JsonNode loss = method["metrics"]!["loss"]!;
            Assert.Equal(losses.Average(), loss["mean"]!.GetValue<double>(), 12);
            Assert.Equal(Math.Abs(losses[0] - losses[1]) / Math.Sqrt(2), loss["deviation"]!.GetValue<double>(), 12);
            Assert.True(method["relative_time"]!.GetValue<double>() > 0);
            Assert.Empty(method["failed"]!.AsArray());
        }

        Assert.Equal(1, Methods(report)[1]["relative_time"]!.GetValue<double>());
        Assert.True(Methods(report)[0]["relative_bytes"]!.GetValue<double>() > 1);

        // Each run is what engine train makes of the same settings.
        string[] alone = ["--set", "method={name: flat-lora, rho: 0.2}", "--set", "seed=4", "--set", "output=alone"];
        EngineProcess.Run(["train", run.RunFile, .. Short, .. alone]).Succeeded();
        Assert.Equal(
            JsonNode.Parse(File.ReadAllText(run.File("alone/summary.json")))!["metrics"]!.ToJsonString(),
            Runs(Methods(report)[0])[1]["metrics"]!.ToJsonString());
    }

    [Fact]
    public void Finished_runs_are_kept_and_new_methods_join_them()
    {
        using SmallRun run = new();
        string[] arguments = ["compare", run.RunFile, "--seeds", "2", .. Short, "--methods"];
        EngineProcess.Run([.. arguments, "lora"]).Succeeded();
        string steps = run.File("run/lora/seed-3/metrics.jsonl");
        DateTime written = File.GetLastWriteTimeUtc(steps);
        EngineProcess.Run([.. arguments, "lora,nbar"]).Succeeded();
        Assert.Equal(written, File.GetLastWriteTimeUtc(steps));
        Assert.Equal(4, Report(run)["finished_runs"]!.GetValue<int>());

        // Runs of other settings are not passed off as these.
        EngineResult other = EngineProcess.Run([.. arguments, "lora,nbar", "--set", "learning_rate=1e-3"]);
        Assert.Equal(1, other.Code);
        Assert.Contains("learning_rate", other.Error, StringComparison.Ordinal);
        Assert.Equal(written, File.GetLastWriteTimeUtc(steps));
    }

    [Fact]
    public void A_run_that_was_killed_before_its_first_checkpoint_is_made_anew()
    {
        using SmallRun run = new();
        string[] arguments = ["compare", run.RunFile, "--seeds", "1", .. Short, "--set", "save_strategy=no", "--methods", "lora"];
        EngineProcess.Run(arguments).Succeeded();
        string folder = run.File("run/lora/seed-3"), steps = Path.Combine(folder, "metrics.jsonl");
        string[] lines = File.ReadAllLines(steps);
        File.WriteAllLines(steps, lines[..2]);
        Directory.Delete(Path.Combine(folder, "adapter"), recursive: true);
        File.Delete(Path.Combine(folder, "summary.json"));
        File.Delete(Path.Combine(folder, "fingerprint.json"));
        EngineProcess.Run(["train", run.RunFile, .. Short, "--set", "save_strategy=no", "--set", "output=run/lora/seed-3"])
            .Refused(1, "an unfinished run that came to no checkpoint (", "--overwrite");
        EngineProcess.Run(arguments).Succeeded();
        Assert.Equal(lines.Length, File.ReadAllLines(steps).Length);
        Assert.False(Directory.Exists(Path.Combine(folder, "replacement")));
    }

    /// <summary>
    /// A kill between a run's end and the comparison's own files: the run's folder alone says that it is finished, and of what.
    /// </summary>
    [Fact]
    public void A_finished_run_is_found_without_the_comparisons_own_files_and_its_inputs_are_never_its_outputs()
    {
        using SmallRun run = new();
        string[] arguments = ["compare", run.RunFile, "--seeds", "1", .. Short, "--methods"];
        EngineProcess.Run(["train", run.RunFile, .. Short, "--set", "output=run/lora/seed-3"]).Succeeded();
        DateTime written = File.GetLastWriteTimeUtc(run.File("run/lora/seed-3/metrics.jsonl"));
        EngineProcess.Run([.. arguments, "lora"]).Succeeded();
        Assert.Equal(written, File.GetLastWriteTimeUtc(run.File("run/lora/seed-3/metrics.jsonl")));
        EngineProcess.Run([.. arguments, "lora,nbar", "--set", "adapter.init=run/lora/seed-3/adapter"])
            .Refused(1, "adapter.init", "run/lora/seed-3");
        Directory.CreateDirectory(run.File("other"));
        File.WriteAllText(run.File("other/comparison.json"), "somebody's");
        EngineProcess.Run([.. arguments, "lora", "--set", "output=other"]).Refused(1, "comparison.json is there already");
        Assert.Equal("somebody's", File.ReadAllText(run.File("other/comparison.json")));
    }

    /// <summary>
    /// A run that was stopped goes on from its checkpoint to the numbers of one that was not; runs that had ended stay as they are.
    /// </summary>
    [Fact]
    [Trait("Category", "Long")]
    public void An_interrupted_comparison_goes_on_where_it_was()
    {
        // More lines of progress than a pipe holds: the process cannot end before the test reads on.
        string[] settings = ["--seeds", "1", "--set", "adapter={r: 4, modules_to_save: [classifier]}", "--set", "max_steps=1000",
            "--set", "logging_steps=1", "--set", "eval_strategy=no"];
        using SmallRun run = new();
        EngineProcess.Run(["compare", run.RunFile, "--methods", "lora", .. settings]).Succeeded();
        DateTime lora = File.GetLastWriteTimeUtc(run.File("run/lora/seed-3/metrics.jsonl"));

        string[] both = ["compare", run.RunFile, "--methods", "lora,flat-lora", .. settings];
        (int code, string rest) = EngineProcess.SignalAt("step 10/", EngineProcess.InterruptSignal, both);
        Assert.Equal(130, code);
        Assert.Contains("1 of 2 runs are done; go on with: engine compare", rest, StringComparison.Ordinal);
        Assert.Equal([1, 0], Methods(Report(run)).Select(method => Runs(method).Length));

        EngineResult whole = EngineProcess.Run(both).Succeeded();
        Assert.Contains("resumed after step", whole.Output, StringComparison.Ordinal);
        Assert.Equal(lora, File.GetLastWriteTimeUtc(run.File("run/lora/seed-3/metrics.jsonl")));
        EngineProcess.Run(["compare", run.RunFile, "--methods", "flat-lora", .. settings, "--set", "output=again"]).Succeeded();
        JsonNode again = JsonNode.Parse(File.ReadAllText(run.File("again/comparison.json")))!;
        Assert.Equal(Runs(Methods(again)[0])[0]["metrics"]!.ToJsonString(), Runs(Methods(Report(run))[1])[0]["metrics"]!.ToJsonString());
    }

    [Fact]
    public void A_run_that_fails_is_reported_and_loses_no_other()
    {
        using SmallRun run = new();
        EngineResult result = EngineProcess.Run(
            ["compare", run.RunFile, "--methods", "lora,bi-lora{auxiliary_init=absent.safetensors},nbar", "--seeds", "1", .. Short]);
        Assert.Equal(1, result.Code);
        Assert.Contains("absent.safetensors", result.Error, StringComparison.Ordinal);
        Assert.Contains("failed: bi-lora", result.Output, StringComparison.Ordinal);
        JsonNode[] methods = Methods(Report(run));
        Assert.Equal([1, 0, 1], methods.Select(method => Runs(method).Length));
        Assert.Contains("absent.safetensors", methods[1]["failed"]![0]!["reason"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public void Sharpness_is_measured_once_and_shown_with_the_metrics()
    {
        using SmallRun run = new();
        string[] arguments = ["compare", run.RunFile, "--methods", "lora,flat-lora", "--seeds", "2", .. Short, "--sharpness",
            "expected,worst-case", "--sharpness-rows", "16"];
        EngineResult result = EngineProcess.Run(arguments).Succeeded();
        Assert.Contains("sharpness, weights space", result.Output, StringComparison.Ordinal);
        foreach (JsonNode method in Methods(Report(run)))
        {
            foreach (string space in (string[])["adapter", "weights"])
            {
                double[] rises = [.. Runs(method).Select(made => made["sharpness"]![space]!["ascent"]!.GetValue<double>())];
                Assert.All(rises, rise => Assert.True(rise > 0, $"the loss does not rise by ascent: {rise}"));
                Assert.Equal(rises.Average(), method["sharpness"]![space]!["ascent"]!["mean"]!.GetValue<double>(), 12);
                Assert.NotNull(method["sharpness"]![space]!["expected"]);
            }
        }

        string page = File.ReadAllText(run.File("run/comparison.html"));
        Assert.Contains("How flat the loss is around them", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        string kept = run.File("run/lora/seed-3/sharpness.json");
        DateTime written = File.GetLastWriteTimeUtc(kept);
        EngineProcess.Run(arguments).Succeeded();
        Assert.Equal(written, File.GetLastWriteTimeUtc(kept));
        EngineProcess.Run(["compare", run.RunFile, "--methods", "lora", "--sharpness", "plane"])
            .Refused(1, "plane", "expected, worst-case");
    }

    [Fact]
    public void A_file_names_what_is_compared()
    {
        using SmallRun run = new();
        File.WriteAllText(run.File("methods.yaml"), """
            slow: {learning_rate: 1.0e-4}
            fast: {learning_rate: 1.0e-2, method: {name: flat-lora, rho: 0.1}}
            """);
        EngineProcess.Run(["compare", run.RunFile, "--methods", run.File("methods.yaml"), "--seeds", "1", .. Short]).Succeeded();
        Assert.Contains("learning_rate: 0.0001", File.ReadAllText(run.File("run/slow/seed-3/config.yaml")), StringComparison.Ordinal);
        Assert.Contains("flat-lora", File.ReadAllText(run.File("run/fast/seed-3/config.yaml")), StringComparison.Ordinal);
        Assert.Equal("slow", Report(run)["reference"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("lora,flat-lore", "flat-lora")]
    [InlineData("flat-lora{rhoo=0.1}", "rho")]
    [InlineData("flat-lora{rho}", "name=value")]
    [InlineData("flat-lora{rho=0.1", "expected a method")]
    [InlineData("lora,lora", "name each once")]
    [InlineData("lora,", "expected a method")]
    [InlineData("flat-lora+bi-lora", "do not go together")]
    public void Wrong_methods_are_refused_before_anything_runs(string methods, string expected)
    {
        using SmallRun run = new();
        EngineProcess.Run("compare", run.RunFile, "--methods", methods, "--set", "adapter.r=4").Refused(1, expected);
        Assert.False(Directory.Exists(run.File("run")));
    }

    private static JsonNode Report(SmallRun run) => JsonNode.Parse(File.ReadAllText(run.File("run/comparison.json")))!;

    private static JsonNode[] Methods(JsonNode report) => [.. report["methods"]!.AsArray().Select(method => method!)];

    private static JsonNode[] Runs(JsonNode method) => [.. method["runs"]!.AsArray().Select(made => made!)];
}

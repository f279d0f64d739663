using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>Runs that end before their time, in a process of their own: stopped by Ctrl-C, killed, out of disk.</summary>
public sealed class ResumeTests
{
    /// <summary>More lines of progress than a pipe holds: the process cannot end before the test reads on.</summary>
    private const int Steps = 1000;

    /// <summary>With everything random that a run has: dropout, the method's noise, shuffling, an adapter drawn from the seed.</summary>
    private static readonly string[] Adapter =
    [
        "--set", "adapter={r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: [query, value]}", "--set",
        "method={name: flat-lora, rho: 0.1, noise_seed: 7}",
        "--set", "logging_steps=1", "--set", "eval_strategy=steps",
    ];

    [Fact]
    public void Killed_run_resumes_to_the_uninterrupted_result_and_not_to_that_of_a_cold_start()
    {
        using SmallRun run = new();
        string[] settings = [.. Adapter, "--set", $"max_steps={Steps}", "--set", "save_steps=40", "--set", "eval_steps=250"];
        EngineProcess.Run(["train", run.RunFile, "--set", $"output={run.File("whole")}", .. settings]).Succeeded();

        (int code, _) = EngineProcess.SignalAt("step 45/", EngineProcess.KillSignal, ["train", run.RunFile, .. settings]);
        Assert.Equal(128 + EngineProcess.KillSignal, code);
        Assert.False(File.Exists(run.File("run/summary.json")));
        Assert.False(Directory.Exists(run.File("run/adapter")));
        EngineResult resumed = EngineProcess.Run(["train", run.RunFile, "--resume", .. settings]).Succeeded();
        int from = int.Parse(Regex.Match(resumed.Output, "resumed after step ([0-9]+)").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(from, 40, Steps - 40);

        Assert.Equal(
            File.ReadAllBytes(run.File("whole/adapter/adapter_model.safetensors")),
            File.ReadAllBytes(run.File("run/adapter/adapter_model.safetensors")));
        Assert.Equal(Numbers(run, "whole/metrics.jsonl", "loss"), Numbers(run, "run/metrics.jsonl", "loss"));
        Assert.Equal(Numbers(run, "whole/metrics.jsonl", "gradient_norm"), Numbers(run, "run/metrics.jsonl", "gradient_norm"));
        Assert.Equal(Numbers(run, "whole/evaluations.jsonl", "loss"), Numbers(run, "run/evaluations.jsonl", "loss"));

        EngineProcess.Run(["train", run.RunFile, "--set", $"output={run.File("cold")}", .. settings, "--set", "max_steps=40"]).Succeeded();
        Assert.NotEqual(
            File.ReadAllBytes(run.File("cold/adapter/adapter_model.safetensors")),
            File.ReadAllBytes(run.File("run/adapter/adapter_model.safetensors")));
        Assert.NotEqual(Numbers(run, "cold/metrics.jsonl", "loss"), Numbers(run, "run/metrics.jsonl", "loss").Skip(from).Take(40));
    }

    [Fact]
    public void Interrupted_run_keeps_what_it_learned_and_resumes_to_the_uninterrupted_result()
    {
        using SmallRun run = new();
        string[] length = ["--set", $"max_steps={Steps}", "--set", "eval_strategy=no", "--set", "logging_steps=1"];
        (int code, string rest) = EngineProcess.SignalAt("step 5/", EngineProcess.InterruptSignal, ["train", run.RunFile, .. length]);
        Assert.Equal(130, code);
        Assert.Contains("go on with: engine train", rest, StringComparison.Ordinal);

        Assert.True(File.Exists(run.File("run/model/model.safetensors")));
        Assert.False(File.Exists(run.File("run/summary.json")));
        EngineProcess.Run(["train", run.RunFile, .. length]).Refused(1, "unfinished run", "--resume");
        EngineResult resumed = EngineProcess.Run(["train", run.RunFile, "--resume", .. length]).Succeeded();
        Assert.Contains("resumed after step", resumed.Output, StringComparison.Ordinal);
        EngineProcess.Run(["train", run.RunFile, "--set", $"output={run.File("whole")}", .. length]).Succeeded();
        Assert.Equal(
            File.ReadAllBytes(run.File("whole/model/model.safetensors")), File.ReadAllBytes(run.File("run/model/model.safetensors")));
        Assert.Equal(Steps, File.ReadAllLines(run.File("run/metrics.jsonl")).Length);
    }

    /// <summary>A process that lives keeps its folder, one that was killed does not.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public void A_second_process_is_refused_with_the_first_ones_number_and_host_until_that_is_gone()
    {
        using SmallRun run = new();
        string[] settings = [.. Adapter, "--set", $"max_steps={Steps}", "--set", "save_steps=40", "--set", "eval_steps=900"];
        int holder = 0;
        (int code, _) = EngineProcess.SignalAt("step 45/", EngineProcess.KillSignal, ["train", run.RunFile, .. settings],
            whileRunning: process =>
            {
                holder = process;
                foreach (string[] way in (string[][])[[], ["--resume"], ["--overwrite"]])
                {
                    EngineProcess.Run(["train", run.RunFile, .. way, .. settings])
                        .Refused(1, $"{run.File("run")} is held by process {process} on {Environment.MachineName}");
                }
            });
        Assert.Equal(128 + EngineProcess.KillSignal, code);
        Assert.Contains($"\"process\":{holder},", File.ReadAllText(run.File("run/engine.lock")), StringComparison.Ordinal);
        EngineProcess.Run(["train", run.RunFile, .. settings]).Refused(1, "unfinished run", "--resume");
        EngineProcess.Run(["train", run.RunFile, "--resume", .. settings]).Succeeded();
        Assert.False(File.Exists(run.File("run/engine.lock")));
    }

    public static TheoryData<int> SmallDisks { get; } = WantedDevices.Long ? [96, 116, 168] : [116];

    /// <summary>
    /// The run's folder is a file system of its own, seen by the test's processes alone, that fills up at one or another write; with more
    /// room the run goes on from its newest checkpoint.
    /// </summary>
    [SmallDiskTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(SmallDisks))]
    public void Full_disk_stops_the_run_with_the_file_and_the_checkpoint_it_can_go_on_from(int sizeInKibibytes)
    {
        using SmallRun run = new();
        Directory.CreateDirectory(run.File("run"));
        string[] settings = [.. Adapter, "--set", "max_steps=40", "--set", "save_steps=6", "--set", "eval_steps=8"];
        EngineProcess.Run(["train", run.RunFile, "--set", $"output={run.File("whole")}", .. settings]).Succeeded();
        string train = $"$ENGINE train {run.RunFile} {string.Join(' ', settings.Select(word => $"'{word}'"))}";
        EngineResult result = SmallDisk.Run($$"""
            mount -t tmpfs -o size={{sizeInKibibytes}}k tmpfs {{run.File("run")}}
            {{train}} 2> {{run.File("error.txt")}} && exit 1
            ls {{run.File("run")}} > {{run.File("left.txt")}}
            mount -o remount,size=4m {{run.File("run")}}
            {{train}} --resume
            cp -r {{run.File("run")}} {{run.File("kept")}}
            """);
        string error = File.ReadAllText(run.File("error.txt"));
        Assert.True(result.Code == 0, $"{result.Output}\n{result.Error}\n{error}");
        Assert.StartsWith("error: The run stopped after step", error, StringComparison.Ordinal);
        Assert.Contains(run.File("run/"), error, StringComparison.Ordinal);
        Assert.Contains("No space left on device", error, StringComparison.Ordinal);
        Assert.Contains("can be resumed", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("partial", File.ReadAllText(run.File("left.txt")), StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(run.File("whole/adapter/adapter_model.safetensors")),
            File.ReadAllBytes(run.File("kept/adapter/adapter_model.safetensors")));
        Assert.Equal(Numbers(run, "whole/metrics.jsonl", "loss"), Numbers(run, "kept/metrics.jsonl", "loss"));
    }

    private static double[] Numbers(SmallRun run, string file, string key) =>
        [.. File.ReadLines(run.File(file)).Select(line => JsonNode.Parse(line)![key]!.GetValue<double>())];
}

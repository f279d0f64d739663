using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Optim.Methods;
using Engine.Training.Comparing;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Comparing;

/// <summary>Comparisons as a program makes them.</summary>
public sealed class ComparisonInCodeTests
{
    private static readonly ComparedMethod[] Methods =
        [ComparedMethod.Of("lora", null), ComparedMethod.Of("flat", new FlatLora { Rho = 0.2, NoiseSeed = 7 })];

    /// <summary>The file's side is what the command line makes; both are compared by what they computed.</summary>
    [Fact]
    public void Methods_made_in_code_come_to_what_the_same_methods_of_a_run_file_do()
    {
        using var tiny = new TinyRun();
        var seen = new Seen();
        ComparisonOutcome made = Compare(new Comparison(Run(tiny, "made"), Methods, seeds: 2), seen);
        string runFile = tiny.WriteRun("read");
        ComparisonOutcome read = Compare(
            new Comparison(runFile, [], ComparedMethod.ParseList("lora,flat-lora{rho=0.2,noise_seed=7}"), seeds: 2), new Seen());
        Assert.False(made.Interrupted);
        Assert.Equal(("lora", "lora"), (made.Report.Reference.Name, read.Report.Reference.Name));
        Assert.Equal((null, runFile), (made.Report.RunFile, read.Report.RunFile));
        foreach ((MethodResult one, MethodResult other) in made.Report.Methods.Zip(read.Report.Methods))
        {
            Assert.Equal([3UL, 4UL], one.Runs.Select(run => run.Seed));
            Assert.Equal(one.Runs.Select(run => run.Metrics["loss"]), other.Runs.Select(run => run.Metrics["loss"]));
        }

        Assert.Equal(4, made.Report.Methods.SelectMany(method => method.Runs).Select(run => run.Metrics["loss"]).Distinct().Count());
        Assert.Equal(["lora 1/4", "flat 2/4", "lora 3/4", "flat 4/4"], seen.Started);
        Assert.Equal(4, seen.Ended);
        Assert.True(seen.Steps >= 4 * TrainerRuns.Steps, $"{seen.Steps} steps were told of");
        Assert.True(File.Exists(made.JsonPath));
        Assert.Equal(File.ReadAllText(made.PagePath), made.Report.ToHtml());
        Assert.Contains("<dt>compared by</dt><dd>accuracy</dd>", made.Report.ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelled_it_keeps_what_there_is_and_the_same_comparison_goes_on()
    {
        using var tiny = new TinyRun();
        var comparison = new Comparison(Run(tiny, "run"), Methods, seeds: 1);
        using var source = new CancellationTokenSource();
        ComparisonOutcome cut = Compare(comparison, new Seen { OnEnd = source.Cancel }, source.Token);
        Assert.True(cut.Interrupted);
        Assert.Equal([1, 0], cut.Report.Methods.Select(method => method.Runs.Count));
        var seen = new Seen();
        ComparisonOutcome whole = Compare(comparison, seen);
        Assert.False(whole.Interrupted);
        Assert.Equal(["flat 1/1"], seen.Started);
        Assert.Equal([1, 1], whole.Report.Methods.Select(method => method.Runs.Count));
    }

    [Fact]
    public void A_run_that_fails_is_told_of_and_the_others_are_made()
    {
        using var tiny = new TinyRun();
        string absent = tiny.File("absent.safetensors");
        ComparedMethod[] methods = [new("broken", run => run with { Adapter = run.Adapter! with { Init = absent } }), Methods[0]];
        var seen = new Seen();
        ComparisonOutcome outcome = Compare(new Comparison(Run(tiny, "run"), methods, seeds: 1), seen);
        Assert.Contains(absent, Assert.Single(seen.Failures), StringComparison.Ordinal);
        Assert.Equal(seen.Failures, outcome.Report.Methods[0].Failed.Select(failed => failed.Reason));
        Assert.Equal("0, 1 failed", outcome.Report.Methods[0].RunsText);
        Assert.Single(outcome.Report.Methods[1].Runs);
    }

    [Fact]
    public void Text_methods_take_the_place_of_keys_of_a_run_made_in_code()
    {
        using var tiny = new TinyRun();
        File.WriteAllText(tiny.File("methods.yaml"), "fast: {method: {name: flat-lora, rho: 0.3}, learning_rate: 1.0e-2}");
        PlannedRun planned =
            Assert.Single(new Comparison(Run(tiny, "run"), ComparedMethod.ReadFile(tiny.File("methods.yaml")), seeds: 1).Runs);
        Assert.Equal((1e-2, 0.3), (planned.Run.LearningRate, Assert.IsType<FlatLora>(planned.Run.Method).Rho.Value));
        Assert.Equal(4, planned.Run.PerDeviceTrainBatchSize);
        Assert.Equal(tiny.File("run/fast/seed-3"), planned.Run.Output);
    }

    [Fact]
    public void What_cannot_be_compared_is_refused_before_anything_is_written()
    {
        using var tiny = new TinyRun();
        RunConfiguration run = Run(tiny, "run");
        Refused("at least 1", () => new Comparison(run, Methods, seeds: 0));
        Refused("at least 1", () => new Comparison(run, [], seeds: 1));
        Refused("name each once", () => new Comparison(run, [Methods[0], Methods[0]], seeds: 1));
        Refused("are the same for everything", () => new Comparison(run, [new("other", changed => changed with { Seed = 9 })], seeds: 1));
        Assert.False(Directory.Exists(tiny.File("run")));
    }

    private static void Refused(string expected, Func<Comparison> make) =>
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(make).Message, StringComparison.Ordinal);

    private static RunConfiguration Run(TinyRun tiny, string output) => RunConfiguration.Load(tiny.WriteRun(output)) with { Method = null };

    private static ComparisonOutcome Compare(Comparison comparison, Seen seen, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        return comparison.Run(device, sharpness: null, seen, cancellation);
    }

    private sealed class Seen : IProgress<ComparisonProgress>
    {
        public List<string> Started { get; } = [];

        public List<string> Failures { get; } = [];

        public int Ended { get; private set; }

        public int Steps { get; private set; }

        public Action? OnEnd { get; init; }

        public void Report(ComparisonProgress value)
        {
            switch (value)
            {
                case ComparisonProgress.RunStarted started:
                    Started.Add($"{started.Run.Method.Name} {started.Number}/{started.Count}");
                    break;
                case ComparisonProgress.Training { Progress: TrainingProgress.Step }:
                    Steps++;
                    break;
                case ComparisonProgress.RunEnded:
                    Ended++;
                    OnEnd?.Invoke();
                    break;
                case ComparisonProgress.RunFailed failed:
                    Failures.Add(ErrorSentence.Of(failed.Problem));
                    break;
            }
        }
    }
}

using Engine.Common;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>What a run's <c>Data</c> says of examples in memory.</summary>
public sealed class ExampleDataTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task Part_of_the_examples_in_memory_is_held_out()
    {
        RunConfiguration run = Run() with { Output = tiny.File("split"), Data = new() { ValidationSplit = 0.25 } };
        using TextClassifier classifier = await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"));

        ExampleSet heldOut = RunConfiguration.Load(tiny.File("split/config.yaml")).ReadValidationExamples()!;
        Assert.Equal(10, heldOut.Count);
        IEnumerable<LabelledText> rows = heldOut.Examples.Select(row => new LabelledText(row.Text, row.Label!));
        Assert.Equal(classifier.Training!.After!["accuracy"], classifier.Evaluate(rows)["accuracy"]);
    }

    [Fact]
    public async Task Order_of_labels_and_time_of_evaluations_are_the_runs()
    {
        var told = new Listener();
        RunConfiguration run = Run() with
        {
            Data = new() { ValidationSplit = 0.25, Labels = ["tool", "animal"] },
            EvalStrategy = IntervalStrategy.Steps,
            EvalSteps = 2,
            MaxSteps = 4,
        };
        using TextClassifier classifier =
            await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"), options: new FineTuneOptions { Progress = told });

        Assert.Equal(["tool", "animal"], classifier.Labels);
        Assert.Equal([0, 2, 4], told.Of<TrainingProgress.Evaluated>().Select(evaluated => evaluated.StepNumber));
    }

    [Fact]
    public async Task Chance_of_masks_is_the_runs_and_evaluations_keep_it()
    {
        string[] texts = [.. tiny.Labelled("train.tsv").Select(row => row.Text)];
        async Task<(double Loss, MaskedLanguageModel Model)> TrainAsync(string output, double chance)
        {
            RunConfiguration run = Run() with
            {
                Output = tiny.File(output),
                Adapter = null,
                MaxSteps = 1,
                Data = new() { MlmProbability = chance },
            };
            MaskedLanguageModel model = await FineTune.MaskedLanguageModelAsync(run, texts, texts);
            return (model.Training!.After!["loss"], model);
        }

        (double few, MaskedLanguageModel first) = await TrainAsync("few", 0.15);
        (double many, MaskedLanguageModel second) = await TrainAsync("many", 0.6);
        using (first)
        using (second)
        {
            Assert.NotEqual(few, many);
            Assert.Equal(0.6, RunConfiguration.Load(tiny.File("many/config.yaml")).Data.MlmProbability);

            // The same masks and weights, loaded again.
            Assert.Equal(many, (await second.EvaluateAsync(texts))["loss"], 1e-6);
        }
    }

    [Fact]
    public void What_is_said_of_examples_stays()
    {
        DataConfiguration given = new() { ValidationSplit = 0.1, Labels = ["b", "a"], LineByLine = false, MlmProbability = 0.3 };

        Assert.Equal(given with { Train = "rows.jsonl" }, ExampleData.Of(given, "rows.jsonl", null));
        Assert.Equal(new() { Train = "rows.jsonl", Validation = "more.jsonl" }, ExampleData.Of(null, "rows.jsonl", "more.jsonl"));
    }

    /// <summary>It is refused by its property's name, not left aside in silence.</summary>
    [Fact]
    public async Task What_only_files_have_is_refused_of_examples_in_memory()
    {
        (string Property, DataConfiguration Data)[] ofFiles =
        [
            ("Validation", new() { Validation = "dev.tsv" }), ("Format", new() { Format = DataFormats.Csv }),
            ("Header", new() { Header = true }), ("Delimiter", new() { Delimiter = ';' }), ("Text", new() { Text = "a" }),
            ("TextPair", new() { TextPair = "b" }), ("Label", new() { Label = "c" }), ("Limit", new() { Limit = 1 }),
            ("ValidationLimit", new() { ValidationLimit = 1 }), ("Kind", new() { Kind = CausalDataKind.Text }),
        ];
        foreach ((string property, DataConfiguration data) in ofFiles)
        {
            ConfigurationException refused = await Assert.ThrowsAsync<ConfigurationException>(
                () => FineTune.ClassifierAsync(Run() with { Data = data }, tiny.Labelled("train.tsv")));
            Assert.StartsWith($"Data.{property} is read of data files", refused.Message, StringComparison.Ordinal);

            // Of a run that names files of its own it goes with these.
            ExampleData.Check(data with { Train = "own.tsv" }, validates: true);
            Assert.Equal(new() { Train = "rows.jsonl" }, ExampleData.Of(data with { Train = "own.tsv" }, "rows.jsonl", null));
        }

        ConfigurationException both = await Assert.ThrowsAsync<ConfigurationException>(() => FineTune.ClassifierAsync(
            Run() with { Data = new() { ValidationSplit = 0.1 } }, tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv")));
        Assert.Contains("leave out one of the two", both.Message);
    }

    [Fact]
    public async Task Run_without_files_and_examples_says_what_is_missing()
    {
        ConfigurationException missing = await Assert.ThrowsAsync<ConfigurationException>(
            () => FineTune.ClassifierAsync(Run() with { Data = new() { ValidationSplit = 0.1 } }));

        Assert.StartsWith("Data.Train is missing", missing.Message, StringComparison.Ordinal);
        Assert.Empty(new DataConfiguration().Files);
    }

    private RunConfiguration Run() => tiny.Run();
}

using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>Messages speak of examples in memory as the program calls them, not of files that it never wrote.</summary>
public sealed class ExampleNamesTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task Error_names_the_entry_of_the_parameter()
    {
        LabelledText[] rows = [.. tiny.Labelled("train.tsv")], unseen = [new("the small heron", "animal"), new("a saw", "vehicle")];

        DataFileException unknown =
            await Assert.ThrowsAsync<DataFileException>(() => FineTune.ClassifierAsync(tiny.Run(), rows, unseen));
        DataFileException single = await Assert.ThrowsAsync<DataFileException>(
            () => FineTune.ClassifierAsync(tiny.Run(), rows.Select(row => row with { Label = "x" })));

        Assert.StartsWith("validation[1]: the label 'vehicle' is not among the labels of train", unknown.Message, StringComparison.Ordinal);
        Assert.StartsWith("train: every row has the label 'x'", single.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(".jsonl", unknown.Message + single.Message);
    }

    [Fact]
    public async Task What_no_example_can_hold_is_refused_before_anything_is_read()
    {
        async Task<string> Refused(params LabelledText[] rows) =>
            (await Assert.ThrowsAsync<ArgumentException>(() => FineTune.ClassifierAsync(tiny.Run(), rows))).Message;
        ScoredText[] scores = [new("a", 1), new("b", double.NaN)];

        Assert.StartsWith("train[1]: its Text is null", await Refused(new("a", "x"), new(null!, "y")), StringComparison.Ordinal);
        Assert.StartsWith("train[0]: its Label is null", await Refused(new LabelledText("a", null!)), StringComparison.Ordinal);
        Assert.StartsWith("train[2]: it is null", await Refused(new("a", "x"), new("b", "y"), null!), StringComparison.Ordinal);
        Assert.StartsWith(
            "train[1]: 'b' is one of a pair", await Refused(new("a", "x"), new("b", "y") { TextPair = "c" }), StringComparison.Ordinal);
        Assert.StartsWith(
            "train[1]: its Score is NaN",
            (await Assert.ThrowsAsync<ArgumentException>(() => FineTune.RegressorAsync(tiny.Run(), scores))).Message,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "validation[0]: its Text is null",
            (await Assert.ThrowsAsync<ArgumentException>(
                () => FineTune.ClassifierAsync(tiny.Run(), [new("a", "x"), new("b", "y")], [new(null!, "x")]))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notes_and_evaluations_speak_of_the_parameters_too()
    {
        var told = new Listener();
        var log = new Recorder();
        string longText = string.Join(' ', Enumerable.Repeat("the small heron", 40));
        LabelledText[] rows = [.. tiny.Labelled("train.tsv"), new(longText, "animal")];

        using TextClassifier classifier = await FineTune.ClassifierAsync(
            tiny.Run() with { MaxSteps = 1 }, rows, options: new FineTuneOptions { Progress = told, Logger = log });

        string note = Assert.Single(told.Of<TrainingProgress.Started>().Single().Notes, text => text.Contains("longer than"));
        Assert.StartsWith("train: 1 of 41 texts", note, StringComparison.Ordinal);
        Assert.Contains(note, log.Lines);
        DataFileException unknown = Assert.Throws<DataFileException>(
            () => classifier.Evaluate([new("the small heron", "animal"), new("a saw", "vehicle")]));
        Assert.StartsWith("examples[1]: the label 'vehicle'", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_that_is_null_is_said_to_be()
    {
        using TextClassifier classifier =
            await FineTune.ClassifierAsync(tiny.Run() with { MaxSteps = 1 }, tiny.Labelled("train.tsv"));
        using EngineEmbeddingGenerator generator = EngineEmbeddingGenerator.Open(tiny.File("model"));

        Assert.Throws<ArgumentNullException>(() => classifier.Predict((string)null!));
        await Assert.ThrowsAsync<ArgumentNullException>(() => classifier.PredictAsync(["a", null!]));
        await Assert.ThrowsAsync<ArgumentNullException>(() => generator.GenerateAsync(["a", null!]));
    }

    [Fact]
    public void Places_of_other_files_stay()
    {
        const string Own = "/runs/a/data/train-0123.jsonl", Other = "/data/train-0124.jsonl";
        string[] Said() =>
        [
            new DataPlace(Own, 3).Wrong("no label.").Message, $"{new DataPlace(Own, 1)}", $"{new DataFiles([Own, Other])}",
            new DataPlace(Other, 3).Wrong("no label.").Message, $"{new DataPlace(Other, 1)}",
        ];
        string[] before = Said();
        using (ExampleNames.Use(new Dictionary<string, string> { [Own] = "train" }))
        {
            Assert.Equal(
                ["train[2]: no label.", "train[0]", $"train, {Other}", $"{Other}:3: no label.", $"line 1 of {Other}"], Said());
        }

        Assert.Equal($"{Own}:3: no label.", before[0]);
        Assert.Equal(before, Said());
    }
}

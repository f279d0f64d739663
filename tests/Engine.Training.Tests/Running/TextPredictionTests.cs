using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using static Engine.Training.Tests.Running.TrainerRuns;

namespace Engine.Training.Tests.Running;

/// <summary>What a program asks of a finished run: answers to files' rows, and what to try first.</summary>
public sealed class TextPredictionTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Rows_of_files_are_answered_one_by_one_or_as_a_file()
    {
        Train(tiny.WriteRun("run", "max_steps: 2"));
        string longText = string.Join(' ', Enumerable.Repeat("saw", 90));
        File.WriteAllLines(tiny.File("new.csv"), ["id,sentence", "7,the small heron", "8,\"\"", $"9,{longText}"]);
        var texts = new DataSelection { Files = tiny.File("new.csv") };
        TrainedModel trained = TrainedModel.Resolve(tiny.File("run"));
        using var device = new CpuDevice();

        using OpenedPrediction opened = new TextPrediction(trained, texts).Open(device);
        Prediction[] answers = [.. opened.Answers().Select(answer => answer.Prediction)];
        Assert.Equal([false, false, true], answers.Select(answer => answer.IsCut));
        Prediction alone = opened.Predictor.Predict([("the small heron", null)], opened.Predictor.ReadLength, 1)[0];
        Assert.Equal(alone.Probability, answers[0].Probability, 1e-6);
        Assert.Equal(["1 of 3 texts are longer than 64 tokens and were cut.", "1 of 3 texts are empty."], opened.Notes);

        var setup = new PredictionSetup { Output = tiny.File("answers.csv") };
        using (OpenedPrediction written = new TextPrediction(trained, texts, setup).Open(device))
        {
            Assert.Empty(written.Write());
        }

        string[] lines = File.ReadAllLines(tiny.File("answers.csv"));
        Assert.Equal("id,sentence,prediction,probability", lines[0]);
        Assert.StartsWith($"7,the small heron,{answers[0].Label},", lines[1], StringComparison.Ordinal);
        Assert.Equal(
            ["Overwrite"],
            Assert.Throws<ConfigurationException>(() => new TextPrediction(trained, texts, setup)).Settings);
    }

    [Fact]
    public void Columns_that_nobody_names_and_pairs_that_are_none_are_refused()
    {
        File.WriteAllLines(tiny.File("new.csv"), ["id,sentence", "7,a b"]);
        File.WriteAllLines(tiny.File("lines.txt"), ["a\tb", "c"]);
        var model = new TrainedModel(tiny.File("model"), null, null);

        ConfigurationException unnamed = Assert.Throws<ConfigurationException>(
            () => new TextPrediction(model, new DataSelection { Files = tiny.File("new.csv") }));
        Assert.Contains("Say which column of", unnamed.Message, StringComparison.Ordinal);
        Assert.Equal(["Text", "TextPair"], unnamed.Settings);
        Assert.Contains("No files", Assert.Throws<ConfigurationException>(() => new TextPrediction(model, new DataSelection())).Message);
        var reading = new TextReading(new DataSelection { Files = tiny.File("lines.txt") }, null, pairsInLines: true, keepsColumns: false);
        Assert.Contains(
            "lines.txt:2: 0 tabs; one was expected",
            Assert.Throws<Engine.Model.Batching.DataFileException>(() => reading.All.Rows.ToArray()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sequence-classification", ModelUse.Predict)]
    [InlineData("masked-lm", null)]
    public void Run_says_what_to_try_first(string task, ModelUse? use)
    {
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("run")) with
        {
            Task = task == "masked-lm" ? TaskKind.MaskedLanguageModel : TaskKind.SequenceClassification,
        };
        NextUse? next = NextUse.Of(run);
        Assert.Equal(use, next?.Use);
        string first = File.ReadLines(tiny.File("dev.tsv")).ElementAt(1).Split('\t')[0];
        Assert.Equal(use is null ? null : string.Join(' ', first.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(12)), next?.Text);
    }
}

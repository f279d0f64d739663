using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>What a run says of its data and its evaluations.</summary>
public sealed class TrainingNotesTests
{
    [Fact]
    public void Best_evaluation_whose_loss_is_above_that_before_training_is_said_and_so_are_classes()
    {
        using var tiny = new TinyRun();
        tiny.WriteTable(
            "odd.tsv", Enumerable.Range(0, 40)
                .Select(i => (i == 7 ? "" : $"{string.Concat(Enumerable.Repeat("beetle ", i == 9 ? 80 : 1))}{i}",
                    $"{i % 2}{(i % 4 == 0 ? ".0" : "")}")));
        var reports = new List<TrainingProgress>();
        string run = tiny.WriteRun("run", "lr_scheduler_type: constant", "plain");
        File.WriteAllText(run, File.ReadAllText(run).Replace("learning_rate: 5.0e-3", "learning_rate: 3", StringComparison.Ordinal)
            .Replace("train: train.tsv, validation: dev.tsv", "train: odd.tsv, validation: odd.tsv", StringComparison.Ordinal));
        using (var device = new CpuDevice())
        using (var trainer = new Trainer(RunConfiguration.Load(run), device, progress: new Collected(reports)))
        {
            trainer.Train();
        }

        TrainingProgress.Started started = reports.OfType<TrainingProgress.Started>().Single();
        Assert.Equal([new("0", 20), new ClassCount("1", 20)], started.Classes);
        Assert.Contains(
            started.Notes, note =>
                note.EndsWith("1 of 40 texts are longer than max_length (64 tokens) and were cut.", StringComparison.Ordinal));
        Assert.Contains(started.Notes, note => note.Contains("1 of 40 texts are empty, the first in line 9 of ", StringComparison.Ordinal));
        Assert.Contains(
            started.Notes, note => note.Contains("the texts of 40 of 40 rows are in the training data too", StringComparison.Ordinal));
        TrainingProgress.Evaluated[] evaluations = [.. reports.OfType<TrainingProgress.Evaluated>()];
        double before = evaluations[0].Metrics["loss"];
        TrainingProgress.Evaluated best = evaluations.First(evaluation => evaluation.Best);
        Assert.True(best.Metrics["loss"] > before, $"the loss went from {before} to {best.Metrics["loss"]}");
        Assert.Contains("its loss is above", best.Warning, StringComparison.Ordinal);
        Assert.Null(evaluations[0].Warning);
    }

    [Fact]
    public void Best_evaluation_of_a_metric_that_fell_is_said_to_be_worse_than_before_training()
    {
        string? fell = EvaluationNote.Of("accuracy", 0.7, isBest: true, lossBefore: 0.6, metricBefore: 0.54, onlyLabel: null);
        Assert.StartsWith("accuracy is worse than the 0.5400 before training", fell, StringComparison.Ordinal);
        Assert.Null(EvaluationNote.Of("accuracy", 0.5, isBest: true, lossBefore: 0.6, metricBefore: null, onlyLabel: null));
    }

    [Fact]
    public void A_model_that_takes_every_row_for_one_class_is_said_to_tell_nothing_apart()
    {
        using var tiny = new TinyRun();
        tiny.WriteTable("one.tsv", Enumerable.Range(0, 80).Select(i => ($"a saw {i}", i == 0 ? "animal" : "tool")));
        tiny.WriteTable("two.tsv", Enumerable.Range(0, 10).Select(i => ($"a saw {i}", i % 2 == 0 ? "animal" : "tool")));
        var reports = new List<TrainingProgress>();
        string run = tiny.WriteRun("run", "", "plain");
        File.WriteAllText(
            run, File.ReadAllText(run).Replace("train: train.tsv, validation: dev.tsv", "train: one.tsv, validation: two.tsv"));
        using (var device = new CpuDevice())
        using (var trainer = new Trainer(RunConfiguration.Load(run), device, progress: new Collected(reports)))
        {
            trainer.Train();
        }

        TrainingProgress.Evaluated[] evaluations = [.. reports.OfType<TrainingProgress.Evaluated>()];
        Assert.Equal(0.5, evaluations[^1].Metrics["accuracy"]);
        Assert.Contains("every row is taken for 'tool'", evaluations[^1].Warning, StringComparison.Ordinal);
        Assert.Null(evaluations[0].Warning);

        // In words, not as the names of types.
        Assert.StartsWith("evaluated after step ", $"{evaluations[^1]}", StringComparison.Ordinal);
        Assert.Contains(", accuracy 0.5000", $"{evaluations[^1]}", StringComparison.Ordinal);
        Assert.StartsWith("started: ", $"{reports[0]}", StringComparison.Ordinal);
        Assert.All(reports, report => Assert.DoesNotContain("System.", $"{report}", StringComparison.Ordinal));

        using var processor = new CpuDevice();
        ModelMetrics evaluated = new ModelEvaluation(TrainedModel.Resolve(tiny.File("run"))).Run(processor);
        Assert.Contains($"{evaluations[^1].Warning}.", evaluated.Notes);
        Assert.Contains(", accuracy 0.5000, ", $"{evaluated}", StringComparison.Ordinal);
        Assert.DoesNotContain("System.", $"{evaluated}", StringComparison.Ordinal);
        tiny.WriteTable("tools.tsv", [("a saw", "tool")]);
        var tools = new EvaluationSetup { Data = new DataSelection { Files = new DataFiles([tiny.File("tools.tsv")]) } };
        Assert.DoesNotContain(
            new ModelEvaluation(TrainedModel.Resolve(tiny.File("run")), tools).Run(processor).Notes,
            note => note.Contains("every row", StringComparison.Ordinal));
    }

    /// <summary>What the base model has in the place of the run's own head is news in training, and none when the run predicts.</summary>
    [Fact]
    public void Head_of_the_base_model_is_said_to_be_unused_in_training_alone()
    {
        using var tiny = new TinyRun();
        AddTensor(tiny.File("model/model.safetensors"), "lm_head.bias", 300);
        AddTensor(tiny.File("model/model.safetensors"), "roberta.extra.weight", 4);
        var reports = new List<TrainingProgress>();
        using var device = new CpuDevice();
        using (var trainer = new Trainer(
            RunConfiguration.Load(tiny.WriteRun("run", "max_steps: 1", "plain")), device, progress: new Collected(reports)))
        {
            trainer.Train();
        }

        const string Unused = "In the checkpoint, not used by RobertaForSequenceClassification: ";
        ModelMetrics evaluated = new ModelEvaluation(TrainedModel.Resolve(tiny.File("run"))).Run(device);
        Assert.Contains($"{Unused}lm_head.bias, roberta.extra.weight.", reports.OfType<TrainingProgress.Started>().Single().Notes);
        Assert.Contains($"{Unused}roberta.extra.weight.", evaluated.Notes);
    }

    /// <summary>What is found when model and data are read is said with the key's line, as what is found when the file is read.</summary>
    [Theory]
    [InlineData("model: model", "model: absent", 1, "model: ")]
    [InlineData("train: train.tsv", "train: absent.tsv", 6, "data.train: ")]
    [InlineData("validation: dev.tsv", "validation: absent.tsv", 6, "data.validation: ")]
    [InlineData("[query, value]", "[query, vaule]", 5, "adapter.target_modules: 'vaule'")]
    public void Complaints_of_reading_model_and_data_name_the_run_files_line(string was, string now, int line, string expected)
    {
        using var tiny = new TinyRun();
        string path = tiny.WriteRun("run");
        File.WriteAllText(path, File.ReadAllText(path).Replace(was, now, StringComparison.Ordinal));
        RunConfiguration run = RunConfiguration.Load(path);
        Assert.Equal(run with { Places = default }, run);
        using var device = new CpuDevice();
        string estimated = Assert.ThrowsAny<Exception>(() => RunEstimate.Of(run, device)).Message;
        string trained = Assert.ThrowsAny<Exception>(() => new Trainer(run, device)).Message;
        Assert.Equal(estimated, trained);
        Assert.StartsWith($"run.yaml:{line}: {expected}", trained.Replace($"{path}:", "run.yaml:", StringComparison.Ordinal));
    }

    /// <summary>A column that the data lacks is said with the key that names it, where a file does.</summary>
    [Theory]
    [InlineData("tsv", "text: sentence", "text: sentense", "data.text")]
    [InlineData("tsv", "label: label", "label: lable", "data.label")]
    [InlineData("tsv", "label: label", "label: 7", "data.label")]
    [InlineData("jsonl", "label: label", "label: lable", "data.label")]
    public void Column_that_is_not_there_is_said_with_the_key_that_names_it(string format, string was, string now, string key)
    {
        using var tiny = new TinyRun();
        File.WriteAllText(tiny.File("train.jsonl"), """{"sentence": "a saw", "label": "tool"}""");
        string path = tiny.WriteRun("run");
        File.WriteAllText(
            path, File.ReadAllText(path).Replace(was, now, StringComparison.Ordinal)
                .Replace("train: train.tsv, validation: dev.tsv, format: tsv", $"train: train.{format}", StringComparison.Ordinal));
        var run = RunConfiguration.Load(path);
        using var device = new CpuDevice();

        string message = Assert.Throws<DataFileException>(() => new Trainer(run, device)).Message;
        string inCode = Assert.Throws<DataFileException>(() => new Trainer(run with { Places = default }, device)).Message;

        Assert.StartsWith(tiny.File($"train.{format}"), message, StringComparison.Ordinal);
        Assert.Equal($"{inCode} The column is named in {path}:6: {key}.", message);
    }

    /// <summary>Adds float32 zeros to a safetensors file.</summary>
    private static void AddTensor(string path, string name, int elements)
    {
        byte[] file = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file), end = file.Length - 8 - length, bytes = elements * sizeof(float);
        JsonObject header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        header[name] =
            new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(elements), ["data_offsets"] = new JsonArray(end, end + bytes) };
        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString()), size = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(size, text.Length);
        File.WriteAllBytes(path, [.. size, .. text, .. file.AsSpan(8 + length), .. new byte[bytes]]);
    }

    private sealed class Collected(List<TrainingProgress> reports) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => reports.Add(value);
    }
}

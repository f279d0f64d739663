using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Rows of the training data that are held out.</summary>
public sealed class ValidationSplitTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Of 30, 9, 1 rows a fifth is 8: 6 and 1.8, whose remainder is the largest; the last row of a class stays.</summary>
    [Fact]
    public void Each_class_gives_its_share_and_keeps_a_row_to_train_on()
    {
        string[] labels = [.. Enumerable.Range(0, 40).Select(row => row < 30 ? "often" : row < 39 ? "seldom" : "once")];
        RunConfiguration run = Run(labels, "validation_split: 0.2");
        (ExampleSet train, ExampleSet? validation) = run.ReadExamples();

        Assert.Equal(new() { ["often"] = 6, ["seldom"] = 2 }, validation!.Examples.CountBy(example => example.Label!).ToDictionary());
        Assert.Equal(
            new() { ["often"] = 24, ["seldom"] = 7, ["once"] = 1 }, train.Examples.CountBy(example => example.Label!).ToDictionary());
        Assert.Equal(
            Enumerable.Range(0, 40), train.Examples.Concat(validation.Examples).Select(example => example.Place.Number - 2).Order());
        Assert.All((ExampleSet[])[train, validation], part =>
        {
            Assert.Equal(
                part.Examples.Select(example => example.Place.Number).Order(), part.Examples.Select(example => example.Place.Number));
            Assert.Equal(Enumerable.Range(0, part.Count), part.Examples.Select(example => example.Row));
        });
        Assert.Equal(Texts(validation), Texts(run.ReadValidationExamples()!));
        Assert.NotEqual(Texts(validation), Texts((run with { Seed = 7 }).ReadValidationExamples()!));
        Assert.Equal(
            Texts(validation).Take(3), Texts((run with { Data = run.Data with { ValidationLimit = 3 } }).ReadValidationExamples()!));
    }

    [Theory]
    [InlineData(10, 0.1, 1)]
    [InlineData(30, 0.1, 3)]
    [InlineData(11, 0.1, 2)]
    [InlineData(3, 0.99, 2)]
    public void A_regression_holds_out_the_share_rounded_up_and_never_all(int rows, double share, int expected)
    {
        RunConfiguration run =
            Run([.. Enumerable.Range(0, rows).Select(row => $"{row}")], $"validation_split: {share}", "task: regression");
        (ExampleSet train, ExampleSet? validation) = run.ReadExamples();
        Assert.Equal((rows - expected, expected), (train.Count, validation!.Count));
    }

    [Fact]
    public void Records_of_a_language_model_are_held_out_in_the_files_order()
    {
        folder.Write(
            "train.jsonl", string.Join('\n', Enumerable.Range(10, 20).Select(i => $$"""{"prompt": "{{i}}", "completion": "x"}""")));
        RunConfiguration run = RunConfiguration.Load(folder.Write(
            "run.yaml", "model: m\noutput: o\ntask: causal-lm\ndata: {train: train.jsonl, validation_split: 0.25}\n"));
        (CausalRecordSet train, CausalRecordSet? validation) = run.ReadRecords();
        string[] prompts = [.. validation!.Records.Cast<CausalRecord.Completion>().Select(record => record.Prompt)];
        Assert.Equal((15, 5), (train.Records.Count, prompts.Length));
        Assert.Equal(prompts.Order(StringComparer.Ordinal), prompts);
        Assert.Empty(prompts.Intersect(train.Records.Cast<CausalRecord.Completion>().Select(record => record.Prompt)));
    }

    [Theory]
    [InlineData("a\nb\nc", "one of each class is needed to train on")]
    [InlineData("a", "one of each class is needed to train on")]
    public void Rows_that_are_too_few_to_hold_any_out_are_refused(string labels, string expected)
    {
        DataFileException refused = Assert.Throws<DataFileException>(() => Run(labels.Split('\n'), "validation_split: 0.5").ReadExamples());
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: {train: t.tsv, text: s, label: l, validation: v.tsv, validation_split: 0.1}", "leave out one of the two")]
    [InlineData("data: {train: t.tsv, text: s, label: l, validation_split: 1}", "below 1")]
    [InlineData("data: {train: t.safetensors, format: prebatched, validation_split: 0.1}", "prebatched data is trained on, not evaluated")]
    [InlineData(
        "data: {train: t.tsv, text: s, label: l}\ntask: regression\nclass_weights: balanced", "only sequence-classification has classes")]
    [InlineData("data: {train: t.tsv, text: s, label: l}\ntask: regression\nlabel_smoothing_factor: 0.1", "only labels are smoothed")]
    [InlineData("data: {train: t.tsv, text: s, label: l}\nlabel_smoothing_factor: 1", "below 1")]
    [InlineData("data: {train: t.tsv, text: s, label: l}\nclass_weights: even", "expected balanced, or a list")]
    [InlineData("data: {train: t.tsv, text: s, label: l}\nclass_weights: [1, 0]", "a number above 0 for each class")]
    [InlineData("data: {train: t.safetensors, format: prebatched}\nclass_weights: balanced", "give the weights as a list")]
    public void Keys_that_do_not_fit_are_refused(string keys, string expected)
    {
        string path = folder.Write("run.yaml", $"model: m\noutput: o\n{keys}\n");
        Assert.Contains(
            expected, Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(path)).Message, StringComparison.Ordinal);
    }

    /// <summary>scikit-learn's compute_class_weight of 3, 1 and 2 rows: 6 / (3 * rows).</summary>
    [Fact]
    public void Balanced_weights_are_those_of_scikit_learn()
    {
        ClassCount[] classes = [new("a", 3), new("b", 1), new("c", 2)];
        Assert.Equal([2f / 3, 2, 1], ClassWeights.Balanced.Of(classes));
        Assert.Equal([1f, 2, 0.5f], new ClassWeights(1, 2, 0.5).Of(classes));
        Assert.Contains(
            "none of d", Assert.Throws<ConfigurationException>(() => ClassWeights.Balanced.Of([.. classes, new("d", 0)])).Message);
        Assert.Contains("2 numbers", Assert.Throws<ConfigurationException>(() => new ClassWeights(1, 2).Of(classes)).Message);
    }

    [Fact]
    public void Weights_and_split_are_written_and_read_back()
    {
        foreach (string weights in (string[])["balanced", "[1, 2.5]"])
        {
            RunConfiguration run = Run(["a", "b"], "validation_split: 0.125", $"class_weights: {weights}\nlabel_smoothing_factor: 0.1");
            RunConfiguration again = RunConfiguration.Load(folder.Write("again.yaml", run.ToYaml()));
            Assert.Equal(run.ToYaml(), again.ToYaml());
            Assert.Equal(run.ClassWeights!.Values, again.ClassWeights!.Values);
            Assert.Equal((0.125, 0.1), (again.Data.ValidationSplit, again.LabelSmoothingFactor));
        }
    }

    /// <summary>What is held out is evaluated, part of what a run resumes from, and found again by whoever evaluates the run.</summary>
    [Fact]
    public void A_run_evaluates_on_its_split_and_resumes_only_with_the_same()
    {
        using var tiny = new TinyRun();
        string Path(string output, string split) => tiny.WriteRun(output, "label_smoothing_factor: 0.1\nclass_weights: balanced")
            is var path && Replace(path, "validation: dev.tsv", $"validation_split: {split}") ? path : "";
        TrainingOutcome whole = Train(RunConfiguration.Load(Path("whole", "0.2")));
        Assert.NotNull(whole.After);

        RunConfiguration stopped = RunConfiguration.Load(Path("stopped", "0.2"));
        Train(stopped);
        Directory.Delete(tiny.File("stopped/checkpoint-6"), recursive: true);
        File.Delete(tiny.File("stopped/summary.json"));
        RunConfiguration other = RunConfiguration.Load(Path("stopped", "0.25"));
        Assert.Contains(
            "validation_split", Assert.Throws<TrainingException>(() => Train(other, resume: true)).Message, StringComparison.Ordinal);
        Train(stopped, resume: true);
        Assert.Equal(Weights("whole"), Weights("stopped"));

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("whole"), null);
        using Predictor predictor = Predictor.Open(device, trained.Model, trained.Adapter, trained.Seed);
        EvaluationResult result = predictor.Evaluate(trained.Run!.ReadValidationExamples()!, 64, 8);
        Assert.Equal(whole.After!["accuracy"], result.Metrics["accuracy"]);
        Assert.Equal(whole.After["loss"], result.Metrics["loss"], 1e-6);

        byte[] Weights(string run) => File.ReadAllBytes(tiny.File($"{run}/adapter/adapter_model.safetensors"));
    }

    /// <summary>
    /// A first step's loss against the definitions, from the probabilities of the untrained model: dropout is off, and the adapter starts
    /// at zero.
    /// </summary>
    [Fact]
    public void First_loss_is_the_weighted_smoothed_mean_of_the_rows()
    {
        using var tiny = new TinyRun();
        string config = tiny.File("model/config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("_prob\": 0.1", "_prob\": 0.0", StringComparison.Ordinal));
        tiny.WriteTable("train.tsv", Enumerable.Range(0, 12).Select(i => ($"text {i}", i % 4 == 0 ? "animal" : "tool")));
        string path = tiny.WriteRun(
            "run", "label_smoothing_factor: 0.2\nclass_weights: [3, 0.5]\nmax_steps: 1\neval_strategy: no", "plain");
        Replace(path, "lora_dropout: 0.1, ", "");
        Replace(path, "per_device_train_batch_size: 4", "per_device_train_batch_size: 5");
        Replace(path, "gradient_accumulation_steps: 2", "gradient_accumulation_steps: 3");
        Replace(path, "learning_rate: 5.0e-3", "learning_rate: 0.0");
        RunConfiguration run = RunConfiguration.Load(path);
        Train(run);
        double loss =
            System.Text.Json.Nodes.JsonNode.Parse(File.ReadLines(tiny.File("run/metrics.jsonl")).First())!["loss"]!.GetValue<double>();

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("run"), null);
        using Predictor predictor = Predictor.Open(device, trained.Model, trained.Adapter, trained.Seed);
        ExampleSet rows = run.ReadExamples().Train;
        IReadOnlyList<Prediction> predictions = predictor.Predict([.. rows.Examples.Select(row => (row.Text, row.TextPair))], 64, 8);
        double[] weights = [3, 0.5];
        double sum = 0, total = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            int label = rows.Examples[i].Label == "animal" ? 0 : 1;
            double[] minus = [.. predictions[i].Scores.Select((score, j) => -weights[j] * Math.Log(score))];
            sum += (0.8 * minus[label]) + (0.2 * minus.Average());
            total += weights[label];
        }

        // Probabilities of float32, about 1e-6 relative, through sums of twelve rows.
        Assert.Equal(sum / total, loss, 1e-5);
    }

    private RunConfiguration Run(string[] labels, string split, string keys = "")
    {
        folder.Write("train.tsv", "sentence\tlabel\n" + string.Concat(labels.Select((label, i) => $"text {i}\t{label}\n")));
        return RunConfiguration.Load(folder.Write(
            "run.yaml", $"model: m\noutput: o\ndata: {{train: train.tsv, text: sentence, label: label, {split}}}\n{keys}\n"));
    }

    private static string[] Texts(ExampleSet set) => [.. set.Examples.Select(example => example.Text)];

    private static bool Replace(string path, string old, string now)
    {
        string text = File.ReadAllText(path);
        File.WriteAllText(path, text.Replace(old, now, StringComparison.Ordinal));
        return text.Contains(old, StringComparison.Ordinal);
    }

    private static TrainingOutcome Train(RunConfiguration run, bool resume = false)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var trainer = new Trainer(run, device, new TrainerOptions { Resume = resume });
        return trainer.Train();
    }
}

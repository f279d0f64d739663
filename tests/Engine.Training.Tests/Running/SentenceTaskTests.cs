using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Safetensors;
using Engine.Training.Configuration;
using Engine.Training.Running;
using static Engine.Training.Tests.Running.TrainerRuns;

namespace Engine.Training.Tests.Running;

/// <summary>
/// <c>task: sentence-similarity</c>: sentences about the same animal or tool belong together, and those about animals are alike.
/// </summary>
public sealed class SentenceTaskTests : IDisposable
{
    private static readonly string[] Animals = ["heron", "otter", "badger", "wren", "salmon", "beetle"];
    private static readonly string[] Tools = ["hammer", "chisel", "plane", "saw", "anvil", "rasp"];

    private const string Scores = ", label: score, label_divisor: 5";

    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Theory]
    [InlineData("plain", ", text_negatives: [other]")]
    [InlineData("plain", ", text_negatives: [other, third]")]
    [InlineData("{name: flat-lora, rho: 0.05, noise_seed: 7}", ", text_negatives: [other]")]
    [InlineData("{name: sam, rho: 0.02}", "")]
    [InlineData("{name: bi-lora}", "")]
    [InlineData("plain", Scores)]
    [InlineData("{name: esam, rho: 0.02}", Scores)]
    public void Vectors_of_texts_that_belong_together_become_alike(string method, string columns)
    {
        WritePairs("train.jsonl", 0, 40);
        WritePairs("dev.jsonl", 40, 12);
        TrainingOutcome outcome = Train(Write("vectors", columns, method));

        RequireTrained(tiny, "vectors");
        Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        JsonNode[] evaluations = Evaluations("vectors");
        string[] metrics = columns == Scores ? ["loss", "pearson", "spearman"] : ["loss", "accuracy", "mrr"];
        Assert.Equal(metrics, evaluations[0].AsObject().Select(pair => pair.Key).TakeLast(3));

        // Forty pairs of a few words: what is learned of them in this many steps takes a tenth of the loss at least.
        double before = Number(evaluations[0], "loss"), after = Number(evaluations[^1], "loss");
        Assert.True(after < 0.9 * before, $"the loss fell from {before} to {after} only");
        string[] measures = [.. evaluations.Select(evaluation => $"{evaluation[metrics[2]]} ({evaluation["loss"]})")];
        Assert.True(
            Number(evaluations[^1], metrics[2]) > Number(evaluations[0], metrics[2]),
            $"{metrics[2]} did not rise: {string.Join(", ", measures)}");

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("vectors"));
        ModelMetrics measured = new ModelEvaluation(trained).Run(device);
        Assert.All(metrics, name => Assert.Equal(Number(evaluations[^1], name), measured.Metrics[name], 1e-5));
    }

    /// <summary>What a run without scores has made is measured on pairs with scores, and by its cosines alone.</summary>
    [Fact]
    public void Run_of_texts_that_belong_together_is_evaluated_on_scored_pairs()
    {
        WritePairs("train.jsonl", 0, 40);
        WritePairs("dev.jsonl", 40, 12);
        Train(Write("vectors", ", text_negatives: [other], label_divisor: 5", "plain"));
        TrainedModel trained = TrainedModel.Resolve(tiny.File("vectors"));
        using var device = new CpuDevice();
        ModelMetrics scored = new ModelEvaluation(
            trained, new EvaluationSetup { Data = new DataSelection { TextPair = "mixed", Label = "score" } }).Run(device);
        Assert.Equal(["loss", "pearson", "spearman"], scored.Metrics.Keys);

        using TextEmbedder embedder = TextEmbedder.Open(device, trained);
        (double[] cosines, double[] scores) = Scored(embedder, tiny.File("dev.jsonl"));
        Assert.Equal(Training.Metrics.RegressionMetrics.Spearman(scores, cosines), scored.Metrics["spearman"], 1e-9);

        // Float32 cosines on both sides, of numbers of at most 1.
        double loss = cosines.Zip(scores).Average(pair => Math.Pow(pair.First - (pair.Second / 5), 2));
        Assert.Equal(loss, scored.Metrics["loss"], 1e-5);
        Assert.Contains(
            "makes vectors of texts", Assert.Throws<ConfigurationException>(() => Predictor.Open(device, trained)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The adapter has PEFT's names of a model without a head; its vectors are those of the merged model.</summary>
    [Fact]
    public void Adapter_and_merged_model_make_the_same_vectors_pooled_as_the_folder_says()
    {
        File.WriteAllText(
            tiny.File("model/modules.json"), """
            [{"type": "sentence_transformers.models.Transformer", "path": ""},
             {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
            """);
        Directory.CreateDirectory(tiny.File("model/1_Pooling"));
        File.WriteAllText(
            tiny.File("model/1_Pooling/config.json"), """{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}""");
        File.WriteAllText(tiny.File("model/sentence_bert_config.json"), """{"max_seq_length": 7}""");
        WritePairs("train.jsonl", 0, 40);
        var said = new Said();
        Train(Write("vectors", "", "plain", validation: ""), progress: said);
        Assert.Contains(said.Notes, note => note.Contains("longer than max_length (7 tokens)", StringComparison.Ordinal));

        using (SafetensorsFile adapter = SafetensorsFile.Open(tiny.File("vectors/adapter/adapter_model.safetensors")))
        {
            Assert.All(
                adapter.Tensors, tensor => Assert.StartsWith("base_model.model.encoder.layer.", tensor.Name, StringComparison.Ordinal));
        }

        string config = File.ReadAllText(tiny.File("vectors/adapter/adapter_config.json"));
        Assert.Equal("FEATURE_EXTRACTION", JsonNode.Parse(config)!["task_type"]!.ToString());
        TrainedModel trained = TrainedModel.Resolve(tiny.File("vectors"));
        trained.WriteMerged(tiny.File("merged"));
        Assert.True(File.Exists(tiny.File("merged/1_Pooling/config.json")));

        float[][] vectors = [.. new[] { "vectors", "vectors/adapter", "merged", "model" }.Select(path => Embedded(tiny.File(path)))];
        Assert.Equal(vectors[0], vectors[1]);

        // The merged weights are rounded once to float32.
        Assert.All(vectors[0].Zip(vectors[2]), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.NotEqual(vectors[0], vectors[3]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(Scores)]
    public void Resumed_run_equals_uninterrupted_run(string columns)
    {
        WritePairs("train.jsonl", 0, 40);
        WritePairs("dev.jsonl", 40, 12);
        byte[] whole = Bytes(Train(Write("whole", columns, "plain", "save_steps: 2")));
        string path = Write("killed", columns, "plain", "save_steps: 2");
        Assert.IsType<KilledException>(Assert.Throws<TrainingException>(() => Train(path, progress: new KillAt(7))).StoppedBy);
        TrainingOutcome resumed = Train(path, new TrainerOptions { Resume = true });

        RequireTrained(tiny, "killed");
        Assert.Equal(whole, Bytes(resumed));
    }

    /// <summary>
    /// A row's texts are told from those of its batch: two rows of different texts have another loss together than each has alone.
    /// </summary>
    [Fact]
    public void Evaluation_loss_depends_on_the_batch_and_accuracy_does_not()
    {
        WritePairs("train.jsonl", 0, 40);
        WritePairs("dev.jsonl", 40, 12);
        Train(Write("four", "", "plain", "per_device_eval_batch_size: 4"));
        Train(Write("all", "", "plain", "per_device_eval_batch_size: 12"));
        JsonNode four = Evaluations("four")[0], all = Evaluations("all")[0];
        Assert.True(Number(four, "loss") < Number(all, "loss") - 0.5);
        Assert.Equal(Number(four, "mrr"), Number(all, "mrr"), 1e-9);
    }

    [Theory]
    [InlineData("{train: train.jsonl, text: first}", "", "the key 'data.text_pair' is missing")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second, label: score}", "", "train.jsonl:1: the label '4.5' is no cosine")]
    [InlineData(
        "{train: train.jsonl, text: first, text_pair: second, label: score, label_divisor: 2}", "",
        "train.jsonl:1: the label '4.5' divided by 2 (data.label_divisor) is 2.25, and no cosine")]
    [InlineData(
        "{train: train.jsonl, text: first, text_pair: second, label: score, text_negatives: [other]}", "",
        "data.text_negatives: data.label says how alike")]
    [InlineData(
        "{train: train.jsonl, text: first, text_pair: second, text_negatives: [absent]}", "",
        "train.jsonl:1: the object has no property 'absent'")]
    [InlineData("{train: train.tsv, text: 0, text_pair: 1, text_negatives: [other]}", "", "more than two texts a row are read from ")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "per_device_train_batch_size: 1", "set it to 2 or more")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "method: {name: esam}", "runs rows apart from their batch")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second, label: score}", "similarity_scale: 10", "without data.label")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "label_smoothing_factor: 0.1", "no classes to smooth")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "resize_token_embeddings: true", "not built for sentence-similarity")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "metric_for_best_model: spearman", "loss, accuracy, mrr")]
    [InlineData("{train: train.jsonl, text: first, text_pair: second}", "task: regression", "the key 'data.label' is missing")]
    [InlineData(
        "{train: train.jsonl, text: first, label: score, text_negatives: [other]}", "task: regression",
        "data.text_negatives: it is for task: sentence-similarity")]
    public void Wrong_settings_are_answered_with_their_key_or_row(string data, string setting, string expected)
    {
        WritePairs("train.jsonl", 0, 4);
        string task = setting.StartsWith("task", StringComparison.Ordinal) ? "" : "task: sentence-similarity";
        File.WriteAllText(tiny.File("wrong.yaml"), $"""
            model: model
            {task}
            output: wrong
            adapter: {"{r: 4}"}
            data: {data}
            {setting}
            """);
        Exception? error = Record.Exception(() => Train(tiny.File("wrong.yaml")));
        Assert.True(error is ConfigurationException or DataFileException, $"{error}");
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private static double Number(JsonNode evaluation, string metric) => evaluation[metric]!.GetValue<double>();

    private static float[] Embedded(string path)
    {
        using var device = new CpuDevice();
        using TextEmbedder embedder = TextEmbedder.Open(device, TrainedModel.Resolve(path));
        return Assert.Single(embedder.Embed(["the small otter"]));
    }

    private static (double[] Cosines, double[] Scores) Scored(TextEmbedder embedder, string path)
    {
        JsonNode[] rows = [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)];
        float[][] vectors = [.. embedder.Embed([.. rows.SelectMany(row => new[] { $"{row["first"]}", $"{row["mixed"]}" })])];
        double Dot(int i, int j) => vectors[i].Zip(vectors[j]).Sum(pair => (double)pair.First * pair.Second);
        return (
            [.. Enumerable.Range(0, rows.Length).Select(i => Dot(2 * i, (2 * i) + 1)
                / Math.Sqrt(Dot(2 * i, 2 * i) * Dot((2 * i) + 1, (2 * i) + 1)))],
            [.. rows.Select(row => Number(row, "score"))]);
    }

    private JsonNode[] Evaluations(string output) =>
        [.. File.ReadLines(Path.Combine(tiny.File(output), "evaluations.jsonl")).Select(line => JsonNode.Parse(line)!)];

    private string Write(string output, string columns, string method, string extra = "", string validation = ", validation: dev.jsonl")
    {
        string path = tiny.File($"{output}.yaml");
        File.WriteAllText(path, $$"""
            model: model
            task: sentence-similarity
            output: {{output}}
            method: {{method}}
            adapter: {r: 4, lora_alpha: 8, target_modules: [query, value]}
            data: {train: train.jsonl{{validation}}, text: first, text_pair: {{(columns == Scores ? "mixed" : "second")}}{{columns}}}
            learning_rate: 1.0e-2
            num_train_epochs: 8
            per_device_train_batch_size: 4
            gradient_accumulation_steps: 2
            seed: 3
            {{extra}}
            """);
        return path;
    }

    /// <summary>
    /// Rows whose first and second text name the same thing. The mixed one names another: of the same kind, an animal or a tool, where the
    /// score is 4.5, and of the other kind where it is 0.5, so that no word says which.
    /// </summary>
    private void WritePairs(string name, int first, int count) => File.WriteAllLines(
        tiny.File(name), Enumerable.Range(first, count).Select(i => new JsonObject
        {
            ["first"] = $"the small {Thing(i)} number {i}",
            ["second"] = $"quite the {Thing(i)}",
            ["mixed"] = $"quite the {Thing(IsOfKind(i) ? i + 2 : i + 1)}",
            ["other"] = $"quite the {Thing(i + 3)} number {i}",
            ["third"] = $"the {Thing(i + 5)}",
            ["score"] = IsOfKind(i) ? 4.5 : 0.5,
        }.ToJsonString()));

    private sealed class Said : IProgress<TrainingProgress>
    {
        public List<string> Notes { get; } = [];

        public void Report(TrainingProgress value) => Notes.AddRange(value is TrainingProgress.Started started ? started.Notes : []);
    }

    /// <summary>Another rhythm than that of the things, so that each comes with both scores.</summary>
    private static bool IsOfKind(int i) => i % 5 < 2;

    private static string Thing(int i) => (i % 2 == 0 ? Animals : Tools)[i / 2 % 6];
}

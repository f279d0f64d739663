using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Running;
using static Engine.Training.Tests.Running.TrainerRuns;

namespace Engine.Training.Tests.Running;

/// <summary>Tasks of encoders other than one label a text, on the sentences of <see cref="TinyRun"/>.</summary>
public sealed class EncoderTaskTests : IDisposable
{
    private static readonly string[] Animals = ["heron", "otter", "badger", "wren", "salmon", "beetle"];
    private static readonly string[] Tools = ["hammer", "chisel", "plane", "saw", "anvil", "rasp"];

    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    /// <summary>
    /// A task gives methods a loss and nothing else: one of one pass, one of two, one that owns updates, one that selects rows.
    /// </summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("{name: flat-lora, rho: 0.05, noise_seed: 7}")]
    [InlineData("{name: sam, rho: 0.02}")]
    [InlineData("{name: bi-lora}")]
    [InlineData("{name: esam, rho: 0.02}")]
    public void Words_are_labelled_by_a_run_of_any_method(string method)
    {
        WriteWords("train.jsonl", 0, 40);
        WriteWords("dev.jsonl", 40, 20);
        TrainingOutcome outcome = Train(Write("words", "token-classification", "{train: train.jsonl, validation: dev.jsonl}", method));

        RequireTrained(tiny, "words");
        Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        JsonNode[] evaluations = Evaluations("words");
        Assert.Equal(["loss", "precision", "recall", "f1", "accuracy"], evaluations[0].AsObject().Select(pair => pair.Key).TakeLast(5));
        RequireLearned(evaluations);

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("words"));
        using Predictor predictor = Predictor.Open(device, trained);
        Prediction prediction = Assert.Single(predictor.Predict([("the small otter  number 3", null)], 64, 4));
        Assert.Equal(["the", "small", "otter", "number", "3"], prediction.Words!.Select(word => word.Word));
        Assert.All(prediction.Words!, word => Assert.Contains(word.Label, predictor.Labels));
        Assert.Equal(["B-animal", "B-tool", "O"], predictor.Labels);
        string config = File.ReadAllText(tiny.File("words/adapter/adapter_config.json"));
        Assert.Equal("TOKEN_CLS", JsonNode.Parse(config)!["task_type"]!.ToString());

        // What an evaluation of the finished run measures is what the run measured last.
        ModelMetrics metrics = new ModelEvaluation(trained).Run(device);
        Assert.Equal(Number(evaluations[^1], "f1"), metrics.Metrics["f1"], 1e-9);
        Assert.Equal(Number(evaluations[^1], "loss"), metrics.Metrics["loss"], 1e-5);
    }

    [Fact]
    public void A_words_later_tokens_have_no_label_and_words_behind_the_maximum_length_none()
    {
        WriteWords("train.jsonl", 0, 40);
        Train(Write("cut", "token-classification", "{train: train.jsonl}", "plain", "max_length: 5"));
        using var device = new CpuDevice();
        using Predictor predictor = Predictor.Open(device, TrainedModel.Resolve(tiny.File("cut")));
        Prediction prediction = Assert.Single(predictor.Predict([("the quite small small quite otter", null)], 5, 4));
        Assert.True(prediction.IsCut);
        Assert.Null(prediction.Words![^1].Label);
        Assert.NotNull(prediction.Words[0].Label);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("{name: flat-lora, rho: 0.05, noise_seed: 7}")]
    [InlineData("{name: sam, rho: 0.02}")]
    public void Texts_with_any_number_of_classes_are_labelled(string method)
    {
        WriteLists("train.jsonl", 0, 40);
        WriteLists("dev.jsonl", 40, 20);
        Train(Write(
            "lists", "multi-label-classification", "{train: train.jsonl, validation: dev.jsonl, text: sentence, label: kinds}", method));

        RequireTrained(tiny, "lists");
        JsonNode[] evaluations = Evaluations("lists");
        Assert.Equal(["loss", "f1_micro", "f1_macro", "accuracy"], evaluations[0].AsObject().Select(pair => pair.Key).TakeLast(4));
        RequireLearned(evaluations);

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("lists"));
        using Predictor predictor = Predictor.Open(device, trained);
        Assert.Equal(["animal", "small", "tool"], predictor.Labels);
        Prediction prediction = Assert.Single(predictor.Predict([("the small otter number 3", null)], 64, 4));
        Assert.Equal(predictor.Labels.Where((_, i) => prediction.Scores[i] > 0.5), prediction.Labels);
        Assert.Null(prediction.Label);
        ModelMetrics metrics = new ModelEvaluation(trained).Run(device);
        Assert.Equal(Number(evaluations[^1], "f1_micro"), metrics.Metrics["f1_micro"], 1e-9);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("{name: flat-lora, rho: 0.05, noise_seed: 7}")]
    [InlineData("{name: sam, rho: 0.02}")]
    [InlineData("{name: esam, rho: 0.02}")]
    public void Answers_are_found_in_windows_of_contexts(string method)
    {
        WriteQuestions("train.jsonl", 0, 40);
        WriteQuestions("dev.jsonl", 40, 20);
        TrainingOutcome outcome = Train(Write(
            "answers", "question-answering", "{train: train.jsonl, validation: dev.jsonl, doc_stride: 2}", method, "max_length: 20"));

        RequireTrained(tiny, "answers");
        Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        JsonNode[] evaluations = Evaluations("answers");
        Assert.Equal(["loss", "exact_match", "f1"], evaluations[0].AsObject().Select(pair => pair.Key).TakeLast(3));
        RequireLearned(evaluations);

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("answers"));
        using Predictor predictor = Predictor.Open(device, trained);
        const string Context = "the small small otter number 3";
        Prediction prediction = Assert.Single(predictor.Predict([("which one", Context)], predictor.ReadLength, 4));
        Assert.Equal(Context.Substring(prediction.AnswerStart!.Value, prediction.Answer!.Length), prediction.Answer);
        Assert.InRange(prediction.Probability, 0, 1);
        Assert.Contains(
            "texts[0]: there is a question alone",
            Assert.Throws<DataFileException>(() => predictor.Predict([("which one", null)], 20, 4)).Message, StringComparison.Ordinal);
        ModelMetrics metrics = new ModelEvaluation(trained).Run(device);
        Assert.Equal(Number(evaluations[^1], "f1"), metrics.Metrics["f1"], 1e-9);
    }

    [Theory]
    [InlineData(
        """{"question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [1]}}""",
        "train.jsonl:2: the answer 'b' does not stand at character 1 of 'context'")]
    [InlineData(
        """{"question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": []}}""",
        "train.jsonl:2: 'answers' has 1 texts and 0 numbers of answer_start")]
    [InlineData(
        """{"question": "q", "context": "a b", "answers": {"text": [], "answer_start": []}}""",
        "train.jsonl:2: the question has no answer; where contexts need not")]
    [InlineData(
        """{"question": "q", "context": "a b", "answers": ["b"]}""",
        "train.jsonl:2: property 'answers' is an array; an object was expected.")]
    [InlineData(
        """{"question": "q", "answers": {"text": [], "answer_start": []}}""",
        "train.jsonl:2: the object has no property 'context'; it has question, answers.")]
    [InlineData(
        """{"question": "the small number the small number the small number", "context": "a b the small number the small number", "answers": {"text": ["b"], "answer_start": [2]}}""",
        "(data.doc_stride); raise max_length, or lower data.doc_stride.")]
    public void Wrong_questions_are_answered_with_their_row(string line, string expected)
    {
        File.WriteAllLines(
            tiny.File("train.jsonl"),
            ["""{"question": "q", "context": "a 😀 b", "answers": {"text": ["b"], "answer_start": [4]}}""", line]);
        Assert.Contains(
            expected, Refused(Write("wrong", "question-answering", "{train: train.jsonl, doc_stride: 4}", "plain", "max_length: 16")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        """{"tokens": ["a", "b"], "tags": ["O"]}""",
        "train.jsonl:2: 'tokens' has 2 words and 'tags' 1 labels; each word needs one label.")]
    [InlineData("""{"tokens": "a b", "tags": ["O"]}""", "train.jsonl:2: property 'tokens' is a string; a list of strings was expected.")]
    [InlineData("""{"tokens": [], "tags": []}""", "train.jsonl:2: 'tokens' is an empty list; words were expected, at least one.")]
    [InlineData(
        """{"tokens": ["a", 3], "tags": ["O", "O"]}""",
        "train.jsonl:2: property 'tokens' has a number at place 1; a string was expected.")]
    [InlineData("""{"tokens": ["a"], "tags": [null]}""", "train.jsonl:2: property 'tags' has the word null at place 0 that is no label")]
    [InlineData("""{"tokens": ["a"]}""", "train.jsonl:2: the object has no property 'tags'; it has tokens.")]
    [InlineData("""{"tokens": ["a"], "tags": ["B-X"]}""", "train.jsonl:2: the label 'B-X' is not among data.labels: ")]
    public void Wrong_words_are_answered_with_their_row(string line, string expected)
    {
        File.WriteAllLines(tiny.File("train.jsonl"), ["""{"tokens": ["a", "b"], "tags": ["O", "B-PER"]}""", line]);
        string message = Refused(Write("wrong", "token-classification", "{train: train.jsonl, labels: [O, B-PER, I-PER]}", "plain"));
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"sentence": "a", "kinds": "x"}""", "train.jsonl:2: property 'kinds' is a string; a list of labels was expected.")]
    [InlineData(
        """{"sentence": "a", "kinds": ["x", "x"]}""",
        "train.jsonl:2: 'kinds' has the label 'x' twice; each class may be there once.")]
    [InlineData("""{"sentence": "a", "kinds": ["w"]}""", "train.jsonl:2: the label 'w' is not among data.labels: ")]
    public void Wrong_lists_of_labels_are_answered_with_their_row(string line, string expected)
    {
        File.WriteAllLines(tiny.File("train.jsonl"), ["""{"sentence": "a", "kinds": ["x", 1]}""", line]);
        Assert.Contains(
            expected,
            Refused(Write(
                "wrong", "multi-label-classification", "{train: train.jsonl, text: sentence, label: kinds, labels: [x, y]}", "plain")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("token-classification", "{train: train.tsv}", "", "token-classification reads lists of labels, which only ")]
    [InlineData("token-classification", "{train: a.jsonl, text_pair: b}", "", "token-classification reads single texts; leave it out.")]
    [InlineData(
        "multi-label-classification", "{train: a.jsonl, text: t, label: l}", "label_smoothing_factor: 0.1", "here each class is by itself")]
    [InlineData("multi-label-classification", "{train: a.jsonl, text: t}", "", "the key 'data.label' is missing")]
    [InlineData("token-classification", "{train: a.jsonl}", "class_weights: balanced", "only sequence-classification has classes")]
    public void What_a_task_does_not_take_is_refused_by_its_key(string task, string data, string extra, string expected)
    {
        File.WriteAllText(tiny.File("a.jsonl"), "{}");
        Assert.Contains(expected, Refused(Write("refused", task, data, "plain", extra)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("{name: flat-lora, rho: 0.05, noise_seed: 7}")]
    [InlineData("{name: sam, rho: 0.02}")]
    [InlineData("{name: esam, rho: 0.02}")]
    public void One_of_several_texts_is_chosen(string method)
    {
        WriteChoices("train.jsonl", 0, 40);
        WriteChoices("dev.jsonl", 40, 20);
        TrainingOutcome outcome = Train(Write("choices", "multiple-choice", "{train: train.jsonl, validation: dev.jsonl}", method));

        RequireTrained(tiny, "choices");
        Assert.Equal(outcome.ForecastBytes, outcome.PeakBytes);
        JsonNode[] evaluations = Evaluations("choices");
        Assert.Equal(["loss", "accuracy"], evaluations[0].AsObject().Select(pair => pair.Key).TakeLast(2));

        RequireLearned(evaluations);

        using var device = new CpuDevice();
        TrainedModel trained = TrainedModel.Resolve(tiny.File("choices"));
        using Predictor predictor = Predictor.Open(device, trained);
        string[] choices = ["otter", "chisel", "rasp"];
        Prediction prediction = Assert.Single(predictor.Predict([("the small animal", string.Join('\n', choices))], 64, 4));
        Assert.Equal(choices[prediction.Choice!.Value], prediction.Label);
        Assert.Equal(1, prediction.Scores.Sum(), 1e-9);
        ModelMetrics metrics = new ModelEvaluation(trained).Run(device);
        Assert.Equal(Number(evaluations[^1], "accuracy"), metrics.Metrics["accuracy"], 1e-9);
        Assert.Equal(Number(evaluations[^1], "loss"), metrics.Metrics["loss"], 1e-5);
    }

    [Theory]
    [InlineData("""{"question": "q", "choices": ["a"], "label": 0}""", "train.jsonl:2: 'choices' has 1 choices; at least two were expected.")]
    [InlineData("""{"question": "q", "choices": ["a", "b", "c"], "label": 0}""", "train.jsonl:2: there are 3 choices, and 2 in line 1 of ")]
    [InlineData("""{"question": "q", "choices": ["a", "b"], "label": 2}""", "train.jsonl:2: the label '2' is no choice's number; they are ")]
    [InlineData("""{"question": "q", "choices": "a", "label": 2}""", "train.jsonl:2: property 'choices' is a string; a list of strings ")]
    public void Wrong_choices_are_answered_with_their_row(string line, string expected)
    {
        File.WriteAllLines(tiny.File("train.jsonl"), ["""{"question": "q", "choices": ["a", "b"], "label": 1}""", line]);
        Assert.Contains(
            expected, Refused(Write("wrong", "multiple-choice", "{train: train.jsonl}", "plain")), StringComparison.Ordinal);
    }

    /// <summary>Forty sentences of a few words: what is learned of them in this many steps takes a tenth of the loss at least.</summary>
    private static void RequireLearned(JsonNode[] evaluations)
    {
        double before = Number(evaluations[0], "loss"), after = Number(evaluations[^1], "loss");
        Assert.True(after < 0.9 * before, $"the loss fell from {before} to {after} only");
    }

    private static double Number(JsonNode evaluation, string metric) => evaluation[metric]!.GetValue<double>();

    private string Refused(string path)
    {
        Exception? error = Record.Exception(() => Train(path));
        Assert.True(error is ConfigurationException or DataFileException, $"{error}");
        return error.Message;
    }

    private JsonNode[] Evaluations(string output) =>
        [.. File.ReadLines(Path.Combine(tiny.File(output), "evaluations.jsonl")).Select(line => JsonNode.Parse(line)!)];

    private string Write(string output, string task, string data, string method, string extra = "")
    {
        string path = tiny.File($"{output}.yaml");
        File.WriteAllText(path, $$"""
            model: model
            task: {{task}}
            output: {{output}}
            method: {{method}}
            adapter: {r: 4, lora_alpha: 8, target_modules: [query, value]}
            data: {{data}}
            learning_rate: 1.0e-2
            num_train_epochs: 8
            per_device_train_batch_size: 4
            gradient_accumulation_steps: 2
            seed: 3
            {{extra}}
            """);
        return path;
    }

    private static string[] Words(int i) =>
        ["the", .. Enumerable.Repeat(i % 3 == 0 ? "quite" : "small", i % 4), (i % 2 == 0 ? Animals : Tools)[i / 2 % 6], "number", $"{i}"];

    private void WriteWords(string name, int first, int count) => WriteLines(name, first, count, words => new JsonObject
    {
        ["tokens"] = new JsonArray([.. words.Select(word => (JsonNode)word)]),
        ["tags"] = new JsonArray(
            [.. words.Select(word => (JsonNode)(Animals.Contains(word) ? "B-animal" : Tools.Contains(word) ? "B-tool" : "O"))]),
    });

    private void WriteLists(string name, int first, int count) => WriteLines(name, first, count, words => new JsonObject
    {
        ["sentence"] = string.Join(' ', words),
        ["kinds"] = new JsonArray(
        [
            .. words.Any(Animals.Contains) ? [(JsonNode)"animal"] : Array.Empty<JsonNode>(),
            .. words.Contains("small") ? [(JsonNode)"small"] : Array.Empty<JsonNode>(),
            .. words.Any(Tools.Contains) ? [(JsonNode)"tool"] : Array.Empty<JsonNode>(),
        ]),
    });

    private void WriteQuestions(string name, int first, int count) => WriteLines(name, first, count, words =>
    {
        string context = string.Join(' ', words), answer = words.First(word => Animals.Contains(word) || Tools.Contains(word));
        return new JsonObject
        {
            ["question"] = "which one",
            ["context"] = context,
            ["answers"] = new JsonObject
            {
                ["text"] = new JsonArray(answer),
                ["answer_start"] = new JsonArray(context.IndexOf(answer, StringComparison.Ordinal)),
            },
        };
    });

    private void WriteChoices(string name, int first, int count) => File.WriteAllLines(
        tiny.File(name), Enumerable.Range(first, count).Select(i => new JsonObject
        {
            ["question"] = "the small animal",
            ["choices"] = new JsonArray(
                [.. Enumerable.Range(0, 3).Select(j => (JsonNode)(j == i % 3 ? Animals : Tools)[(i + j) % 6])]),
            ["label"] = i % 3,
        }.ToJsonString()));

    private void WriteLines(string name, int first, int count, Func<string[], JsonObject> row) => File.WriteAllLines(
        tiny.File(name), Enumerable.Range(first, count).Select(i => row(Words(i)).ToJsonString(JsonSerializerOptions.Default)));
}

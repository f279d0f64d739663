using Engine.Common.Files;
using Engine.Model.Batching;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>
/// The tasks whose examples hold lists, on a program's examples: words with classes, texts with several, answers in contexts, choices. Each
/// is held against what was asked of it: the model's own predictions make up the metrics that training and evaluation report.
/// </summary>
public sealed class RecordTaskTests : IDisposable
{
    private static readonly string[] Animals = ["heron", "otter", "badger", "wren", "salmon", "beetle"];
    private static readonly string[] Tools = ["hammer", "chisel", "plane", "saw", "anvil", "rasp"];

    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task Words_are_classified_as_they_were_labelled()
    {
        LabelledWords[] rows = [.. Enumerable.Range(0, 40).Select(Labelled)], unseen = [.. Enumerable.Range(40, 20).Select(Labelled)];
        RunConfiguration run = Whole() with { Output = tiny.File("words"), NumTrainEpochs = 25 };

        using TokenClassifier classifier = await FineTune.TokenClassifierAsync(run, rows, unseen);

        Assert.Equal(["B-animal", "B-tool", "O"], classifier.Labels);
        RequireLearned(classifier.Training!);
        IReadOnlyList<WordLabels> found = classifier.PredictWords(unseen.Select(row => row.Words));
        double accuracy = found.Zip(unseen).SelectMany(pair => pair.First.Words.Zip(pair.Second.Labels))
            .Average(word => word.First.Label == word.Second ? 1.0 : 0);
        Assert.Equal(accuracy, classifier.Evaluate(unseen)["accuracy"], 1e-9);
        Assert.Equal(accuracy, classifier.Training!.After!["accuracy"], 1e-9);
        Assert.True(accuracy > 0.95, $"{accuracy}");

        WordLabels text = classifier.Predict("the quite  quite wren number 42");
        Assert.Equal(["the", "quite", "quite", "wren", "number", "42"], text.Words.Select(word => word.Word));
        Assert.Equal(new EntityPrediction("animal", "wren", 3, 3), Assert.Single(text.Entities));
        Assert.Equal(text.Words.Select(word => word.Label), (await classifier.PredictAsync("the quite quite wren number 42")).Words
            .Select(word => word.Label));

        // A word with a blank in it stays one word.
        Assert.Equal(2, (await classifier.PredictWordsAsync([["the small", "otter"]]))[0].Words.Count);
        using TokenClassifier opened = TokenClassifier.Open(tiny.File("words"));
        Assert.Equal(text.Words, opened.Predict("the quite quite wren number 42").Words);
    }

    [Fact]
    public async Task Text_has_the_classes_that_are_more_likely_than_not()
    {
        MultiLabelText[] rows = [.. Enumerable.Range(0, 40).Select(Several)], unseen = [.. Enumerable.Range(40, 20).Select(Several)];

        using MultiLabelClassifier classifier =
            await FineTune.MultiLabelClassifierAsync(Whole() with { Output = tiny.File("several") }, rows, unseen);

        Assert.Equal(["animal", "small", "tool"], classifier.Labels);
        RequireLearned(classifier.Training!);
        IReadOnlyList<TextLabels> found = classifier.Predict(unseen.Select(row => row.Text));
        Assert.All(found, row => Assert.Equal(classifier.Labels.Where((_, i) => row.Scores[i] > 0.5), row.Labels));
        double exact = found.Zip(unseen).Average(pair => pair.First.Labels.ToHashSet().SetEquals(pair.Second.Labels) ? 1.0 : 0);
        Assert.Equal(exact, classifier.Evaluate(unseen)["accuracy"], 1e-9);
        Assert.Equal(exact, classifier.Training!.After!["accuracy"], 1e-9);
        Assert.True(exact > 0.6, $"{exact}");
        using MultiLabelClassifier opened = MultiLabelClassifier.Open(tiny.File("several"));
        Assert.Equal(found[0].Scores, (await opened.PredictAsync(unseen[0].Text)).Scores, (one, other) => Math.Abs(one - other) < 1e-6);
    }

    [Fact]
    public async Task Answer_is_the_part_of_the_context_where_it_says()
    {
        AnsweredQuestion[] rows = [.. Enumerable.Range(0, 40).Select(Answered)], unseen = [.. Enumerable.Range(40, 20).Select(Answered)];
        RunConfiguration run = Whole() with { Output = tiny.File("answers"), NumTrainEpochs = 20 };

        using QuestionAnswerer answerer = await FineTune.QuestionAnswererAsync(run, rows, unseen);

        RequireLearned(answerer.Training!);
        IReadOnlyList<FoundAnswer> found = answerer.Predict(unseen.Select(row => (row.Question, row.Context)));
        Assert.All(found.Zip(unseen), pair =>
            Assert.Equal(pair.Second.Context.Substring(pair.First.Start!.Value, pair.First.Text.Length), pair.First.Text));
        double exact = found.Zip(unseen).Average(pair => pair.First.Text == pair.Second.Answers[0].Text ? 1.0 : 0);
        Assert.Equal(exact, answerer.Evaluate(unseen)["exact_match"], 1e-6);
        Assert.Equal(exact, answerer.Training!.After!["exact_match"], 1e-6);
        Assert.True(exact > 0.5, $"{exact}");
        using QuestionAnswerer opened = QuestionAnswerer.Open(tiny.File("answers"));
        Assert.Equal(found[0].Text, (await opened.PredictAsync(unseen[0].Question, unseen[0].Context)).Text);
    }

    /// <summary>Files count characters from 0, of which an emoji is one; C# counts two.</summary>
    [Fact]
    public async Task Place_of_an_answer_is_written_in_characters()
    {
        const string Context = "😀 the small otter";
        RunConfiguration run = Run() with { Output = tiny.File("written"), MaxSteps = 1 };

        using QuestionAnswerer answerer = await FineTune.QuestionAnswererAsync(run, [new AnsweredQuestion("which one", Context, "otter")]);

        Assert.Equal(13, new AnsweredQuestion("which one", Context, "otter").Answers[0].Start);
        Assert.Contains(
            "\"answer_start\":[12]", File.ReadAllText(Assert.Single(Directory.EnumerateFiles(tiny.File("written/data")))),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Choice_is_the_number_of_the_likeliest_text()
    {
        ChoiceQuestion[] rows = [.. Enumerable.Range(0, 40).Select(Chosen)], unseen = [.. Enumerable.Range(40, 20).Select(Chosen)];

        using MultipleChoiceModel model =
            await FineTune.MultipleChoiceModelAsync(Whole() with { Output = tiny.File("choices") }, rows, unseen);

        RequireLearned(model.Training!);
        IReadOnlyList<MadeChoice> made = model.Predict(unseen.Select(row => (row.Question, row.Choices)));
        Assert.All(made, choice => Assert.Equal(1, choice.Scores.Sum(), 1e-9));
        Assert.All(made, choice => Assert.Equal(choice.Scores.Max(), choice.Scores[choice.Choice]));
        double accuracy = made.Zip(unseen).Average(pair => pair.First.Choice == pair.Second.RightChoice ? 1.0 : 0);
        Assert.Equal(accuracy, model.Evaluate(unseen)["accuracy"], 1e-9);
        Assert.Equal(accuracy, model.Training!.After!["accuracy"], 1e-9);
        Assert.True(accuracy > 0.6, $"{accuracy}");

        // A choice with a line break in it stays one choice.
        Assert.Equal(2, (await model.PredictAsync("the small animal", ["an\notter", "a saw"])).Scores.Count);
        using MultipleChoiceModel opened = MultipleChoiceModel.Open(tiny.File("choices"));
        Assert.Equal(made[0].Choice, opened.Predict(unseen[0].Question, unseen[0].Choices).Choice);
    }

    [Fact]
    public async Task What_no_example_can_hold_is_refused_before_anything_is_read()
    {
        async Task<string> Refused<T>(Func<Task<T>> training) =>
            (await Assert.ThrowsAsync<ArgumentException>(training)).Message;
        RunConfiguration run = Run();

        Assert.StartsWith(
            "train[1]: it has 2 Words and 1 Labels",
            await Refused(() => FineTune.TokenClassifierAsync(run, [new(["a"], ["O"]), new(["a", "b"], ["O"])])));
        Assert.StartsWith(
            "train[0]: its Words[1] is null", await Refused(() => FineTune.TokenClassifierAsync(run, [new(["a", null!], ["O", "O"])])));
        Assert.StartsWith(
            "train[0]: its Labels have 'x' twice", await Refused(() => FineTune.MultiLabelClassifierAsync(run, [new("a", "x", "x")])));
        Assert.StartsWith(
            "train[0]: its answer 'c' is no part of its Context",
            await Refused(() => FineTune.QuestionAnswererAsync(run, [new AnsweredQuestion("q", "a b", "c")])));
        Assert.StartsWith(
            "train[0]: its answer 'b' does not stand at 1 of its Context",
            await Refused(() => FineTune.QuestionAnswererAsync(run, [new AnsweredQuestion("q", "a b", new Answer("b", 1))])));
        Assert.StartsWith(
            "train[0]: it has 2 Choices and the RightChoice 2",
            await Refused(() => FineTune.MultipleChoiceModelAsync(run, [new("q", ["a", "b"], 2)])));
        DataFileException unequal = await Assert.ThrowsAsync<DataFileException>(
            () => FineTune.MultipleChoiceModelAsync(run, [new("q", ["a", "b"], 1), new("q", ["a", "b", "c"], 1)]));
        Assert.StartsWith("train[1]: there are 3 choices, and 2 in train[0]", unequal.Message);
        DataFileException unanswered = await Assert.ThrowsAsync<DataFileException>(
            () => FineTune.QuestionAnswererAsync(run, [new AnsweredQuestion("q", "a b")]));
        Assert.StartsWith("train[0]: the question has no answer", unanswered.Message);
        Assert.Contains("set Data.Unanswerable = true", unanswered.Message);
    }

    [Fact]
    public async Task Models_of_another_task_are_not_opened()
    {
        using (await FineTune.ClassifierAsync(Run() with { Output = tiny.File("texts"), MaxSteps = 1 }, tiny.Labelled("train.tsv")))
        {
        }

        const string Expected =
            "the model is one of sequence-classification, and not of token-classification; open it as a TextClassifier.";
        Assert.Contains(Expected, Assert.Throws<ModelFileException>(() => TokenClassifier.Open(tiny.File("texts"))).Message);
        Assert.Throws<ModelFileException>(() => TextRegressor.Open(tiny.File("texts")));
        TextClassifier.Open(tiny.File("texts")).Dispose();
    }

    /// <summary>Threads that ask together get what each would get alone.</summary>
    [Fact]
    public async Task Several_threads_ask_one_model()
    {
        ChoiceQuestion[] rows = [.. Enumerable.Range(0, 12).Select(Chosen)];
        using MultipleChoiceModel model = await FineTune.MultipleChoiceModelAsync(Run() with { MaxSteps = 2 }, rows);
        MadeChoice[] alone = [.. rows.Select(row => model.Predict(row.Question, row.Choices))];

        MadeChoice[] together = await Task.WhenAll(rows.Select(row => Task.Run(() => model.PredictAsync(row.Question, row.Choices))));

        Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First.Scores, pair.Second.Scores));
        Assert.True(alone.DistinctBy(choice => choice.Scores[0]).Count() >= 6);
    }

    /// <summary>Rounds of clients through the library come to the weights that the trainer of the command line comes to.</summary>
    [Fact]
    public async Task Federated_run_learns_from_the_programs_examples_as_from_their_file()
    {
        RunConfiguration run = Run() with
        {
            Output = tiny.File("rounds"),
            Federated = new FederatedConfiguration { Clients = 2, Rounds = 4, Aggregation = AggregationKind.LoraFair },
            Method = new FlatLora { Rho = 0.05 },
            NumTrainEpochs = 1,
        };
        var told = new Listener();

        using TextClassifier classifier = await FineTune.ClassifierAsync(
            run, tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv"), new FineTuneOptions { Progress = told });

        Assert.Equal(4, classifier.Training!.Steps);
        Assert.Equal([1, 2, 3, 4], told.Of<TrainingProgress.Step>().Select(step => (int)step.StepNumber));
        Assert.True(classifier.Training.After!["loss"] < classifier.Training.Before!["loss"]);
        Assert.Equal(classifier.Training.After["loss"], classifier.Evaluate(tiny.Labelled("dev.tsv"))["loss"], 1e-6);

        using TextClassifier ofFile = await FineTune.ClassifierAsync(run with
        {
            Output = tiny.File("file"),
            Data = new() { Train = tiny.File("train.tsv"), Validation = tiny.File("dev.tsv"), Text = "sentence", Label = "label" },
        });
        Assert.Equal(Weights("file"), Weights("rounds"));
        using TextClassifier undivided = await FineTune.ClassifierAsync(
            run with { Output = tiny.File("whole"), Federated = null }, tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv"));
        Assert.NotEqual(Weights("whole"), Weights("rounds"));
    }

    private RunConfiguration Run() => tiny.Run();

    /// <summary>Every parameter, for long: random weights have no features that an adapter could use.</summary>
    private RunConfiguration Whole() => Run() with { Adapter = null, LearningRate = 3e-3, NumTrainEpochs = 12 };

    private byte[] Weights(string run) => File.ReadAllBytes(tiny.File($"{run}/adapter/adapter_model.safetensors"));

    private static void RequireLearned(TrainingOutcome outcome) =>
        Assert.True(outcome.After!["loss"] < 0.8 * outcome.Before!["loss"], $"{outcome.Before!["loss"]} to {outcome.After["loss"]}");

    private static string[] Words(int i) =>
        ["the", .. Enumerable.Repeat(i % 3 == 0 ? "quite" : "small", i % 4), (i % 2 == 0 ? Animals : Tools)[i / 2 % 6], "number", $"{i}"];

    private static LabelledWords Labelled(int i) => new(
        Words(i), [.. Words(i).Select(word => Animals.Contains(word) ? "B-animal" : Tools.Contains(word) ? "B-tool" : "O")]);

    private static MultiLabelText Several(int i) => new(
        string.Join(' ', Words(i)), [i % 2 == 0 ? "animal" : "tool", .. Words(i).Contains("small") ? ["small"] : Array.Empty<string>()]);

    private static AnsweredQuestion Answered(int i) =>
        new("which one", string.Join(' ', Words(i)), Words(i).First(word => Animals.Contains(word) || Tools.Contains(word)));

    private static ChoiceQuestion Chosen(int i) => new(
        "the small animal", [.. Enumerable.Range(0, 3).Select(j => (j == i % 3 ? Animals : Tools)[(i + j) % 6])], i % 3);
}

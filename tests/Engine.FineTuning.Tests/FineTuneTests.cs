using System.Text;
using System.Text.Json;
using Engine.Common;
using Engine.Optim.Methods;
using Engine.Optim.Sharpness;
using Engine.Tests;
using Engine.Training.Comparing;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Engine.Training.Sharpness;
using Engine.Training.Tests.Running;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning.Tests;

/// <summary>
/// Fine-tuning from a program, on a tiny random RoBERTa that tells animals from tools, and a tiny decoder whose tokens are bytes.
/// </summary>
public sealed class FineTuneTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task Classifier_learns_from_examples_in_memory_and_predicts_at_once()
    {
        var told = new Listener();
        var options = new FineTuneOptions { Progress = told };

        using TextClassifier classifier =
            await FineTune.ClassifierAsync(Whole(), tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv"), options);

        LabelledText[] unseen = [.. tiny.Labelled("dev.tsv")];
        IReadOnlyList<Prediction> predictions = classifier.Predict(unseen.Select(row => row.Text));
        double accuracy = predictions.Zip(unseen).Average(pair => pair.First.Label == pair.Second.Label ? 1.0 : 0);
        Assert.Equal(["animal", "tool"], classifier.Labels);
        Assert.True(classifier.Training!.After!["loss"] < classifier.Training.Before!["loss"]);
        Assert.Equal(accuracy, classifier.Evaluate(unseen)["accuracy"]);
        Assert.Equal(accuracy, classifier.Training.After["accuracy"]);
        Assert.Equal(predictions[0], classifier.Predict(unseen[0].Text), new SameNumbers());
        Assert.Equal(classifier.Training.Steps, told.Of<TrainingProgress.Step>().Count());
    }

    [Fact]
    public async Task Examples_in_memory_train_the_weights_that_their_file_trains()
    {
        RunConfiguration fromFile = Run() with
        {
            Output = tiny.File("file"),
            Method = new FlatLora { Rho = 0.1, NoiseSeed = 7 },
            Data = new DataConfiguration { Train = tiny.File("train.tsv"), Text = "sentence", Label = "label" },
        };
        using TextClassifier ofFile = await FineTune.ClassifierAsync(fromFile);
        using TextClassifier ofRows =
            await FineTune.ClassifierAsync(
                fromFile with { Output = tiny.File("rows"), Data = null! }, tiny.Labelled("train.tsv").ToAsyncEnumerable());

        Assert.Equal(Weights("file"), Weights("rows"));
        using var learned = Safetensors.SafetensorsFile.Open(tiny.File("file/adapter/adapter_model.safetensors"));
        Assert.All(
            learned.Tensors.Where(tensor => tensor.Name.Contains("lora_B", StringComparison.Ordinal)),
            tensor => Assert.Contains(tensor.ToFloat32(), value => value != 0));
        string data = Assert.Single(Directory.EnumerateFiles(tiny.File("rows/data")));
        Assert.Equal(40, File.ReadLines(data).Count());

        // What the folder holds is all that is needed to open it again, and to evaluate it as the command line does.
        using TextClassifier opened = TextClassifier.Open(tiny.File("rows"));
        Assert.Equal(ofRows.Predict("the small heron"), opened.Predict("the small heron"), new SameNumbers());
        Assert.Equal(data, Assert.Single(RunConfiguration.Load(tiny.File("rows/config.yaml")).Data.Train.Paths));
    }

    [Fact]
    public async Task Run_without_an_output_leaves_nothing_behind()
    {
        TextClassifier classifier = await FineTune.ClassifierAsync(Run(), tiny.Labelled("train.tsv"));
        string folder = classifier.Training!.WeightsFolder;
        Assert.True(Directory.Exists(folder));

        classifier.Dispose();

        Assert.False(Directory.Exists(Path.GetDirectoryName(folder)));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => classifier.PredictAsync("the small heron"));
    }

    [Fact]
    public async Task Cancelled_training_keeps_what_it_learned_and_goes_on_to_the_same_weights()
    {
        using (await FineTune.ClassifierAsync(Run() with { Output = tiny.File("whole") }, tiny.Labelled("train.tsv")))
        {
            using var cancellation = new CancellationTokenSource();
            var options = new FineTuneOptions { Progress = new Listener(step => { if (step == 2) { cancellation.Cancel(); } }) };
            RunConfiguration run = Run() with { Output = tiny.File("stopped") };

            OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"), null, options, cancellation.Token));
            using TextClassifier resumed =
                await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"), null, new FineTuneOptions { Resume = true });

            Assert.Contains("after step 2", cancelled.Message);
            Assert.Equal(Weights("whole"), Weights("stopped"));
        }
    }

    [Fact]
    public async Task Steps_evaluations_and_checkpoints_are_logged()
    {
        var logger = new Recorder();
        RunConfiguration run = Run() with { LoggingSteps = 4, SaveSteps = 5 };

        using TextClassifier classifier =
            await FineTune.ClassifierAsync(
                run, tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv"), new FineTuneOptions { Logger = logger });

        Assert.Contains(logger.Lines, line => line.StartsWith("Training 30 steps from step 0", StringComparison.Ordinal));
        Assert.Equal(
            [4, 8, 12, 16, 20, 24, 28, 30],
            logger.Lines.Where(line => line.StartsWith("Step ", StringComparison.Ordinal)).Select(line => int.Parse(line.Split(' ')[1])));
        Assert.Contains(logger.Lines, line => line.StartsWith("Checkpoint of step 5 written to", StringComparison.Ordinal));
        Assert.Contains(
            logger.Lines, line => line.StartsWith("Evaluated after step 30: ", StringComparison.Ordinal)
                && line.Contains("accuracy 0.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Regressor_learns_from_pairs_in_memory_and_predicts_at_once()
    {
        ScoredText[] rows = [.. tiny.Labelled("train.tsv")
            .Select(row => new ScoredText(row.Text, row.Label == "animal" ? 1 : -1) { TextPair = "how animate is it" })];
        ScoredText[] unseen = [.. tiny.Labelled("dev.tsv")
            .Select(row => new ScoredText(row.Text, row.Label == "animal" ? 1 : -1) { TextPair = "how animate is it" })];

        using TextRegressor regressor = await FineTune.RegressorAsync(Whole(), rows, unseen);

        Assert.True(regressor.Training!.After!["mse"] < regressor.Training.Before!["mse"]);
        double error = unseen.Average(row => Math.Pow(regressor.Predict(row.Text, row.TextPair) - row.Score, 2));
        Assert.Equal(regressor.Training.After["mse"], error, 1e-6);
        Assert.Equal(error, regressor.Evaluate(unseen)["mse"], 1e-6);
    }

    [Fact]
    public async Task Language_model_of_conversations_is_a_chat_client_that_answers_as_it_learned()
    {
        string model = tiny.File("decoder");
        TinyDecoder.Write(model);
        var run = new RunConfiguration
        {
            Model = model,
            Adapter = new AdapterConfiguration { R = 8, LoraAlpha = 32, TargetModules = "all-linear" },
            LearningRate = 2e-2,
            NumTrainEpochs = 80,
            PerDeviceTrainBatchSize = 2,
        };
        LanguageExample[] conversations =
        [
            new LanguageExample.Conversation(new ChatMessage(ChatRole.User, "ab?"), new ChatMessage(ChatRole.Assistant, "yes")),
            new LanguageExample.Conversation(new ChatMessage(ChatRole.User, "xy?"), new ChatMessage(ChatRole.Assistant, "no")),
        ];

        using LanguageModel client = await FineTune.LanguageModelAsync(run, conversations);

        Assert.Equal("yes", (await client.GetResponseAsync("ab?")).Text);
        Assert.Equal("no", (await client.GetResponseAsync("xy?")).Text);
    }

    [Fact]
    public void Conversations_are_written_with_their_tools_calls_and_results()
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            ExampleWriter.Write(json, new LanguageExample.Conversation(
                new ChatMessage(ChatRole.Assistant, [new FunctionCallContent("1", "f", new Dictionary<string, object?> { ["a"] = 1 })]),
                new ChatMessage(ChatRole.Tool, [new FunctionResultContent("1", "r")]))
            {
                Tools = [AIFunctionFactory.Create(() => 0, "f")],
            });
        }

        string line = Encoding.UTF8.GetString(stream.ToArray());
        Assert.StartsWith("""{"tools":[{"type":"function","function":{"name":"f",""", line, StringComparison.Ordinal);
        Assert.EndsWith(
            """
            "messages":[{"role":"assistant","content":"","tool_calls":[{"type":"function","id":"1","function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","content":"r","tool_call_id":"1","name":"f"}]}
            """,
            line,
            StringComparison.Ordinal);
        LanguageExample image =
            new LanguageExample.Conversation(new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]));
        using Utf8JsonWriter writer = new(stream);
        Assert.Contains(
            "DataContent", Assert.Throws<ArgumentException>(() => ExampleWriter.Write(writer, image)).Message, StringComparison.Ordinal);
    }

    /// <summary>What the file says of its own data's files (tabs, columns, validation) does not hold for the program's examples.</summary>
    [Fact]
    public async Task Run_file_serves_for_examples_in_memory()
    {
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("loaded", "max_steps: 2\nload_best_model_at_end: false"));

        using TextClassifier alone = await FineTune.ClassifierAsync(run, tiny.Labelled("train.tsv"));
        using TextClassifier validated =
            await FineTune.ClassifierAsync(run with { Output = tiny.File("second") }, tiny.Labelled("train.tsv"), tiny.Labelled("dev.tsv"));

        Assert.Null(alone.Training!.After);
        Assert.NotNull(validated.Training!.Before);
    }

    [Fact]
    public async Task Texts_train_a_model_without_a_chat_template()
    {
        string model = tiny.File("plain");
        TinyDecoder.Write(model, chatTemplate: null);
        var run = new RunConfiguration { Model = model, Adapter = new AdapterConfiguration { TargetModules = "all-linear" }, MaxSteps = 2 };

        using LanguageModel trained = await FineTune.LanguageModelAsync(run, ["abc", "abd"]);

        Assert.NotNull((await trained.GetResponseAsync("ab", new ChatOptions { MaxOutputTokens = 2 })).Text);
        using LanguageModel plain = LanguageModel.Open(model, new LanguageModelOptions { ChatTemplate = ChatTemplateChoice.Plain });
        async Task<long?> PromptTokens(LanguageModel asked) =>
            (await asked.GetResponseAsync("ab", new ChatOptions { MaxOutputTokens = 1 })).Usage!.InputTokenCount;
        Assert.True(await PromptTokens(plain) > await PromptTokens(trained));
    }

    [Fact]
    public async Task Run_without_an_output_says_that_nothing_is_kept_and_resumes_nothing()
    {
        using var cancellation = new CancellationTokenSource();
        var options = new FineTuneOptions { Progress = new Listener(step => cancellation.Cancel()) };
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => FineTune.ClassifierAsync(Run(), tiny.Labelled("train.tsv"), null, options, cancellation.Token));
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(
            () => FineTune.ClassifierAsync(Run(), tiny.Labelled("train.tsv"), null, new FineTuneOptions { Resume = true }));

        Assert.Contains("a run without an Output keeps nothing", cancelled.Message);
        Assert.Contains("this run names none", refused.Message);
    }

    [Fact]
    public async Task What_cannot_be_learned_from_is_refused_in_words()
    {
        async Task<string> Refused<T>(IEnumerable<LabelledText> rows, RunConfiguration? run = null)
            where T : Exception => (await Assert.ThrowsAsync<T>(() => FineTune.ClassifierAsync(run ?? Run(), rows))).Message;

        Assert.Contains("train examples are empty", await Refused<ArgumentException>([]));
        Assert.Contains(
            "'b' is one of a pair, and the examples before it are single texts",
            await Refused<ArgumentException>([new("a", "x"), new("b", "y") { TextPair = "c" }]));
        Assert.Contains(
            "every row has the label 'x'", await Refused<Engine.Model.Batching.DataFileException>([new("a", "x"), new("b", "x")]));
        Assert.Contains(
            "LearningRate is '-1'",
            await Refused<ConfigurationException>([new("a", "x"), new("b", "y")], Run() with { LearningRate = -1 }));
        Assert.Contains(
            "Data is missing", (await Assert.ThrowsAsync<ConfigurationException>(() => FineTune.ClassifierAsync(Run()))).Message);
    }

    [Fact]
    public async Task Masked_language_model_learns_the_programs_texts_and_starts_a_classifier()
    {
        string[] texts = [.. tiny.Labelled("train.tsv").Select(row => row.Text)];
        string[] unseen = [.. tiny.Labelled("dev.tsv").Select(row => row.Text)];
        RunConfiguration run = Whole() with { Output = tiny.File("masked") };
        IReadOnlyDictionary<string, double> metrics;
        using (MaskedLanguageModel model = await FineTune.MaskedLanguageModelAsync(run, texts, unseen))
        {
            metrics = await model.EvaluateAsync(unseen);
            Assert.True(model.Training!.After!["loss"] < model.Training.Before!["loss"]);
            Assert.Equal(model.Training.After["loss"], metrics["loss"], 1e-6);
            Assert.Equal(Math.Exp(metrics["loss"]), metrics["perplexity"], 1e-6 * metrics["perplexity"]);
        }

        using (MaskedLanguageModel opened = MaskedLanguageModel.Open(tiny.File("masked")))
        {
            Assert.Equal(metrics["loss"], (await opened.EvaluateAsync(unseen))["loss"]);
        }

        using TextClassifier classifier = await FineTune.ClassifierAsync(
            Run() with { Model = tiny.File("masked/model") }, tiny.Labelled("train.tsv"));
        Assert.Equal(["animal", "tool"], classifier.Labels);
    }

    [Fact]
    public async Task Language_model_is_evaluated_as_its_run_was_and_opens_with_several_adapters()
    {
        string model = tiny.File("decoder");
        TinyDecoder.Write(model, chatTemplate: null);
        LanguageExample[] unseen = [new LanguageExample.Completion("ab", "c"), new LanguageExample.Completion("b", "cd")];
        foreach ((string name, string text) in ((string, string)[])[("one", "abcabc"), ("other", "cbacba")])
        {
            RunConfiguration run =
                Run() with { Model = model, Output = tiny.File(name), Adapter = new() { R = 4, TargetModules = ["q_proj"] } };
            using LanguageModel trained = await FineTune.LanguageModelAsync(run, [new LanguageExample.Completion(text, "abc")], unseen);
            IReadOnlyDictionary<string, double> metrics = await trained.EvaluateAsync(unseen);
            Assert.Equal(trained.Training!.After!["loss"], metrics["loss"], 1e-6);
        }

        NamedAdapter[] adapters = [new("first", tiny.File("one/adapter")), new("second", tiny.File("other/adapter"))];
        using LanguageModel both = LanguageModel.Open(model, new LanguageModelOptions { Adapters = adapters, ContextLength = 16 });
        Assert.Equal(["first", "second"], both.Generator.AdapterNames);
        Assert.Equal(("first", 16), (both.Generator.Adapter, both.Generator.ContextLength));
    }

    [Fact]
    public async Task Merged_model_predicts_what_base_and_adapter_do()
    {
        using TextClassifier tuned = await FineTune.ClassifierAsync(Run() with { Output = tiny.File("run") }, tiny.Labelled("train.tsv"));
        FineTune.Merge(tiny.File("run"), tiny.File("merged"));
        using TextClassifier merged = TextClassifier.Open(tiny.File("merged"));
        Prediction expected = tuned.Predict("the small heron"), actual = merged.Predict("the small heron");

        // Products of W + B A instead of W x + B (A x), in float32.
        Assert.Equal(expected.Label, actual.Label);
        Assert.All(expected.Scores.Zip(actual.Scores), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.Contains(
            "nothing to merge", Assert.Throws<ArgumentException>(() => FineTune.Merge(tiny.File("merged"), tiny.File("again"))).Message);
    }

    [Fact]
    public async Task Estimate_says_the_steps_and_the_bytes_that_the_run_then_takes()
    {
        RunConfiguration run =
            Run() with { Data = new DataConfiguration { Train = tiny.File("train.tsv"), Text = "sentence", Label = "label" } };
        RunEstimate estimate = FineTune.Estimate(run);
        using TextClassifier trained = await FineTune.ClassifierAsync(run);
        Assert.True(estimate.Fits);
        Assert.Equal(trained.Training!.Steps, estimate.Length.TotalSteps);
        Assert.Equal(trained.Training.PeakBytes, estimate.Bytes);
        Assert.Equal(estimate.Bytes, estimate.BytesByOwner.Values.Sum());
        Assert.Equal([new ClassCount("animal", 20), new ClassCount("tool", 20)], estimate.Classes);
    }

    /// <summary>
    /// The documents' example: methods compared, and the loss around what they learned; each is what the training alone gives.
    /// </summary>
    [Fact]
    public async Task Methods_are_compared_and_the_flatness_of_what_they_learned_measured()
    {
        RunConfiguration run = Run() with
        {
            Data = new DataConfiguration
            {
                Train = tiny.File("train.tsv"),
                Validation = new DataFiles([tiny.File("dev.tsv")]),
                Text = "sentence",
                Label = "label",
            },
            MaxSteps = 4,
        };
        ComparedMethod[] methods = [ComparedMethod.Of("lora", null), ComparedMethod.Of("flat", new FlatLora { Rho = 0.05 })];
        string output = tiny.File("methods");
        ComparisonReport report = await FineTune.CompareAsync(run with { Output = output }, methods, seeds: 1);
        using (TextClassifier alone = await FineTune.ClassifierAsync(run))
        {
            Assert.Equal(alone.Training!.After!["loss"], Assert.Single(report.Methods[0].Runs).Metrics["loss"]);
        }

        Assert.NotEqual(report.Methods[0].Runs[0].Metrics["loss"], report.Methods[1].Runs[0].Metrics["loss"]);
        var options = new SharpnessOptions { Instruments = [SharpnessInstrument.Expected], Spaces = [SharpnessSpace.Adapter], Samples = 2 };
        string[] adapters = [.. report.Methods.Select(method => method.Runs[0].Folder)];
        SharpnessResults flatness = await FineTune.MeasureSharpnessAsync(adapters, tiny.File("sharpness"), options: options);
        double?[] losses = [.. report.Methods.Select(method => method.Runs[0].Metrics["loss"])];
        Assert.All(
            losses.Zip(flatness.Adapters), pair => Assert.Equal(pair.First!.Value, pair.Second.Of(SharpnessSpace.Adapter)!.Loss, 2e-6));

        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => FineTune.CompareAsync(run with { Output = output }, methods, seeds: 2, cancellationToken: cancelled.Token));
    }

    private RunConfiguration Run() => tiny.Run();

    /// <summary>The same with every parameter trained, and for longer: random weights have no features that an adapter could use.</summary>
    private RunConfiguration Whole() => Run() with { Adapter = null, LearningRate = 3e-3, NumTrainEpochs = 10 };

    private byte[] Weights(string run) => File.ReadAllBytes(tiny.File($"{run}/adapter/adapter_model.safetensors"));

    /// <summary>Predictions with the same scores; a record compares lists by reference.</summary>
    private sealed class SameNumbers : IEqualityComparer<Prediction>
    {
        public bool Equals(Prediction? x, Prediction? y) =>
            x!.Label == y!.Label && x.Scores.Zip(y.Scores).All(pair => Math.Abs(pair.First - pair.Second) < 1e-6);

        public int GetHashCode(Prediction prediction) => 0;
    }
}

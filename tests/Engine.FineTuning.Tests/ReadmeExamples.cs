using Engine.FineTuning;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Engine.FineTuning.Tests;

/// <summary>The code of the package's README, line for line, which <see cref="ReadmeTests"/> sees to.</summary>
internal static class ReadmeExamples
{
    /// <param name="more">Rows in place of those that the README leaves out.</param>
    /// <param name="steps">So many are enough to see that it works.</param>
    public static async Task RunAsync(LabelledText[] more, int steps)
    {
        LabelledText[] rows = [new("Warm, funny, never a minute too long.", "good"), new("I left after half an hour.", "bad"), /* ... */];
        rows = [.. rows, .. more];
        await LearnAsync(rows, steps);

        using TextClassifier opened = TextClassifier.Open("runs/reviews");
        IReadOnlyList<Prediction> answers = await opened.PredictAsync(["What a film", "Never again"]);
        Assert.Equal(2, answers.Count);

        await ServeAsync();

        using EngineEmbeddingGenerator encoder = EngineEmbeddingGenerator.Open("all-MiniLM-L6-v2");
        GeneratedEmbeddings<Embedding<float>> vectors = await encoder.GenerateAsync(["How do I reset my password?", "I cannot log in"]);
        Assert.Equal(2, vectors.Count);
        await LearnVectorsAsync(steps);
    }

    private static async Task LearnVectorsAsync(int steps)
    {
        MatchedTexts[] pairs =
        [
            new("How do I reset my password?", "Choose 'Forgot password' on the sign-in page."),
            new("Where is my invoice?", "Invoices are under Account, Payments."), /* ... */
        ];
        var search = new RunConfiguration { Model = "all-MiniLM-L6-v2", Adapter = new AdapterConfiguration { R = 8, LoraAlpha = 16 } };
        search = search with { MaxSteps = steps };
        using EngineEmbeddingGenerator tuned = await FineTune.EmbeddingGeneratorAsync(search, pairs);
        Assert.Single(await tuned.GenerateAsync(["I cannot log in"]));
    }

    private static async Task LearnAsync(LabelledText[] rows, int steps)
    {
        var run = new RunConfiguration
        {
            Model = "roberta-base",
            Adapter = new AdapterConfiguration { R = 8, LoraAlpha = 16 },   // leave out to train every parameter
            Method = new FlatLora { Rho = 0.05 },                           // leave out for plain LoRA
            LearningRate = 5e-4,
            NumTrainEpochs = 3,
            PerDeviceTrainBatchSize = 16,
            Device = "cpu",                                                 // or opencl, cuda
        };
        run = run with { MaxSteps = steps };
        using TextClassifier classifier = await FineTune.ClassifierAsync(run, rows);
        Console.WriteLine(classifier.Predict("What a film").Label);
        await LearnOtherTasksAsync(run);

        run = run with { Output = "runs/reviews", Data = new() { ValidationSplit = 0.1 } };   // a tenth is evaluated on, not learned
        var progress = new Progress<TrainingProgress>(told =>
        {
            if (told is TrainingProgress.Step step)
            {
                Console.WriteLine($"step {step.StepNumber} of {step.TotalSteps}: loss {step.Loss:0.000}");
            }
            else if (told is TrainingProgress.Evaluated evaluated)
            {
                Console.WriteLine($"after step {evaluated.StepNumber}: accuracy {evaluated.Metrics["accuracy"]:0.00}");
            }
        });
        using (TextClassifier trained = await FineTune.ClassifierAsync(run, rows, options: new FineTuneOptions { Progress = progress }))
        {
            Console.WriteLine($"accuracy {trained.Training!.After!["accuracy"]:0.00}");
        }

        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, key) =>
        {
            key.Cancel = true;
            stop.Cancel();
        };
        var options = new FineTuneOptions { Overwrite = true };   // a finished run in the folder is refused otherwise
        try
        {
            using TextClassifier tuned = await FineTune.ClassifierAsync(run, rows, validation: null, options, stop.Token);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("stopped after its step; the same call with Resume = true in place of Overwrite goes on, bit for bit");
        }
    }

    private static async Task LearnOtherTasksAsync(RunConfiguration run)
    {
        MultiLabelText[] reviews = [new("Cheap, and broken after a day.", "price", "quality"), /* ... */];
        LabelledWords[] sentences = [new(["Ada", "lives", "in", "London"], ["B-PER", "O", "O", "B-LOC"]), /* ... */];
        AnsweredQuestion[] questions = [new("Who wrote it?", "It was written by Mary Shelley in 1818.", "Mary Shelley"), /* ... */];
        ChoiceQuestion[] endings = [new("The ice melted, for", ["it was warm.", "it was cold."], RightChoice: 0), /* ... */];

        using TokenClassifier names = await FineTune.TokenClassifierAsync(run, sentences);
        foreach (EntityPrediction name in names.Predict("Grace left Paris").Entities)
        {
            Console.WriteLine($"{name.Type}: {name.Text}");
        }
        Assert.Equal(3, names.Predict("Grace left Paris").Words.Count);
        using MultiLabelClassifier themes = await FineTune.MultiLabelClassifierAsync(run, reviews);
        using QuestionAnswerer answerer = await FineTune.QuestionAnswererAsync(run, questions);
        using MultipleChoiceModel chooser = await FineTune.MultipleChoiceModelAsync(run, endings);
    }

    private static async Task ServeAsync(bool listens = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Services.AddSingleton(_ => TextClassifier.Open("runs/reviews"));
        builder.Services.AddSingleton<IEmbeddingGenerator<string, Embedding<float>>>(services => EngineEmbeddingGenerator.Open(
            "all-MiniLM-L6-v2",
            new EngineEmbeddingGeneratorOptions { Logger = services.GetRequiredService<ILogger<EngineEmbeddingGenerator>>() }));
        WebApplication app = builder.Build();

        // A singleton is made when it is first asked for: here, not in the first request, which then finds it loaded and warm.
        app.Services.GetRequiredService<TextClassifier>().Predict("Hello");
        await app.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>().GenerateAsync(["Hello"]);
        app.MapPost("/classify", async (string[] texts, TextClassifier model) =>
            (await model.PredictAsync(texts)).Select(found => new { found.Label, found.Probability }));
        if (listens)
        {
            app.Run();
        }

        await app.DisposeAsync();
    }
}

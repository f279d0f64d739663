using Engine.FineTuning;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace PackageConsumer;

/// <summary>A program that fine-tunes a classifier on rows of its own.</summary>
internal static class FineTuneConsumer
{
    private const int Steps = 12;

    public static async Task<bool> RunAsync(string model)
    {
        LabelledText[] rows =
        [
            new("wake me at seven", "alarm"), new("set an alarm for six", "alarm"), new("wake me early tomorrow", "alarm"),
            new("an alarm at noon, please", "alarm"),
            new("play some jazz", "music"), new("put on a slow song", "music"), new("play the song again", "music"),
            new("some quiet music, please", "music"),
        ];
        var run = new RunConfiguration
        {
            Model = model,
            Adapter = new AdapterConfiguration { R = 4, TargetModules = ["query", "value"] },
            Data = new() { ValidationSplit = 0.25 },
            LearningRate = 5e-3,
            MaxSteps = Steps,
            PerDeviceTrainBatchSize = 4,
        };
        using TextClassifier classifier = await FineTune.ClassifierAsync(run, rows);
        Prediction prediction = classifier.Predict("play a song");
        Console.WriteLine($"{classifier.Training!.Steps} steps, then 'play a song' is {prediction.Label} ({prediction.Probability:0.00})");
        return classifier.Training is { Steps: Steps, After: not null } && classifier.Labels.SequenceEqual(["alarm", "music"])
            && prediction.Label is not null;
    }
}

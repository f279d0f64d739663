using Engine.FineTuning;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

// Classify [models [steps]].
// Rows that a program has, from a database or a web service; here from the demo's tables.
string models = args is [var folder, ..] ? folder : "models";
LabelledText[] Rows(string table) =>
    [.. File.ReadLines(Path.Combine(models, "demo", table)).Skip(1)
        .Select(line => line.Split('\t')).Select(cells => new LabelledText(cells[0], cells[1]))];

// The keys of a run file, in C#. Without an Output the model lives as long as the program.
var run = new RunConfiguration
{
    Model = Path.Combine(models, "tiny-roberta"),
    Adapter = new AdapterConfiguration
    {
        R = 16,
        LoraAlpha = 32,
        TargetModules = ["query", "key", "value", "dense"],
        ModulesToSave = ["word_embeddings"],
    },
    LearningRate = 2e-3,
    LrSchedulerType = ScheduleKind.Linear,
    NumTrainEpochs = 3,
    MaxSteps = args is [_, var steps] ? int.Parse(steps) : -1,
    PerDeviceTrainBatchSize = 16,
    MaxLength = 64,
};
var progress = new Progress<TrainingProgress>(told =>
{
    if (told is TrainingProgress.Evaluated evaluated)
    {
        Console.Error.WriteLine($"after step {evaluated.StepNumber}: accuracy {evaluated.Metrics["accuracy"]:0.00}");
    }
});

using TextClassifier intents =
    await FineTune.ClassifierAsync(run, Rows("train.tsv"), Rows("test.tsv"), new FineTuneOptions { Progress = progress });

foreach (string text in (string[])["wake me at seven tomorrow", "Is it going to rain at the weekend?", "we are out of coffee and bread"])
{
    Prediction prediction = intents.Predict(text);
    Console.WriteLine($"{prediction.Label} {prediction.Probability:0.00} {text}");
}

using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Microsoft.ML;
using MicrosoftML;

// MicrosoftML [models [steps]]: a fine-tuned classifier in a pipeline of ML.NET.
string models = args is [var folder, ..] ? folder : "models";
var run = new RunConfiguration
{
    Model = Path.Combine(models, "tiny-roberta"),
    Adapter = new AdapterConfiguration
    {
        R = 16,
        LoraAlpha = 32,
        TargetModules = ["query", "key", "value", "dense"],
        ModulesToSave = ["word_embeddings"]
    },
    LearningRate = 2e-3,
    LrSchedulerType = ScheduleKind.Linear,
    NumTrainEpochs = 3,
    MaxSteps = args is [_, var steps] ? int.Parse(steps) : -1,
    PerDeviceTrainBatchSize = 16,
    MaxLength = 64,
};

var context = new MLContext(seed: 1);
IDataView Table(string name) =>
    context.Data.LoadFromTextFile<Request>(Path.Combine(models, "demo", name), separatorChar: '\t', hasHeader: true);

using var classifier = new FineTunedClassifier(context, run);
ITransformer fitted = classifier.Fit(Table("train.tsv"));

// Any view with a column Text: what ML.NET reads, filters and joins.
IDataView answered = fitted.Transform(context.Data.TakeRows(Table("test.tsv"), 200));
var rows = context.Data.CreateEnumerable<LabelledAnswer>(answered, reuseRowObject: false).ToList();
foreach (LabelledAnswer row in rows.Take(3))
{
    Console.WriteLine($"{row.PredictedLabel} {row.Probability:0.00} {row.Text}");
}

Console.WriteLine($"accuracy {rows.Average(row => row.PredictedLabel == row.Label ? 1 : 0):0.00}");

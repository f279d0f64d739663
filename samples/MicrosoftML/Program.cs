using Engine.FineTuning;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.ML;
using Microsoft.ML.Data;

// MicrosoftML [models [steps]]: a fine-tuned classifier in a pipeline of ML.NET.
string models = args is [var folder, ..] ? folder : "models";
RunConfiguration run = RunConfiguration.Load(Path.Combine(models, "demo", "run.yaml")) with
{
    Output = "",   // the model lives as long as the program
    LearningRate = 2e-3,
    NumTrainEpochs = 3,
    MaxSteps = args is [_, var steps] ? int.Parse(steps) : -1,
};

var context = new MLContext(seed: 1);
IDataView Table(string name) =>
    context.Data.LoadFromTextFile<Request>(Path.Combine(models, "demo", name), separatorChar: '\t', hasHeader: true);

// Rows of any view with the columns Text and Label are what it learns from.
IDataView train = Table("train.tsv");
using TextClassifier classifier = await FineTune.ClassifierAsync(
    run, context.Data.CreateEnumerable<Request>(train, reuseRowObject: false).Select(row => new LabelledText(row.Text, row.Label)));

// What it learned is an estimator that goes where any other of ML.NET does; fitted, it adds its columns to any view with a column Text.
void Predict(RequestText request, Answer answer)
{
    Prediction prediction = classifier.Predict(request.Text);
    (answer.PredictedLabel, answer.Probability) = (prediction.Label!, (float)prediction.Probability);
}

ITransformer fitted = context.Transforms.CustomMapping<RequestText, Answer>(Predict, contractName: null).Fit(train);
IDataView answered = fitted.Transform(context.Data.TakeRows(Table("test.tsv"), 200));

string[] texts = [.. answered.GetColumn<string>("Text")], labels = [.. answered.GetColumn<string>("Label")];
string[] predicted = [.. answered.GetColumn<string>("PredictedLabel")];
float[] probabilities = [.. answered.GetColumn<float>("Probability")];
for (int i = 0; i < 3; i++)
{
    Console.WriteLine($"{predicted[i]} {probabilities[i]:0.00} {texts[i]}");
}

Console.WriteLine($"accuracy {predicted.Zip(labels).Average(pair => pair.First == pair.Second ? 1 : 0):0.00}");

/// <summary>What is classified.</summary>
internal class RequestText
{
    [LoadColumn(0)]
    public string Text { get; set; } = "";
}

/// <summary>A row of the demo's tables.</summary>
internal sealed class Request : RequestText
{
    [LoadColumn(1)]
    public string Label { get; set; } = "";
}

/// <summary>The columns that the classifier adds.</summary>
internal sealed class Answer
{
    public string PredictedLabel { get; set; } = "";

    public float Probability { get; set; }
}

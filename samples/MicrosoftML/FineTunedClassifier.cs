using Engine.FineTuning;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace MicrosoftML;

/// <summary>
/// An estimator that fine-tunes a model on the columns Text and Label; what it fits adds PredictedLabel and Probability to any view with a
/// column Text.
/// </summary>
internal sealed class FineTunedClassifier(MLContext context, RunConfiguration run) : IEstimator<ITransformer>, IDisposable
{
    private TextClassifier? classifier;

    public ITransformer Fit(IDataView input)
    {
        LabelledText[] rows =
            [.. context.Data.CreateEnumerable<Request>(input, reuseRowObject: false).Select(row => new LabelledText(row.Text, row.Label))];
        classifier = FineTune.ClassifierAsync(run, rows).GetAwaiter().GetResult();
        return Mapping(Predict).Fit(input);
    }

    public SchemaShape GetOutputSchema(SchemaShape inputSchema) => Mapping((_, _) => { }).GetOutputSchema(inputSchema);

    /// <summary>Frees the model; what was fitted predicts no more.</summary>
    public void Dispose() => classifier?.Dispose();

    private void Predict(RequestText request, Answer answer)
    {
        Prediction prediction = classifier!.Predict(request.Text);
        (answer.PredictedLabel, answer.Probability) = (prediction.Label!, (float)prediction.Probability);
    }

    private IEstimator<ITransformer> Mapping(Action<RequestText, Answer> map) => context.Transforms.CustomMapping(map, contractName: null);
}

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

/// <summary>The columns that a fitted model adds.</summary>
internal sealed class Answer
{
    public string PredictedLabel { get; set; } = "";

    public float Probability { get; set; }
}

/// <summary>Some columns of a view that a fitted model has answered.</summary>
internal sealed class LabelledAnswer
{
    public string Text { get; set; } = "";

    public string Label { get; set; } = "";

    public string PredictedLabel { get; set; } = "";

    public float Probability { get; set; }
}

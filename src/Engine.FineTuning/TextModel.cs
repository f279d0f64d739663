using System.Text.Json;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// What classifiers, regressors and whatever else answers texts have in common: a model that was trained or opened, with all that goes with
/// it.
/// </summary>
internal sealed class TextModel : IDisposable
{
    private const int BatchSize = 16;

    private readonly Holding holding;
    private readonly int batchSize;

    private TextModel(Holding holding, TrainedModel trained, TrainingOutcome? training)
    {
        this.holding = holding;
        Predictor = Predictor.Open(holding.Device, trained);
        Training = training;
        batchSize = trained.Run?.PerDeviceEvalBatchSize ?? BatchSize;
    }

    public Predictor Predictor { get; }

    public TrainingOutcome? Training { get; }

    /// <summary>Trains a run and opens what came of it; the place is the model's from here on.</summary>
    public static Task<TextModel> TrainAsync(RunPlace place, FineTuneOptions? options, CancellationToken cancellationToken) =>
        TrainingTask.TrainAndOpenAsync(
            place, options, (holding, trained, outcome) => new TextModel(holding, trained, outcome), cancellationToken);

    /// <exception cref="ModelFileException">There is no such model, or it is of another task.</exception>
    public static TextModel Open(string path, string? adapter, Device? device, HeadKind head)
    {
        TextModel model = Holding.Open(path, adapter, device, (holding, trained) => new TextModel(holding, trained, training: null));
        HeadKind found = model.Predictor.Architecture.Head;
        if (found == head)
        {
            return model;
        }

        model.Dispose();
        throw new ModelFileException(path, $"the model is one of {GivenAdapter.TaskOf(found).Name()}, and not of "
            + $"{GivenAdapter.TaskOf(head).Name()}; open it as a {ClassOf(found)}.");
    }

    public IReadOnlyList<Prediction> Predict(IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellationToken) =>
        Predict(Rows(texts), cancellationToken);

    public IReadOnlyList<Prediction> Predict(ExampleSet rows, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        return rows.Count == 0 ? [] : Predictor.Predict(rows, Predictor.ReadLength, batchSize, cancellationToken);
    }

    public Task<IReadOnlyList<Prediction>> PredictAsync(
        IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellationToken) =>
        PredictAsync(Rows(texts), cancellationToken);

    public async Task<IReadOnlyList<Prediction>> PredictAsync(ExampleSet rows, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        return rows.Count == 0
            ? []
            : await Predictor.PredictAsync(rows, Predictor.ReadLength, batchSize, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The task's metrics over labelled examples, which messages call <c>examples[17]</c>.</summary>
    /// <exception cref="ArgumentException">There are none, or one cannot be written.</exception>
    public IReadOnlyDictionary<string, double> Evaluate<T>(
        IEnumerable<T> examples, Action<Utf8JsonWriter, T> write, ExampleColumns columns, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        TaskKind task = GivenAdapter.TaskOf(Predictor.Architecture.Head);
        ExampleSet rows = ExampleFile.Rows(nameof(examples), task, examples, write, columns);
        return Predictor.Evaluate(rows, Predictor.ReadLength, batchSize, cancellationToken).Metrics;
    }

    public void Dispose()
    {
        Predictor.Dispose();
        holding.Dispose();
    }

    private static ExampleSet Rows(IReadOnlyList<(string Text, string? Pair)> texts) =>
        ExampleSet.InMemory("texts", texts.Select(text => (text.Text, text.Pair, (string?)null)));

    private static string ClassOf(HeadKind head) => head switch
    {
        HeadKind.SequenceClassification => nameof(TextClassifier),
        HeadKind.Regression => nameof(TextRegressor),
        HeadKind.TokenClassification => nameof(TokenClassifier),
        HeadKind.MultiLabelClassification => nameof(MultiLabelClassifier),
        HeadKind.QuestionAnswering => nameof(QuestionAnswerer),
        HeadKind.MultipleChoice => nameof(MultipleChoiceModel),
        _ => throw new ArgumentOutOfRangeException(nameof(head), head, "no head that answers texts"),
    };
}

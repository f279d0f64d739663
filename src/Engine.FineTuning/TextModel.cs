using Engine.Devices;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>What a classifier and a regressor have in common: a model that was trained or opened, with all that goes with it.</summary>
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

    public static TextModel Open(string path, string? adapter, Device? device) =>
        Holding.Open(path, adapter, device, (holding, trained) => new TextModel(holding, trained, training: null));

    public IReadOnlyList<Prediction> Predict(IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        return texts.Count == 0 ? [] : Predictor.Predict(texts, Predictor.ReadLength, batchSize, cancellationToken);
    }

    public async Task<IReadOnlyList<Prediction>> PredictAsync(
        IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        return texts.Count == 0
            ? []
            : await Predictor.PredictAsync(texts, Predictor.ReadLength, batchSize, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The task's metrics over labelled examples.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<(string Text, string? TextPair, string? Label)> examples, CancellationToken cancellationToken)
    {
        using IDisposable words = SettingNames.Use();
        var set = ExampleSet.InMemory(nameof(examples), examples);
        if (set.Count == 0)
        {
            throw new ArgumentException("The examples are empty; at least one was expected.", nameof(examples));
        }

        return Predictor.Evaluate(set, Predictor.ReadLength, batchSize, cancellationToken).Metrics;
    }

    public void Dispose()
    {
        Predictor.Dispose();
        holding.Dispose();
    }
}

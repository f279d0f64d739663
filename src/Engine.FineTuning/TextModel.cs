using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>What a classifier and a regressor have in common: a model that was trained or opened, with all that goes with it.</summary>
internal sealed class TextModel : IDisposable
{
    private const int BatchSize = 16;

    private readonly Device device;
    private readonly bool ownsDevice;
    private readonly RunPlace? place;
    private readonly int maxLength;
    private readonly int batchSize;

    private TextModel(Device device, bool ownsDevice, Predictor predictor, RunConfiguration? run, RunPlace? place, TrainingOutcome? training)
    {
        this.device = device;
        this.ownsDevice = ownsDevice;
        this.place = place;
        Predictor = predictor;
        Training = training;
        maxLength = run?.MaxLength ?? predictor.MaxLength;
        batchSize = run?.PerDeviceEvalBatchSize ?? BatchSize;
    }

    public Predictor Predictor { get; }

    public TrainingOutcome? Training { get; }

    /// <summary>Trains a run and opens what came of it; the place is the model's from here on.</summary>
    public static Task<TextModel> TrainAsync(RunPlace place, FineTuneOptions? options, CancellationToken cancellation) => TrainingTask.TrainAndOpenAsync(
        place, options, (device, ownsDevice, trained, outcome) => Open(device, ownsDevice, trained, place, outcome), cancellation);

    public static TextModel Open(string path, string? adapter, Device? given)
    {
        TrainedModel trained = TrainedModel.Resolve(path, adapter);
        Device device = given ?? DeviceCatalog.Open(trained.Run?.Device ?? DeviceCatalog.Default, trained.Run?.DeviceOptions);
        try
        {
            return Open(device, given is null, trained, place: null, training: null);
        }
        catch when (given is null)
        {
            device.Dispose();
            throw;
        }
    }

    public IReadOnlyList<Prediction> Predict(IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellation) =>
        texts.Count == 0 ? [] : Predictor.Predict(texts, maxLength, batchSize, cancellation);

    public async Task<IReadOnlyList<Prediction>> PredictAsync(IReadOnlyList<(string Text, string? Pair)> texts, CancellationToken cancellation) =>
        texts.Count == 0 ? [] : await Predictor.PredictAsync(texts, maxLength, batchSize, cancellation).ConfigureAwait(false);

    /// <summary>The task's metrics over labelled examples.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(IEnumerable<Example> examples, CancellationToken cancellation)
    {
        var set = new ExampleSet("examples", [.. examples]);
        return set.Count > 0
            ? Predictor.Evaluate(set, maxLength, batchSize, cancellation).Metrics
            : throw new ArgumentException("The examples are empty; at least one was expected.", nameof(examples));
    }

    public void Dispose()
    {
        Predictor.Dispose();
        if (ownsDevice)
        {
            device.Dispose();
        }

        place?.Dispose();
    }

    private static TextModel Open(Device device, bool ownsDevice, TrainedModel trained, RunPlace? place, TrainingOutcome? training)
    {
        WeightType type = trained.Run?.Dtype ?? WeightType.Auto;
        return new TextModel(
            device, ownsDevice, Predictor.Open(device, trained.Model, trained.Adapter, trained.Seed, type), trained.Run, place, training);
    }
}

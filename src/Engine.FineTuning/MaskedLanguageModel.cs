using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// An encoder that was trained to name masked tokens, or opened: the start of classifiers, regressors and sentence vectors of its field.
/// Safe for use by several threads.
/// </summary>
public sealed class MaskedLanguageModel : IDisposable
{
    private readonly Holding holding;
    private readonly TrainedModel trained;

    private MaskedLanguageModel(Holding holding, TrainedModel trained, TrainingOutcome? training)
    {
        this.holding = holding;
        this.trained = trained;
        Training = training;
    }

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training { get; }

    /// <summary>Opens a masked language model.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken.</exception>
    /// <exception cref="DeviceException">The device is not there.</exception>
    public static MaskedLanguageModel Open(string path, string? adapter = null, Device? device = null) =>
        Holding.Open(path, adapter, device, (holding, trained) => new MaskedLanguageModel(holding, trained, training: null));

    /// <summary>
    /// Loss of the masked tokens (masks are those of the run's first epoch) and its exponential, <c>loss</c> and <c>perplexity</c>.
    /// </summary>
    /// <param name="texts">The texts, laid out and cut as the run's; messages call an entry <c>texts[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean cross-entropy of a masked token in nats.</returns>
    /// <exception cref="ArgumentException">There are no texts, or one is null.</exception>
    /// <exception cref="DataFileException">No text has a token in it.</exception>
    /// <exception cref="ModelFileException">The model's files are not there any more.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The model's device was disposed, before or meanwhile.</exception>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(
        IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        LanguageEvaluation.EvaluateAsync(
            holding.Device,
            trained,
            TaskKind.MaskedLanguageModel,
            nameof(texts),
            texts.ToAsyncEnumerable(),
            ExampleWriter.Write,
            data => data with { Text = ExampleWriter.Text },
            cancellationToken);

    /// <summary>Frees the device where it was opened for the model, and the run's folder where that is temporary.</summary>
    public void Dispose() => holding.Dispose();

    internal static Task<MaskedLanguageModel> TrainAsync(RunPlace place, FineTuneOptions? options, CancellationToken cancellationToken) =>
        TrainingTask.TrainAndOpenAsync(
            place, options, (holding, trained, outcome) => new MaskedLanguageModel(holding, trained, outcome), cancellationToken);
}

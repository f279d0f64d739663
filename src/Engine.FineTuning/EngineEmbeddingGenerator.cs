using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.Extensions.AI;

namespace Engine.FineTuning;

/// <summary>
/// An encoder as an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: vectors as sentence-transformers makes them of the same folder.
/// Safe for use by several threads.
/// </summary>
public sealed class EngineEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private const int BatchSize = 32;

    private readonly Holding holding;
    private readonly TrainedModel trained;
    private readonly TextEmbedder embedder;
    private readonly EmbeddingGeneratorMetadata metadata;

    private EngineEmbeddingGenerator(
        Holding holding, TrainedModel trained, EngineEmbeddingGeneratorOptions options, TrainingOutcome? training)
    {
        this.holding = holding;
        this.trained = trained;
        Training = training;
        embedder = TextEmbedder.Open(holding.Device, trained, options.Dtype, options.Normalize);
        metadata = new EmbeddingGeneratorMetadata("engine", providerUri: null, trained.Name, embedder.Dimensions);
        ModelLog.Notes(options.Logger, embedder.Notes);
    }

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training { get; }

    /// <summary>
    /// Opens an encoder; its weights are read and on the device when this returns. How its vectors are made is what its folder's
    /// <c>modules.json</c> says; a folder without one is pooled by the mean, and its vectors are not scaled to length 1, as in
    /// sentence-transformers.
    /// </summary>
    /// <param name="path">A model folder, a run's folder or its file, or an adapter's folder whose base model is the one it names; a
    /// classifier's head is left out.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The generator; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is no encoder.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static EngineEmbeddingGenerator Open(string path, string? adapter = null, Device? device = null) =>
        Open(path, new EngineEmbeddingGeneratorOptions { Adapter = adapter, Device = device });

    /// <summary>Opens an encoder with a say in how its vectors are made, and a log.</summary>
    /// <param name="path">A model folder, a run's folder or its file, or an adapter's folder whose base model is the one it names; a
    /// classifier's head is left out.</param>
    /// <param name="options">Adapter, device, storage, normalisation and log.</param>
    /// <returns>The generator; the caller disposes it.</returns>
    /// <inheritdoc cref="Open(string, string?, Device?)" path="/exception"/>
    public static EngineEmbeddingGenerator Open(string path, EngineEmbeddingGeneratorOptions options) => Holding.Open(
        path, options.Adapter, options.Device,
        (holding, trained) => new EngineEmbeddingGenerator(holding, trained, options, training: null));

    /// <summary>The vectors of texts, in their order; texts of like length run together.</summary>
    /// <param name="values">The texts; longer ones than the model takes are cut.</param>
    /// <param name="options">Dimensions and model, which must be this generator's; null: these.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>A vector [hidden size] of float32 for each text, of length 1 where the model's folder, or the options that it was opened
    /// with, say so.</returns>
    /// <exception cref="ArgumentNullException">A text is null.</exception>
    /// <exception cref="NotSupportedException">Other dimensions, or another model, than this one's are asked for.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The generator or its device was disposed, before or meanwhile.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        using IDisposable words = SettingNames.Use();
        bool otherSize = options?.Dimensions is { } dimensions && dimensions != embedder.Dimensions;
        bool otherModel = options?.ModelId is { } model && model != metadata.DefaultModelId;
        Refuse(otherSize, nameof(options.Dimensions), $"the model's vectors have {embedder.Dimensions}");
        Refuse(otherModel, nameof(options.ModelId), $"this generator's model is '{metadata.DefaultModelId}'");
        IReadOnlyList<float[]> vectors = await embedder.EmbedAsync([.. values], BatchSize, cancellationToken).ConfigureAwait(false);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return [.. vectors.Select(vector => new Embedding<float>(vector) { ModelId = metadata.DefaultModelId, CreatedAt = now })];
    }

    /// <summary>How well the cosines of pairs of texts fit their scores: <c>loss</c>, <c>pearson</c> and <c>spearman</c>.</summary>
    /// <param name="pairs">Pairs with their scores, cut as the run's texts; messages call an entry <c>pairs[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean squared difference of cosines and scores.</returns>
    /// <exception cref="ArgumentException">There are no pairs, or one is a single text.</exception>
    /// <exception cref="DataFileException">A score is no cosine, even divided by the run's <c>Data.LabelDivisor</c>.</exception>
    /// <exception cref="ModelFileException">The model's files are not there any more.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The model's device was disposed, before or meanwhile.</exception>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(
        IEnumerable<ScoredText> pairs, CancellationToken cancellationToken = default) =>
        LanguageEvaluation.EvaluateAsync(
            holding.Device,
            trained,
            TaskKind.SentenceSimilarity,
            nameof(pairs),
            pairs.ToAsyncEnumerable(),
            (json, pair) =>
            {
                MatchedColumns.RequirePair(pair);
                ExampleWriter.Write(json, pair);
            },
            MatchedColumns.Scored,
            cancellationToken);

    /// <summary>This generator, its <see cref="EmbeddingGeneratorMetadata"/> or its <see cref="TextEmbedder"/>.</summary>
    /// <param name="serviceType">The type that is asked for.</param>
    /// <param name="serviceKey">Must be null, as nothing is kept under a key.</param>
    /// <returns>The object; null where there is none of the type.</returns>
    /// <exception cref="ArgumentNullException">The type is null.</exception>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] services = [this, metadata, embedder];
        return serviceKey is null ? services.FirstOrDefault(serviceType.IsInstanceOfType) : null;
    }

    /// <summary>Frees the model, and the device where it was opened for it.</summary>
    public void Dispose()
    {
        embedder.Dispose();
        holding.Dispose();
    }

    internal static Task<EngineEmbeddingGenerator> TrainAsync(
        RunPlace place, FineTuneOptions? options, CancellationToken cancellationToken) =>
        TrainingTask.TrainAndOpenAsync(
            place, options,
            (holding, trained, outcome) => new EngineEmbeddingGenerator(
                holding, trained, new EngineEmbeddingGeneratorOptions { Logger = options?.Logger }, outcome),
            cancellationToken);

    private static void Refuse(bool asked, string option, string why)
    {
        if (asked)
        {
            throw new NotSupportedException($"The option {option} cannot be honoured: {why}.");
        }
    }
}

using System.Numerics.Tensors;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// Makes a vector of each text, as sentence-transformers does with the same folder: an encoder with or without an adapter, its hidden
/// states pooled. Safe for use by several threads: each batch waits for its turn on the device (<see cref="Device.Turns"/>).
/// </summary>
public sealed class TextEmbedder : IDisposable
{
    // A longer stream is answered part by part.
    private const int ChunkTexts = 1024;

    private readonly EvaluationModel model;
    private readonly Architecture architecture;
    private readonly Tokenizer tokenizer;
    private readonly SentenceSettings settings;

    private TextEmbedder(EvaluationModel model, Architecture architecture, Tokenizer tokenizer, SentenceSettings settings)
    {
        this.model = model;
        this.architecture = architecture;
        this.tokenizer = tokenizer;
        this.settings = settings;
    }

    /// <summary>Numbers of a vector.</summary>
    public int Dimensions => architecture.OutputSize;

    /// <summary>Longer texts are cut to so many tokens, special ones included.</summary>
    public int MaxLength => Math.Min(
        settings.MaxLength ?? int.MaxValue, Math.Min(architecture.MaxLength, tokenizer.ModelMaxLength ?? architecture.MaxLength));

    /// <summary>What a user should know of the weights.</summary>
    public IReadOnlyList<string> Notes => model.Notes;

    /// <summary>Loads a trained model; a classifier's head is left out.</summary>
    /// <param name="type">How its matrices are stored; null: as its run had it.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or the model is no encoder.</exception>
    public static TextEmbedder Open(Device device, TrainedModel trained, WeightType? type = null) =>
        Open(device, trained.Model, trained.Adapter, trained.ReadSentenceSettings(), type ?? trained.Dtype);

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">An encoder's folder; a head that it has is not used.</param>
    /// <param name="adapterFolder">A PEFT folder whose adapter is put on the encoder, or null.</param>
    /// <param name="settings">How vectors are made; null: as the folder says.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or the model is no encoder.</exception>
    internal static TextEmbedder Open(
        Device device, string modelFolder, string? adapterFolder = null, SentenceSettings? settings = null,
        WeightType type = WeightType.Auto)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        settings ??= SentenceSettings.Read(modelFolder);
        Architecture architecture = folder.CreateEmbedding(settings.Pooling, adapterFolder);
        Tokenizer tokenizer = Tokenizer.Load(folder.TokenizerFolderOf(architecture, adapterFolder));
        var model = EvaluationModel.Load(device, folder, architecture, adapterFolder, seed: null, type);
        return new TextEmbedder(model, architecture, tokenizer, settings);
    }

    /// <summary>The vectors of texts, in their order, each of <see cref="Dimensions"/> numbers.</summary>
    /// <param name="batchSize">Texts that run together.</param>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The embedder or its device was disposed, before or meanwhile.</exception>
    public IReadOnlyList<float[]> Embed(IReadOnlyList<string> texts, int batchSize = 32, CancellationToken cancellationToken = default) =>
        texts.Count == 0 ? [] : Vectors(model.Predict(Batches(texts, batchSize), cancellationToken));

    /// <summary>The vectors of a stream of texts, in their order; each comes when its part of the stream has been read.</summary>
    /// <inheritdoc cref="Embed"/>
    public IEnumerable<(string Text, float[] Vector)> EmbedEach(
        IEnumerable<string> texts, int batchSize = 32, CancellationToken cancellationToken = default) =>
        texts.Chunk(ChunkTexts).SelectMany(chunk => chunk.Zip(Embed(chunk, batchSize, cancellationToken)));

    /// <summary>As <see cref="Embed"/>, on the thread pool; waiting for a turn holds no thread.</summary>
    /// <inheritdoc cref="Embed"/>
    public async Task<IReadOnlyList<float[]>> EmbedAsync(
        IReadOnlyList<string> texts, int batchSize = 32, CancellationToken cancellationToken = default)
    {
        if (texts.Count == 0)
        {
            return [];
        }

        Evaluator batches = await Task.Run(() => Batches(texts, batchSize), cancellationToken).ConfigureAwait(false);
        return Vectors(await model.PredictAsync(batches, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Frees the model; calls that wait or are under way end with an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => model.Dispose();

    private Evaluator Batches(IReadOnlyList<string> texts, int batchSize)
    {
        var examples = ExampleSet.InMemory("input", texts.Select(text => (text, (string?)null, (string?)null)));
        return new Evaluator(architecture, TextEncoding.Encode(tokenizer, architecture, examples, MaxLength), batchSize, null, "input");
    }

    private float[][] Vectors(float[] outputs)
    {
        float[][] vectors = [.. outputs.Chunk(Dimensions)];
        foreach (float[] vector in settings.Normalize ? vectors : [])
        {
            // As PyTorch's normalize: lengths below 1e-12 count as that.
            TensorPrimitives.Divide(vector, Math.Max(TensorPrimitives.Norm(vector), 1e-12f), vector);
        }

        return vectors;
    }
}

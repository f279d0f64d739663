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

    private TextEmbedder(
        EvaluationModel model, Architecture architecture, Tokenizer tokenizer, SentenceSettings settings, IReadOnlyList<string> notes)
    {
        this.model = model;
        this.architecture = architecture;
        this.tokenizer = tokenizer;
        this.settings = settings;
        Notes = [.. model.Notes, .. notes];
    }

    /// <summary>Numbers of a vector.</summary>
    public int Dimensions => architecture.OutputSize;

    /// <summary>Longer texts are cut to so many tokens, special ones included.</summary>
    public int MaxLength => Math.Min(
        settings.MaxLength ?? int.MaxValue, Math.Min(architecture.MaxLength, tokenizer.ModelMaxLength ?? architecture.MaxLength));

    /// <summary>Vectors are scaled to length 1, so that the product of two is their cosine.</summary>
    public bool Normalizes => settings.Normalize;

    /// <summary>What a user should know of the weights, and of vectors that the model's folder does not say how to make.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Loads a trained model; a classifier's head is left out.</summary>
    /// <param name="device">Where it runs; it stays the caller's.</param>
    /// <param name="trained">An encoder, with or without an adapter.</param>
    /// <param name="type">How its matrices are stored; null: as its run had it.</param>
    /// <param name="normalize">Whether vectors are scaled to length 1; null: as the model's folder says in <c>modules.json</c>, and where
    /// it has none they are not, which <see cref="Notes"/> then says.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or the model is no encoder.</exception>
    public static TextEmbedder Open(Device device, TrainedModel trained, WeightType? type = null, bool? normalize = null)
    {
        SentenceSettings said = SentenceSettings.Read(trained.SentenceFolder);
        SentenceSettings settings = said with { Normalize = normalize ?? said.Normalize };
        ModelFolder folder = ModelFolder.Open(trained.Model);
        Architecture architecture = folder.CreateEmbedding(settings.Pooling, trained.Adapter);
        Tokenizer tokenizer = Tokenizer.Load(folder.TokenizerFolderOf(architecture, trained.Adapter));
        var model = EvaluationModel.Load(device, folder, architecture, trained.Adapter, seed: null, type ?? trained.Dtype);
        string[] notes = said.HasModules || normalize is not null ? [] : [Assumed(trained.SentenceFolder)];
        return new TextEmbedder(model, architecture, tokenizer, settings, notes);
    }

    private static string Assumed(string folder) =>
        $"{folder} has no modules.json, which says how sentence vectors are made: as in sentence-transformers they are then the mean of the "
            + "last hidden states, not scaled to length 1 unless that is asked for.";

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
        var examples = ExampleSet.InMemory("texts", texts.Select(text => (text, (string?)null, (string?)null)));
        return new Evaluator(architecture, TextEncoding.Encode(tokenizer, architecture, examples, MaxLength), batchSize, null, "texts");
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

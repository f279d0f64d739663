using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>One text's prediction.</summary>
/// <param name="Label">The most probable class's name; null for regression.</param>
/// <param name="Probability">Its probability, or the predicted number for regression.</param>
/// <param name="Scores">Every class's probability, or the predicted number.</param>
public sealed record Prediction(string? Label, double Probability, IReadOnlyList<double> Scores)
{
    /// <summary>Whether the text was longer than the maximum length, and its end not read.</summary>
    public bool IsCut { get; init; }
}

/// <summary>
/// A trained classifier or regressor, ready to read texts: a model folder with or without an adapter. Safe for use by several threads: each
/// batch waits for its turn on the device (<see cref="Device.Turns"/>).
/// </summary>
public sealed class Predictor : IDisposable
{
    // Texts are grouped by length within a chunk of a stream.
    private const int ChunkTexts = 1024;

    private readonly EvaluationModel model;
    private readonly int? runLength;

    private Predictor(Architecture architecture, Tokenizer tokenizer, EvaluationModel model, int? runLength)
    {
        this.model = model;
        this.runLength = runLength;
        Architecture = architecture;
        Tokenizer = tokenizer;
    }

    /// <summary>What computes the scores.</summary>
    public Architecture Architecture { get; }

    /// <summary>What texts are encoded with.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What a user should know of the weights, such as a head that no file gave.</summary>
    public IReadOnlyList<string> Notes => model.Notes;

    /// <summary>The longest text in tokens that model and tokenizer take.</summary>
    public int MaxLength => Math.Min(Architecture.MaxLength, Tokenizer.ModelMaxLength ?? Architecture.MaxLength);

    /// <summary>How many tokens of a text its run read; without a run, or where that does not say, <see cref="MaxLength"/>.</summary>
    public int ReadLength => runLength ?? MaxLength;

    /// <summary>Class names by index.</summary>
    public IReadOnlyList<string> Labels => Architecture.ModelConfig.Labels.Names;

    /// <summary>Loads a trained model.</summary>
    /// <param name="type">How its matrices are stored; null: as its run had it.</param>
    /// <exception cref="ConfigurationException">It is the run of a language model.</exception>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static Predictor Open(Device device, TrainedModel trained, WeightType? type = null)
    {
        trained.RequireLabels();
        return Open(device, trained.Model, trained.Adapter, trained.Seed, type ?? trained.Dtype, trained.Run?.MaxLength);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">The base model, or a fully tuned one.</param>
    /// <param name="adapterFolder">A PEFT folder, or null. A <c>config.json</c> in the folder above it, as runs write it, gives the class
    /// names.</param>
    /// <param name="seed">What an adapter's run drew parameters from that no file gives: its base model is then the same. Null: every
    /// parameter must be in the files.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static Predictor Open(
        Device device, string modelFolder, string? adapterFolder, ulong? seed = null, WeightType type = WeightType.Auto) =>
        Open(device, modelFolder, adapterFolder, seed, type, runLength: null);

    private static Predictor Open(Device device, string modelFolder, string? adapterFolder, ulong? seed, WeightType type, int? runLength)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        Architecture architecture = folder.CreateClassifier(adapterFolder);
        if (architecture.Head == HeadKind.SequenceClassification && architecture.ModelConfig.Labels.Repeated is { } twice)
        {
            throw new ModelFileException(
                architecture.ModelConfig.FilePath,
                $"id2label calls several classes '{twice}', so that an answer would not say which is meant; give each class a name of its "
                    + "own.");
        }

        Tokenizer tokenizer = Tokenizer.Load(folder.TokenizerFolderOf(architecture, adapterFolder));
        var model = EvaluationModel.Load(device, folder, architecture, adapterFolder, seed, type);
        return new Predictor(architecture, tokenizer, model, runLength);
    }

    /// <summary>Evaluates a labelled set.</summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    internal EvaluationResult Evaluate(ExampleSet examples, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        bool regression = Architecture.Head == HeadKind.Regression;
        EncodedSet set = TextEncoding.Encode(Tokenizer, Architecture, examples, maxLength).WithLabels(
            regression ? null : LabelVocabulary.FromModel(Labels).Encode(examples), regression ? RegressionTargets.Encode(examples) : null);
        var evaluator = new Evaluator(Architecture, set, batchSize, null, examples.Files.ToString());
        return model.Evaluate(evaluator, cancellationToken) with { Notes = [.. TextEncoding.Notes(examples, set, maxLength)] };
    }

    /// <summary>Predicts texts or pairs, in their order.</summary>
    /// <param name="maxLength">Longer texts are cut to so many tokens.</param>
    /// <param name="batchSize">Texts that run together.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    public IReadOnlyList<Prediction> Predict(
        IReadOnlyList<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        EncodedSet set = Encode(texts, maxLength);
        return PredictionsOf(set, model.Predict(new Evaluator(Architecture, set, batchSize, null, "texts"), cancellationToken));
    }

    /// <summary>Predicts a stream of texts or pairs, in their order; each answer comes when its part of the stream has been read.</summary>
    /// <param name="maxLength">Longer texts are cut to so many tokens.</param>
    /// <param name="batchSize">Texts that run together.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The predictor or its device was disposed, before or meanwhile.</exception>
    public IEnumerable<((string Text, string? Pair) Input, Prediction Prediction)> PredictEach(
        IEnumerable<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default) =>
        texts.Chunk(ChunkTexts).SelectMany(chunk => chunk.Zip(Predict(chunk, maxLength, batchSize, cancellationToken)));

    /// <summary>As <see cref="Predict"/>, on the thread pool; waiting for a turn holds no thread.</summary>
    /// <inheritdoc cref="Predict"/>
    public async Task<IReadOnlyList<Prediction>> PredictAsync(
        IReadOnlyList<(string Text, string? Pair)> texts, int maxLength, int batchSize, CancellationToken cancellationToken = default)
    {
        EncodedSet set = await Task.Run(() => Encode(texts, maxLength), cancellationToken).ConfigureAwait(false);
        return PredictionsOf(
            set, await model.PredictAsync(new Evaluator(Architecture, set, batchSize, null, "texts"), cancellationToken)
                .ConfigureAwait(false));
    }

    /// <summary>
    /// Frees the model. Calls that wait, and those under way at their next batch, end with an <see cref="ObjectDisposedException"/>; this
    /// returns when the last of them has ended, or at once where a callback of work on a device calls it.
    /// </summary>
    public void Dispose() => model.Dispose();

    private EncodedSet Encode(IReadOnlyList<(string Text, string? Pair)> texts, int maxLength)
    {
        var examples = ExampleSet.InMemory("texts", texts.Select(text => (text.Text, text.Pair, (string?)null)));
        return TextEncoding.Encode(Tokenizer, Architecture, examples, maxLength);
    }

    private IReadOnlyList<Prediction> PredictionsOf(EncodedSet set, float[] logits)
    {
        int columns = Architecture.OutputSize;
        HashSet<int> cut = [.. set.CutRows];
        return [.. Enumerable.Range(0, set.Count)
            .Select(i => PredictionOf(logits.AsSpan(i * columns, columns)) with { IsCut = cut.Contains(i) })];
    }

    private Prediction PredictionOf(ReadOnlySpan<float> logits)
    {
        if (Architecture.Head == HeadKind.Regression)
        {
            return new Prediction(null, logits[0], [logits[0]]);
        }

        double largest = double.NegativeInfinity;
        foreach (float logit in logits)
        {
            largest = Math.Max(largest, logit);
        }

        var scores = new double[logits.Length];
        double sum = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Math.Exp(logits[i] - largest);
            sum += scores[i];
        }

        int best = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] /= sum;
            best = scores[i] > scores[best] ? i : best;
        }

        return new Prediction(Labels[best], scores[best], scores);
    }
}

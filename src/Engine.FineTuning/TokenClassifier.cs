using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>A text's words with their classes.</summary>
/// <param name="Words">The words in their order, each with its class and the class's probability.</param>
/// <param name="Entities">What the classes make up, such as names of persons of B-PER and I-PER; empty where there is none.</param>
/// <param name="IsCut">Whether the text was longer than the model reads, so that its last words have no class.</param>
public sealed record WordLabels(IReadOnlyList<WordPrediction> Words, IReadOnlyList<EntityPrediction> Entities, bool IsCut);

/// <summary>
/// A classifier of words that was trained or opened, such as one that finds names. Safe for use by several threads: their texts wait for
/// one another's turn on the device.
/// </summary>
public sealed class TokenClassifier : IDisposable
{
    private readonly TextModel model;

    internal TokenClassifier(TextModel model) => this.model = model;

    /// <summary>The classes by index.</summary>
    public IReadOnlyList<string> Labels => model.Predictor.Labels;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained classifier of words; its weights are read and on the device when this returns.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The classifier of words; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is one of another task.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken, or the run is one of a language model.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static TokenClassifier Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device, HeadKind.TokenClassification));

    /// <summary>The classes of a text's words, and the entities that these make up.</summary>
    /// <param name="text">The text; white space parts its words, so that punctuation that is a word of its own needs a blank before
    /// it. Words behind the length that the model was trained on are not read.</param>
    /// <param name="cancellationToken">Stops the wait for the device's turn.</param>
    /// <returns>The words in their order with their classes, and the entities.</returns>
    /// <exception cref="ArgumentNullException">A text or a word is null.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The classifier or its device was disposed, before or meanwhile.</exception>
    public WordLabels Predict(string text, CancellationToken cancellationToken = default) => Predict([text], cancellationToken)[0];

    /// <summary>The classes of texts' words, in the texts' order; texts of like length run together.</summary>
    /// <param name="texts">The texts, parted at white space; none gives none.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The words of each text with their classes.</returns>
    /// <inheritdoc cref="Predict(string, CancellationToken)" path="/exception"/>
    public IReadOnlyList<WordLabels> Predict(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        Typed(model.Predict(Rows(texts), cancellationToken));

    /// <summary>The classes of words, as data sets part them, in the texts' order; texts of like length run together.</summary>
    /// <param name="texts">The words of each text; none gives none.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The words of each text with their classes.</returns>
    /// <inheritdoc cref="Predict(string, CancellationToken)" path="/exception"/>
    public IReadOnlyList<WordLabels> PredictWords(
        IEnumerable<IReadOnlyList<string>> texts, CancellationToken cancellationToken = default) =>
        Typed(model.Predict(Rows(texts), cancellationToken));

    /// <summary>The classes of a text's words; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<WordLabels> PredictAsync(string text, CancellationToken cancellationToken = default) =>
        (await PredictAsync([text], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The classes of texts' words, in the texts' order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{string}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<IReadOnlyList<WordLabels>> PredictAsync(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        Typed(await model.PredictAsync(Rows(texts), cancellationToken).ConfigureAwait(false));

    /// <summary>The classes of words, in the texts' order; waiting holds no thread.</summary>
    /// <inheritdoc cref="PredictWords(IEnumerable{IReadOnlyList{string}}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<IReadOnlyList<WordLabels>> PredictWordsAsync(
        IEnumerable<IReadOnlyList<string>> texts, CancellationToken cancellationToken = default) =>
        Typed(await model.PredictAsync(Rows(texts), cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Loss and accuracy over words with their classes, and precision, recall and F1 over their entities, as seqeval counts them.
    /// </summary>
    /// <param name="examples">Words with what is to be said of each; messages call an entry <c>examples[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean cross-entropy of a word in nats.</returns>
    /// <exception cref="ArgumentException">There are no examples, one of them is null, or not each word has a class; the message names the
    /// entry.</exception>
    /// <exception cref="DataFileException">A class is not one of the model's; the message names the entry.</exception>
    /// <inheritdoc cref="Predict(string, CancellationToken)" path="/exception[@cref!='T:System.ArgumentNullException']"/>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<LabelledWords> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(examples, ExampleWriter.Write, ExampleColumns.Words, cancellationToken);

    private static ExampleSet Rows(IEnumerable<string> texts) => Rows(texts.Select(text =>
        (IReadOnlyList<string>)WordEncoding.Split(text ?? throw new ArgumentNullException(nameof(texts), "A text is null."))));

    private static ExampleSet Rows(IEnumerable<IReadOnlyList<string>> texts) => new(nameof(texts), [.. texts.Select(Row)]);

    private static Example Row(IReadOnlyList<string> words, int index)
    {
        var place = new DataPlace("texts", index, PlaceKind.Item);
        return words.Contains(null!)
            ? throw new ArgumentNullException(nameof(words), $"{place} has a word that is null.")
            : new Example(string.Join(' ', words), null, null, index, place) { Words = words };
    }

    private static IReadOnlyList<WordLabels> Typed(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(row => new WordLabels(row.Words!, row.Entities!, row.IsCut))];

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

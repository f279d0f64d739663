using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>The classes of a text that may be of any number of them.</summary>
/// <param name="Labels">The names of the classes whose probability is above a half; none where the text is of no class.</param>
/// <param name="Scores">The probability of every class, by its index; each is by itself, so that they do not sum to 1.</param>
/// <param name="IsCut">Whether the text was longer than the model reads, and its end not read.</param>
public sealed record TextLabels(IReadOnlyList<string> Labels, IReadOnlyList<double> Scores, bool IsCut);

/// <summary>
/// A classifier that was trained or opened and gives a text any number of classes. Safe for use by several threads: their texts wait for
/// one another's turn on the device.
/// </summary>
public sealed class MultiLabelClassifier : IDisposable
{
    private readonly TextModel model;

    internal MultiLabelClassifier(TextModel model) => this.model = model;

    /// <summary>The classes by index, as <see cref="TextLabels.Scores"/> has them.</summary>
    public IReadOnlyList<string> Labels => model.Predictor.Labels;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained classifier; its weights are read and on the device when this returns.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The classifier; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is one of another task.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken, or the run is one of a language model.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static MultiLabelClassifier Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device, HeadKind.MultiLabelClassification));

    /// <summary>The classes of a text, or of a pair of texts.</summary>
    /// <param name="text">The text, or the first of a pair; longer ones than the model was trained on are cut.</param>
    /// <param name="textPair">The second text of a pair; null without one.</param>
    /// <param name="cancellationToken">Stops the wait for the device's turn.</param>
    /// <returns>Its classes, and the probability of every class.</returns>
    /// <exception cref="ArgumentNullException">A text is null.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The classifier or its device was disposed, before or meanwhile.</exception>
    public TextLabels Predict(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        Predict([(text, textPair)], cancellationToken)[0];

    /// <summary>The classes of texts, in their order; texts of like length run together.</summary>
    /// <param name="texts">The texts; none gives none.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The classes of each text.</returns>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)" path="/exception"/>
    public IReadOnlyList<TextLabels> Predict(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        Predict(texts.Select(text => (text, (string?)null)), cancellationToken);

    /// <summary>The classes of pairs of texts, in their order; pairs of like length run together.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{string}, CancellationToken)" path="/param|/returns|/exception"/>
    public IReadOnlyList<TextLabels> Predict(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        Typed(model.Predict([.. texts], cancellationToken));

    /// <summary>The classes of a text, or of a pair of texts; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<TextLabels> PredictAsync(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        (await PredictAsync([(text, textPair)], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The classes of texts, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{string}, CancellationToken)" path="/param|/returns|/exception"/>
    public Task<IReadOnlyList<TextLabels>> PredictAsync(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        PredictAsync(texts.Select(text => (text, (string?)null)), cancellationToken);

    /// <summary>The classes of pairs of texts, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{string}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<IReadOnlyList<TextLabels>> PredictAsync(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        Typed(await model.PredictAsync([.. texts], cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Loss, F1 over all pairs of text and class and over the classes' own, and the share of texts with exactly their classes.
    /// </summary>
    /// <param name="examples">Texts with what is to be said of them; messages call an entry <c>examples[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean binary cross-entropy of a class in nats.</returns>
    /// <exception cref="ArgumentException">There are no examples, or one of them is null or has a class twice; the message names the
    /// entry.</exception>
    /// <exception cref="DataFileException">A class is not one of the model's; the message names the entry.</exception>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)" path="/exception[@cref!='T:System.ArgumentNullException']"/>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<MultiLabelText> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(examples, ExampleWriter.Write, ExampleColumns.LabelLists, cancellationToken);

    private static IReadOnlyList<TextLabels> Typed(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(row => new TextLabels(row.Labels!, row.Scores, row.IsCut))];

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

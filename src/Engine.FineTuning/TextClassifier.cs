using Engine.Devices;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// A classifier that was trained or opened. Safe for use by several threads: their texts wait for one another's turn on the device.
/// </summary>
public sealed class TextClassifier : IDisposable
{
    private readonly TextModel model;

    internal TextClassifier(TextModel model) => this.model = model;

    /// <summary>The classes by index, as <see cref="Prediction.Scores"/> has them.</summary>
    public IReadOnlyList<string> Labels => model.Predictor.Labels;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained classifier.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <exception cref="Common.Files.ModelFileException">There is no such model, or it is no classifier.</exception>
    public static TextClassifier Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device));

    /// <summary>The class of a text, or of a pair of texts.</summary>
    /// <exception cref="ObjectDisposedException">The classifier or its device was disposed, before or meanwhile.</exception>
    public Prediction Predict(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        model.Predict([(text, textPair)], cancellationToken)[0];

    /// <summary>The classes of texts, in their order; texts of like length run together.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public IReadOnlyList<Prediction> Predict(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        model.Predict([.. texts.Select(text => (text, (string?)null))], cancellationToken);

    /// <summary>The classes of pairs of texts, in their order.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public IReadOnlyList<Prediction> Predict(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        model.Predict([.. texts], cancellationToken);

    /// <summary>The class of a text, or of a pair of texts; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public async Task<Prediction> PredictAsync(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        (await model.PredictAsync([(text, textPair)], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The class of a text; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public Task<Prediction> PredictAsync(string text, CancellationToken cancellationToken) =>
        PredictAsync(text, textPair: null, cancellationToken);

    /// <summary>The classes of texts, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public Task<IReadOnlyList<Prediction>> PredictAsync(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        model.PredictAsync([.. texts.Select(text => (text, (string?)null))], cancellationToken);

    /// <summary>The classes of pairs of texts, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public Task<IReadOnlyList<Prediction>> PredictAsync(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        model.PredictAsync([.. texts], cancellationToken);

    /// <summary>Loss, accuracy, F1 and Matthews' correlation over labelled texts.</summary>
    /// <exception cref="Model.Batching.DataFileException">A label that is none of <see cref="Labels"/>.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<LabelledText> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(examples.Select(row => (row.Text, row.TextPair, (string?)row.Label)), cancellationToken);

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

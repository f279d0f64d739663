using System.Globalization;
using Engine.Devices;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// A regressor that was trained or opened. Safe for use by several threads: their texts wait for one another's turn on the device.
/// </summary>
public sealed class TextRegressor : IDisposable
{
    private readonly TextModel model;

    internal TextRegressor(TextModel model) => this.model = model;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained regressor.</summary>
    /// <inheritdoc cref="TextClassifier.Open"/>
    public static TextRegressor Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device));

    /// <summary>The number of a text, or of a pair of texts.</summary>
    /// <exception cref="ObjectDisposedException">The regressor or its device was disposed, before or meanwhile.</exception>
    public double Predict(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        model.Predict([(text, textPair)], cancellationToken)[0].Probability;

    /// <summary>The numbers of texts or pairs, in their order; texts of like length run together.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public IReadOnlyList<double> Predict(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        [.. model.Predict([.. texts], cancellationToken).Select(prediction => prediction.Probability)];

    /// <summary>The numbers of texts, in their order; texts of like length run together.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public IReadOnlyList<double> Predict(IEnumerable<string> texts, CancellationToken cancellationToken = default) =>
        Predict(texts.Select(text => (text, (string?)null)), cancellationToken);

    /// <summary>The number of a text, or of a pair of texts; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public async Task<double> PredictAsync(string text, string? textPair = null, CancellationToken cancellationToken = default) =>
        (await PredictAsync([(text, textPair)], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The number of a text; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public Task<double> PredictAsync(string text, CancellationToken cancellationToken) =>
        PredictAsync(text, textPair: null, cancellationToken);

    /// <summary>The numbers of texts or pairs, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string?, CancellationToken)"/>
    public async Task<IReadOnlyList<double>> PredictAsync(
        IEnumerable<(string Text, string? TextPair)> texts, CancellationToken cancellationToken = default) =>
        [.. (await model.PredictAsync([.. texts], cancellationToken).ConfigureAwait(false)).Select(prediction => prediction.Probability)];

    /// <summary>Loss, and Pearson's and Spearman's correlation over texts with their numbers.</summary>
    public IReadOnlyDictionary<string, double> Evaluate(IEnumerable<ScoredText> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(
            examples.Select(row => (row.Text, row.TextPair, (string?)row.Score.ToString("R", CultureInfo.InvariantCulture))),
            cancellationToken);

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

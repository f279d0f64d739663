using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>A choice among several texts.</summary>
/// <param name="Choice">The number of the chosen text, from 0.</param>
/// <param name="Probability">Its probability.</param>
/// <param name="Scores">The probability of each text; they sum to 1.</param>
/// <param name="IsCut">Whether one of the texts was longer than the model reads, and its end not read.</param>
public sealed record MadeChoice(int Choice, double Probability, IReadOnlyList<double> Scores, bool IsCut);

/// <summary>
/// A model that was trained or opened and chooses among texts. Safe for use by several threads: their questions wait for one another's
/// turn on the device.
/// </summary>
public sealed class MultipleChoiceModel : IDisposable
{
    private readonly TextModel model;

    internal MultipleChoiceModel(TextModel model) => this.model = model;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained model of multiple choice; its weights are read and on the device when this returns.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The model of multiple choice; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is one of another task.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken, or the run is one of a language model.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static MultipleChoiceModel Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device, HeadKind.MultipleChoice));

    /// <summary>Which of several texts goes on with a question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="choices">What there is to choose from, at least two texts.</param>
    /// <param name="cancellationToken">Stops the wait for the device's turn.</param>
    /// <returns>The chosen one with its probability, and the probabilities of all.</returns>
    /// <exception cref="DataFileException">There are fewer than two choices, or not equally many of each question; the message names the
    /// entry.</exception>
    /// <exception cref="ArgumentNullException">A question or a choice is null.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The model or its device was disposed, before or meanwhile.</exception>
    public MadeChoice Predict(string question, IReadOnlyList<string> choices, CancellationToken cancellationToken = default) =>
        Predict([(question, choices)], cancellationToken)[0];

    /// <summary>Which texts go on with questions, in the questions' order; texts of like length run together.</summary>
    /// <param name="questions">Questions with their choices, equally many of each; none gives none. Messages call an entry
    /// <c>questions[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>A choice for each question.</returns>
    /// <inheritdoc cref="Predict(string, IReadOnlyList{string}, CancellationToken)" path="/exception"/>
    public IReadOnlyList<MadeChoice> Predict(
        IEnumerable<(string Question, IReadOnlyList<string> Choices)> questions, CancellationToken cancellationToken = default) =>
        Typed(model.Predict(Rows(questions), cancellationToken));

    /// <summary>Which of several texts goes on with a question; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, IReadOnlyList{string}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<MadeChoice> PredictAsync(
        string question, IReadOnlyList<string> choices, CancellationToken cancellationToken = default) =>
        (await PredictAsync([(question, choices)], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>Which texts go on with questions, in the questions' order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{ValueTuple{string, IReadOnlyList{string}}}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<IReadOnlyList<MadeChoice>> PredictAsync(
        IEnumerable<(string Question, IReadOnlyList<string> Choices)> questions, CancellationToken cancellationToken = default) =>
        Typed(await model.PredictAsync(Rows(questions), cancellationToken).ConfigureAwait(false));

    /// <summary>Loss and accuracy over questions with their right choices.</summary>
    /// <param name="examples">Questions with their right choices; messages call an entry <c>examples[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean cross-entropy over the choices in nats.</returns>
    /// <exception cref="ArgumentException">There are no examples, one of them is null, or its right choice is none of its choices; the
    /// message names the entry.</exception>
    /// <exception cref="DataFileException">Not every question has equally many choices; the message names the entry.</exception>
    /// <inheritdoc cref="Predict(string, IReadOnlyList{string}, CancellationToken)" path="/exception[@cref!='T:System.ArgumentNullException' and @cref!='T:Engine.Model.Batching.DataFileException']"/>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<ChoiceQuestion> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(examples, ExampleWriter.Write, ExampleColumns.Choices, cancellationToken);

    private static ExampleSet Rows(IEnumerable<(string Question, IReadOnlyList<string> Choices)> questions) =>
        new(
            nameof(questions),
            [.. questions.Select((row, i) => Row(row.Question, row.Choices, new DataPlace(nameof(questions), i, PlaceKind.Item)))]);

    private static Example Row(string question, IReadOnlyList<string> choices, DataPlace place)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(choices);
        return choices.Count < 2 ? throw place.Wrong($"there are {choices.Count} choices; at least two were expected.")
            : choices.Contains(null!) ? throw new ArgumentNullException(nameof(choices), $"{place} has a choice that is null.")
            : new Example(question, null, null, place.Number, place) { Choices = choices };
    }

    private static IReadOnlyList<MadeChoice> Typed(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(row => new MadeChoice(row.Choice!.Value, row.Probability, row.Scores, row.IsCut))];

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

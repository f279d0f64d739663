using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// A model that was trained or opened and finds the part of a context that answers a question. Safe for use by several threads: their
/// questions wait for one another's turn on the device.
/// </summary>
public sealed class QuestionAnswerer : IDisposable
{
    private readonly TextModel model;

    internal QuestionAnswerer(TextModel model) => this.model = model;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => model.Training;

    /// <summary>Opens a trained answerer of questions; its weights are read and on the device when this returns.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The answerer of questions; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is one of another task.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken, or the run is one of a language model.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static QuestionAnswerer Open(string path, string? adapter = null, Device? device = null) =>
        new(TextModel.Open(path, adapter, device, HeadKind.QuestionAnswering));

    /// <summary>The part of a context that answers a question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="context">The context; a long one is read in windows.</param>
    /// <param name="cancellationToken">Stops the wait for the device's turn.</param>
    /// <returns>The answer with its place and probability; empty where the model was trained on contexts without an answer and finds
    /// none.</returns>
    /// <exception cref="DataFileException">A question leaves no room for its context; the message names the entry.</exception>
    /// <exception cref="ArgumentNullException">A question or a context is null.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The answerer or its device was disposed, before or meanwhile.</exception>
    public FoundAnswer Predict(string question, string context, CancellationToken cancellationToken = default) =>
        Predict([(question, context)], cancellationToken)[0];

    /// <summary>The answers to questions, in their order; windows of like length run together.</summary>
    /// <param name="questions">Questions with their contexts; none gives none. Messages call an entry <c>questions[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>An answer to each question.</returns>
    /// <inheritdoc cref="Predict(string, string, CancellationToken)" path="/exception"/>
    public IReadOnlyList<FoundAnswer> Predict(
        IEnumerable<(string Question, string Context)> questions, CancellationToken cancellationToken = default) =>
        Typed(model.Predict(Rows(questions), cancellationToken));

    /// <summary>The part of a context that answers a question; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(string, string, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<FoundAnswer> PredictAsync(string question, string context, CancellationToken cancellationToken = default) =>
        (await PredictAsync([(question, context)], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The answers to questions, in their order; waiting holds no thread.</summary>
    /// <inheritdoc cref="Predict(IEnumerable{ValueTuple{string, string}}, CancellationToken)" path="/param|/returns|/exception"/>
    public async Task<IReadOnlyList<FoundAnswer>> PredictAsync(
        IEnumerable<(string Question, string Context)> questions, CancellationToken cancellationToken = default) =>
        Typed(await model.PredictAsync(Rows(questions), cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Loss, the share of exact matches and the F1 of the answers' words, as SQuAD counts them (here 1 is all, there 100).
    /// </summary>
    /// <param name="examples">Questions with what answers them; messages call an entry <c>examples[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean cross-entropy of first and last token in nats.</returns>
    /// <exception cref="ArgumentException">There are no examples, one of them is null, or an answer does not stand in its context; the
    /// message names the entry.</exception>
    /// <exception cref="DataFileException">A question has no answer, which the run does not allow, or leaves no room for its context; the
    /// message names the entry.</exception>
    /// <inheritdoc cref="Predict(string, string, CancellationToken)" path="/exception[@cref!='T:System.ArgumentNullException' and @cref!='T:Engine.Model.Batching.DataFileException']"/>
    public IReadOnlyDictionary<string, double> Evaluate(
        IEnumerable<AnsweredQuestion> examples, CancellationToken cancellationToken = default) =>
        model.Evaluate(examples, ExampleWriter.Write, ExampleColumns.Questions, cancellationToken);

    private static ExampleSet Rows(IEnumerable<(string Question, string Context)> questions) => ExampleSet.InMemory(
        nameof(questions),
        questions.Select(row => (
            row.Question ?? throw new ArgumentNullException(nameof(questions), "A question is null."),
            (string?)(row.Context ?? throw new ArgumentNullException(nameof(questions), "A context is null.")),
            (string?)null)));

    private static IReadOnlyList<FoundAnswer> Typed(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(row => new FoundAnswer(row.Answer!, row.AnswerStart, row.Probability))];

    /// <summary>
    /// Frees the model, and the device where it was opened for it. Calls under way end with an <see cref="ObjectDisposedException"/>.
    /// </summary>
    public void Dispose() => model.Dispose();
}

using Engine.Training.Configuration;

namespace Engine.FineTuning;

/// <content>The tasks whose examples hold more than texts with a label: lists of classes, words, answers and choices.</content>
public static partial class FineTune
{
    /// <summary>Trains a classifier of words (<c>task: token-classification</c>) on the files that the run names.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<TokenClassifier> TokenClassifierAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.TokenClassification }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a classifier of words on the program's examples.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<TokenClassifier> TokenClassifierAsync(
        RunConfiguration run,
        IEnumerable<LabelledWords> train,
        IEnumerable<LabelledWords>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        TokenClassifierAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a classifier of words on the program's examples, as they come.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<TokenClassifier> TokenClassifierAsync(
        RunConfiguration run,
        IAsyncEnumerable<LabelledWords> train,
        IAsyncEnumerable<LabelledWords>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.TokenClassification };
        RunPlace place =
            await PlaceAsync(run, train, validation, ExampleWriter.Write, ExampleColumns.Words.In, cancellationToken)
            .ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// Trains a classifier that gives a text any number of classes (<c>task: multi-label-classification</c>) on the files that the run
    /// names.
    /// </summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<MultiLabelClassifier> MultiLabelClassifierAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.MultiLabelClassification }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a classifier that gives a text any number of classes on the program's examples.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<MultiLabelClassifier> MultiLabelClassifierAsync(
        RunConfiguration run,
        IEnumerable<MultiLabelText> train,
        IEnumerable<MultiLabelText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        MultiLabelClassifierAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a classifier that gives a text any number of classes on the program's examples, as they come.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<MultiLabelClassifier> MultiLabelClassifierAsync(
        RunConfiguration run,
        IAsyncEnumerable<MultiLabelText> train,
        IAsyncEnumerable<MultiLabelText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.MultiLabelClassification };
        RunPlace place =
            await WithTextsAsync(run, train, validation, ExampleColumns.LabelLists, cancellationToken)
            .ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// Trains a model to find the part of a context that answers a question (<c>task: question-answering</c>) on the files that the run
    /// names.
    /// </summary>
    /// <returns>The answerer of questions, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<QuestionAnswerer> QuestionAnswererAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.QuestionAnswering }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a model to find the part of a context that answers a question on the program's examples.</summary>
    /// <returns>The answerer of questions, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<QuestionAnswerer> QuestionAnswererAsync(
        RunConfiguration run,
        IEnumerable<AnsweredQuestion> train,
        IEnumerable<AnsweredQuestion>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        QuestionAnswererAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a model to find the part of a context that answers a question on the program's examples, as they come.</summary>
    /// <returns>The answerer of questions, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<QuestionAnswerer> QuestionAnswererAsync(
        RunConfiguration run,
        IAsyncEnumerable<AnsweredQuestion> train,
        IAsyncEnumerable<AnsweredQuestion>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.QuestionAnswering };
        RunPlace place =
            await PlaceAsync(run, train, validation, ExampleWriter.Write, ExampleColumns.Questions.In, cancellationToken)
            .ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Trains a model to choose among texts (<c>task: multiple-choice</c>) on the files that the run names.</summary>
    /// <returns>The model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<MultipleChoiceModel> MultipleChoiceModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.MultipleChoice }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a model to choose among texts on the program's examples.</summary>
    /// <returns>The model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<MultipleChoiceModel> MultipleChoiceModelAsync(
        RunConfiguration run,
        IEnumerable<ChoiceQuestion> train,
        IEnumerable<ChoiceQuestion>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        MultipleChoiceModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a model to choose among texts on the program's examples, as they come.</summary>
    /// <returns>The model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<MultipleChoiceModel> MultipleChoiceModelAsync(
        RunConfiguration run,
        IAsyncEnumerable<ChoiceQuestion> train,
        IAsyncEnumerable<ChoiceQuestion>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.MultipleChoice };
        RunPlace place =
            await PlaceAsync(run, train, validation, ExampleWriter.Write, ExampleColumns.Choices.In, cancellationToken)
            .ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }
}

using System.Text.Json;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// Fine-tunes a Hugging Face model and gives the model that came of it. The run's settings are those of a run file, so that
/// <c>RunConfiguration.Load("run.yaml")</c> serves as well as one written in C#. Examples come from the files that the run names, or from
/// the program; then they are also written into the run's folder, as <c>data/train-HASH.jsonl</c>. A run without <c>Output</c> works in a
/// temporary folder that is removed when its model is disposed.
/// </summary>
/// <remarks>
/// A training goes on beside other work on its device, in turns. When it is cancelled, it stops after its step, keeps what was learned in
/// the run's <c>Output</c>, and the task ends as cancelled; <see cref="FineTuneOptions.Resume"/> goes on with it, bit for bit. Without an
/// <c>Output</c> nothing is kept.
/// </remarks>
/// <exception cref="Common.ConfigurationException">Settings that cannot be used; the message names the key and what was
/// expected.</exception>
/// <exception cref="TrainingException">The run cannot start or go on.</exception>
public static class FineTune
{
    /// <summary>Trains a classifier on the files that the run names.</summary>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellation = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.SequenceClassification }), options, cancellation).ConfigureAwait(false));

    /// <summary>Trains a classifier on the program's examples.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IEnumerable<LabelledText> train,
        IEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default) =>
        ClassifierAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellation);

    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)"/>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IAsyncEnumerable<LabelledText> train,
        IAsyncEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default)
    {
        run = run with { Task = TaskKind.SequenceClassification };
        RunPlace place = await WithTextsAsync(run, train, validation, cancellation).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellation).ConfigureAwait(false));
    }

    /// <summary>Trains a regressor on the files that the run names.</summary>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellation = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.Regression }), options, cancellation).ConfigureAwait(false));

    /// <summary>Trains a regressor on the program's examples.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IEnumerable<ScoredText> train,
        IEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default) =>
        RegressorAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellation);

    /// <inheritdoc cref="RegressorAsync(RunConfiguration, IEnumerable{ScoredText}, IEnumerable{ScoredText}?, FineTuneOptions?, CancellationToken)"/>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IAsyncEnumerable<ScoredText> train,
        IAsyncEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default)
    {
        run = run with { Task = TaskKind.Regression };
        RunPlace place = await WithTextsAsync(run, train, validation, cancellation).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellation).ConfigureAwait(false));
    }

    /// <summary>Trains a causal language model on the files that the run names.</summary>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellation = default) =>
        LanguageModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.CausalLanguageModel }), options, cancellation);

    /// <summary>Trains a causal language model on the program's conversations, completions or texts.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<LanguageExample> train,
        IEnumerable<LanguageExample>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default) =>
        LanguageModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellation);

    /// <summary>Trains a causal language model on texts, which are learned whole.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<string> train,
        IEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default) =>
        LanguageModelAsync(run, train.Select(text => (LanguageExample)text), validation?.Select(text => (LanguageExample)text), options, cancellation);

    /// <inheritdoc cref="LanguageModelAsync(RunConfiguration, IEnumerable{LanguageExample}, IEnumerable{LanguageExample}?, FineTuneOptions?, CancellationToken)"/>
    public static async Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IAsyncEnumerable<LanguageExample> train,
        IAsyncEnumerable<LanguageExample>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellation = default)
    {
        run = run with { Task = TaskKind.CausalLanguageModel };
        RunPlace place = await PlaceAsync(run, train, validation, ExampleWriter.Write, data => data, cancellation).ConfigureAwait(false);
        return await LanguageModel.TrainAsync(place, options, cancellation).ConfigureAwait(false);
    }

    private static Task<RunPlace> WithTextsAsync<T>(
        RunConfiguration run, IAsyncEnumerable<T> train, IAsyncEnumerable<T>? validation, CancellationToken cancellation)
        where T : TextExample
    {
        var pairs = new PairColumn();
        return PlaceAsync(
            run,
            train,
            validation,
            (json, example) =>
            {
                pairs.See(example);
                ExampleWriter.Write(json, example);
            },
            data => data with { Text = ExampleWriter.Text, TextPair = pairs.Name, Label = ExampleWriter.Label },
            cancellation);
    }

    /// <summary>The run with the program's examples as its data.</summary>
    private static async Task<RunPlace> PlaceAsync<T>(
        RunConfiguration run,
        IAsyncEnumerable<T> train,
        IAsyncEnumerable<T>? validation,
        Action<Utf8JsonWriter, T> write,
        Func<DataConfiguration, DataConfiguration> columns,
        CancellationToken cancellation)
    {
        RunPlace place = RunPlace.Of(run);
        try
        {
            await place.AddAsync(train, validation, write, columns, cancellation).ConfigureAwait(false);
            return place;
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }
}

using System.Text.Json;
using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Peft;
using Engine.Optim.Sharpness;
using Engine.Training.Comparing;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Sharpness;

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
public static partial class FineTune
{
    /// <summary>Trains a classifier on the files that the run names.</summary>
    /// <param name="run">The run's settings, its <c>Data</c> with <c>Train</c> and the names of the columns; its <c>Task</c> is set by this
    /// call.</param>
    /// <param name="options">Device, progress, log, and whether to resume or overwrite; null: a new run on the run's device.</param>
    /// <param name="cancellationToken">Stops the training after its step.</param>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <exception cref="ConfigurationException">A setting is out of its range, contradicts another, or does not fit the model; the message
    /// names the property.</exception>
    /// <exception cref="DataFileException">A data file cannot be read or learned from; the message names file and line.</exception>
    /// <exception cref="ModelFileException">The folder of the model, or of the adapter to start from, is missing, broken or of a kind that
    /// is not built.</exception>
    /// <exception cref="DeviceException">The device is not there, refuses, or its memory does not hold the model.</exception>
    /// <exception cref="TrainingException">The run does not fit the device's memory, its folder holds another run, losses are not finite,
    /// or there is nothing to resume; the message says what is left and what to do.</exception>
    /// <exception cref="ArgumentException">A run without an <c>Output</c> is to be resumed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; what was learned is in the run's <c>Output</c>, where it has
    /// one.</exception>
    /// <exception cref="IOException">The run's folder cannot be written.</exception>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.SequenceClassification }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a classifier on the program's examples.</summary>
    /// <param name="run">The run's settings; of its <c>Data</c>, without <c>Train</c>, what holds for the program's examples, such as
    /// <c>ValidationSplit</c>. Its <c>Task</c> is set by this call.</param>
    /// <param name="train">What it learns from, read once; messages call an entry <c>train[17]</c>.</param>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing, or the share of
    /// <c>Data.ValidationSplit</c>.</param>
    /// <param name="options">Device, progress, log, and whether to resume or overwrite; null: a new run on the run's device.</param>
    /// <param name="cancellationToken">Stops the training after its step.</param>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">There are no examples, one of them is null, not finite or of another kind than the others, or a
    /// run without an <c>Output</c> is to be resumed; the message names the entry.</exception>
    /// <exception cref="ConfigurationException">A setting is out of its range, contradicts another, or does not fit the model; the message
    /// names the property.</exception>
    /// <exception cref="DataFileException">The examples cannot be learned from, as where all have one label or
    /// <paramref name="validation"/> has a label that is not among those of <paramref name="train"/>; the message names the
    /// entry.</exception>
    /// <exception cref="ModelFileException">The folder of the model, or of the adapter to start from, is missing, broken or of a kind that
    /// is not built.</exception>
    /// <exception cref="DeviceException">The device is not there, refuses, or its memory does not hold the model.</exception>
    /// <exception cref="TrainingException">The run does not fit the device's memory, its folder holds another run, losses are not finite,
    /// or there is nothing to resume; the message says what is left and what to do.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; what was learned is in the run's <c>Output</c>, where it has
    /// one.</exception>
    /// <exception cref="IOException">The run's folder cannot be written.</exception>
    public static Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IEnumerable<LabelledText> train,
        IEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ClassifierAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a classifier on the program's examples, as they come.</summary>
    /// <returns>The classifier, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IAsyncEnumerable<LabelledText> train,
        IAsyncEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.SequenceClassification };
        RunPlace place = await WithTextsAsync(run, train, validation, ExampleColumns.Texts, cancellationToken).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Trains a regressor on the files that the run names.</summary>
    /// <returns>The regressor, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.Regression }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a regressor on the program's examples.</summary>
    /// <returns>The regressor, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IEnumerable<ScoredText> train,
        IEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        RegressorAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a regressor on the program's examples, as they come.</summary>
    /// <returns>The regressor, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IAsyncEnumerable<ScoredText> train,
        IAsyncEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.Regression };
        RunPlace place = await WithTextsAsync(run, train, validation, ExampleColumns.Texts, cancellationToken).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Trains a causal language model on the files that the run names.</summary>
    /// <returns>The language model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        LanguageModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.CausalLanguageModel }), options, cancellationToken);

    /// <summary>Trains a causal language model on the program's conversations, completions or texts.</summary>
    /// <returns>The language model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<LanguageExample> train,
        IEnumerable<LanguageExample>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        LanguageModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a causal language model on texts, which are learned whole.</summary>
    /// <returns>The language model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<string> train,
        IEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        LanguageModelAsync(
            run, train.Select(text => (LanguageExample)text), validation?.Select(text => (LanguageExample)text), options,
            cancellationToken);

    /// <summary>Trains a causal language model on the program's conversations, completions or texts, as they come.</summary>
    /// <returns>The language model, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IAsyncEnumerable<LanguageExample> train,
        IAsyncEnumerable<LanguageExample>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.CausalLanguageModel };
        RunPlace place = await PlaceAsync(run, train, validation, ExampleWriter.Write, data => data, cancellationToken)
            .ConfigureAwait(false);
        return await LanguageModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Trains a masked language model on the files that the run names.</summary>
    /// <returns>The masked language model; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<MaskedLanguageModel> MaskedLanguageModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        MaskedLanguageModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.MaskedLanguageModel }), options, cancellationToken);

    /// <summary>Trains a masked language model on the program's texts.</summary>
    /// <returns>The masked language model; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<MaskedLanguageModel> MaskedLanguageModelAsync(
        RunConfiguration run,
        IEnumerable<string> train,
        IEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        MaskedLanguageModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a masked language model on the program's texts, as they come.</summary>
    /// <returns>The masked language model; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<MaskedLanguageModel> MaskedLanguageModelAsync(
        RunConfiguration run,
        IAsyncEnumerable<string> train,
        IAsyncEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.MaskedLanguageModel };
        RunPlace place = await PlaceAsync(
            run, train, validation, ExampleWriter.Write, data => data with { Text = ExampleWriter.Text }, cancellationToken)
                .ConfigureAwait(false);
        return await MaskedLanguageModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Trains an encoder to make vectors of texts (<c>task: sentence-similarity</c>) on the files that the run names.</summary>
    /// <returns>The generator of vectors, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<EngineEmbeddingGenerator> EmbeddingGeneratorAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        EngineEmbeddingGenerator.TrainAsync(
            RunPlace.Of(run with { Task = TaskKind.SentenceSimilarity }), options, cancellationToken);

    /// <summary>Trains an encoder to make vectors by which the text that belongs to another is found.</summary>
    /// <returns>The generator of vectors, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<EngineEmbeddingGenerator> EmbeddingGeneratorAsync(
        RunConfiguration run,
        IEnumerable<MatchedTexts> train,
        IEnumerable<MatchedTexts>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        EmbeddingGeneratorAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains an encoder to make vectors by which the text that belongs to another is found, on examples as they come.</summary>
    /// <returns>The generator of vectors, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<EngineEmbeddingGenerator> EmbeddingGeneratorAsync(
        RunConfiguration run,
        IAsyncEnumerable<MatchedTexts> train,
        IAsyncEnumerable<MatchedTexts>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.SentenceSimilarity };
        var columns = new MatchedColumns();
        Action<Utf8JsonWriter, MatchedTexts> write = (json, example) =>
        {
            columns.See(example);
            ExampleWriter.Write(json, example);
        };
        RunPlace place = await PlaceAsync(run, train, validation, write, columns.In, cancellationToken).ConfigureAwait(false);
        return await EngineEmbeddingGenerator.TrainAsync(place, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Trains an encoder to make vectors whose cosines are the scores of pairs of texts.</summary>
    /// <returns>The generator of vectors, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static Task<EngineEmbeddingGenerator> EmbeddingGeneratorAsync(
        RunConfiguration run,
        IEnumerable<ScoredText> train,
        IEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        EmbeddingGeneratorAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains an encoder to make vectors whose cosines are the scores of pairs of texts, as they come.</summary>
    /// <returns>The generator of vectors, opened on the training's device; the caller disposes it.</returns>
    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)" path="/param|/exception"/>
    public static async Task<EngineEmbeddingGenerator> EmbeddingGeneratorAsync(
        RunConfiguration run,
        IAsyncEnumerable<ScoredText> train,
        IAsyncEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.SentenceSimilarity };
        Action<Utf8JsonWriter, ScoredText> write = (json, example) =>
        {
            MatchedColumns.RequirePair(example);
            ExampleWriter.Write(json, example);
        };
        RunPlace place =
            await PlaceAsync(run, train, validation, write, MatchedColumns.Scored, cancellationToken).ConfigureAwait(false);
        return await EngineEmbeddingGenerator.TrainAsync(place, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// What a run will need, of memory to the byte; its data is read and every batch shape planned, and nothing is allocated.
    /// </summary>
    /// <param name="run">With an adapter or without, its <c>Data</c> naming files; an <c>Output</c> is not needed.</param>
    /// <param name="device">The device, which stays the caller's; null: the one that the run names.</param>
    /// <returns>Steps, and device bytes in all and by owner.</returns>
    /// <exception cref="ConfigurationException">A setting is out of its range, contradicts another, or does not fit the model.</exception>
    /// <exception cref="DataFileException">A data file cannot be read or learned from.</exception>
    /// <exception cref="ModelFileException">The model's folder cannot be used.</exception>
    /// <exception cref="DeviceException">The device is not there.</exception>
    public static RunEstimate Estimate(RunConfiguration run, Device? device = null)
    {
        using IDisposable words = SettingNames.Use();
        using RunPlace place = RunPlace.Of(run);
        RunConfiguration resolved = place.Run.Resolve();
        using Holding holding = Holding.Of(resolved, device);
        return RunEstimate.Of(resolved, holding.Device);
    }

    /// <summary>
    /// Trains a run by several methods with several seeds and puts metric, time and memory side by side, on a thread of its own. Runs and
    /// report are kept in the run's <c>Output</c> (<see cref="Comparison"/>): when this is cancelled, the same call goes on where it was.
    /// </summary>
    /// <param name="run">Its <c>Data</c> names files.</param>
    /// <param name="methods">What is compared, such as <c>ComparedMethod.Of("flat", new FlatLora { Rho = 0.05 })</c>, or
    /// <c>ComparedMethod.ParseList("lora,flat-lora")</c>.</param>
    /// <param name="seeds">Runs of each method.</param>
    /// <param name="sharpness">What is measured around every run's adapter; null: nothing.</param>
    /// <param name="device">The device, which stays the caller's; null: the one that the run names.</param>
    /// <param name="progress">Told of runs, their trainings and measurements, on the thread that makes them.</param>
    /// <param name="cancellationToken">Stops the training that goes on after its step.</param>
    /// <returns>Every run's metrics, seconds and bytes; a run that failed, as where its folder holds one of other settings, is in it with
    /// its reason.</returns>
    /// <exception cref="ConfigurationException">Anything wrong in the run or a method.</exception>
    /// <exception cref="DataFileException">A data file cannot be read or learned from.</exception>
    /// <exception cref="ModelFileException">The model's folder cannot be used.</exception>
    /// <exception cref="DeviceException">The device is not there.</exception>
    /// <exception cref="IOException">The folder cannot be written, or holds a report that no comparison wrote.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; what there is is in <c>Output</c>.</exception>
    public static async Task<ComparisonReport> CompareAsync(
        RunConfiguration run,
        IReadOnlyList<ComparedMethod> methods,
        int seeds = 3,
        SharpnessRequest? sharpness = null,
        Device? device = null,
        IProgress<ComparisonProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using IDisposable words = SettingNames.Use();
        using RunPlace place = RunPlace.Of(run);
        var comparison = new Comparison(place.Run, methods, seeds);
        using Holding holding = Holding.Of(comparison.Runs[0].Run, device);
        ComparisonOutcome outcome = await OnThreadAsync(
            () => comparison.Run(holding.Device, sharpness, progress, cancellationToken)).ConfigureAwait(false);
        return outcome.Interrupted ? throw new OperationCanceledException(cancellationToken) : outcome.Report;
    }

    /// <summary>
    /// Measures how flat the loss is around trained adapters, side by side, and writes the figures and a page (docs/sharpness.md), on a
    /// thread of its own.
    /// </summary>
    /// <param name="adapters">PEFT folders, folders of runs that wrote one, or files of such runs.</param>
    /// <param name="output">The folder of <c>sharpness.json</c> and <c>sharpness.html</c>.</param>
    /// <param name="setup">On what they are measured; null: on each run's model and validation data.</param>
    /// <param name="options">What is measured; null: everything.</param>
    /// <param name="device">The device, which stays the caller's; null: the processor.</param>
    /// <param name="progress">Told of passes on the thread that measures.</param>
    /// <param name="cancellationToken">Stops between two passes.</param>
    /// <returns>The figures of every adapter.</returns>
    /// <exception cref="ConfigurationException">A number out of its range, no data, or adapters of several models or data sets.</exception>
    /// <exception cref="DataFileException">The data cannot be used.</exception>
    /// <exception cref="ModelFileException">A file is missing or broken, or adapter and model do not fit.</exception>
    /// <exception cref="TrainingException">The device has too little memory.</exception>
    /// <exception cref="IOException">The folder cannot be written, or holds such files of somebody else.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; what was measured before is in the files.</exception>
    public static async Task<SharpnessResults> MeasureSharpnessAsync(
        IReadOnlyList<string> adapters,
        string output,
        SharpnessSetup? setup = null,
        SharpnessOptions? options = null,
        Device? device = null,
        IProgress<SharpnessProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using IDisposable words = SettingNames.Use();
        var comparison = new SharpnessComparison(adapters, setup, options);
        using Holding holding = Holding.Of(run: null, device);
        SharpnessOutcome outcome = await OnThreadAsync(
            () => comparison.Measure(holding.Device, output, progress, cancellationToken)).ConfigureAwait(false);
        return outcome.Interrupted ? throw new OperationCanceledException(cancellationToken) : outcome.Results;
    }

    /// <summary>Merges an adapter into its base model and writes a Hugging Face folder that needs no adapter.</summary>
    /// <param name="path">A run's folder or its file, an adapter's folder whose base model is the one it names, or a model folder.</param>
    /// <param name="output">A folder that is empty or not there yet.</param>
    /// <param name="adapter">An adapter's folder, in place of the run's own; a model folder needs one.</param>
    /// <param name="options">How it is written; null: each weight as the base model stores it.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ArgumentException">There is no adapter.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken.</exception>
    /// <exception cref="ModelFileException">Base and adapter do not fit, or a parameter is in neither.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public static IReadOnlyList<string> Merge(string path, string output, string? adapter = null, MergeOptions? options = null)
    {
        using IDisposable words = SettingNames.Use();
        return TrainedModel.Resolve(path, adapter).WriteMerged(output, options);
    }

    private static Task<T> OnThreadAsync<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task<RunPlace> WithTextsAsync<T>(
        RunConfiguration run, IAsyncEnumerable<T> train, IAsyncEnumerable<T>? validation, ExampleColumns columns,
        CancellationToken cancellationToken)
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
            data => (columns with { TextPair = pairs.Name }).In(data),
            cancellationToken);
    }

    /// <summary>The run with the program's examples as its data.</summary>
    private static async Task<RunPlace> PlaceAsync<T>(
        RunConfiguration run,
        IAsyncEnumerable<T> train,
        IAsyncEnumerable<T>? validation,
        Action<Utf8JsonWriter, T> write,
        Func<DataConfiguration, DataConfiguration> columns,
        CancellationToken cancellationToken)
    {
        RunPlace place = RunPlace.Of(run);
        try
        {
            await place.AddAsync(train, validation, write, columns, cancellationToken).ConfigureAwait(false);
            return place;
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }
}

using System.Text.Json;
using Engine.Devices;
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
/// <exception cref="Common.ConfigurationException">Settings that cannot be used; the message names the key and what was
/// expected.</exception>
/// <exception cref="TrainingException">The run cannot start or go on.</exception>
public static class FineTune
{
    /// <summary>Trains a classifier on the files that the run names.</summary>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.SequenceClassification }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a classifier on the program's examples.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IEnumerable<LabelledText> train,
        IEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        ClassifierAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <inheritdoc cref="ClassifierAsync(RunConfiguration, IEnumerable{LabelledText}, IEnumerable{LabelledText}?, FineTuneOptions?, CancellationToken)"/>
    public static async Task<TextClassifier> ClassifierAsync(
        RunConfiguration run,
        IAsyncEnumerable<LabelledText> train,
        IAsyncEnumerable<LabelledText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.SequenceClassification };
        RunPlace place = await WithTextsAsync(run, train, validation, cancellationToken).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Trains a regressor on the files that the run names.</summary>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await TextModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.Regression }), options, cancellationToken)
            .ConfigureAwait(false));

    /// <summary>Trains a regressor on the program's examples.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IEnumerable<ScoredText> train,
        IEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        RegressorAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <inheritdoc cref="RegressorAsync(RunConfiguration, IEnumerable{ScoredText}, IEnumerable{ScoredText}?, FineTuneOptions?, CancellationToken)"/>
    public static async Task<TextRegressor> RegressorAsync(
        RunConfiguration run,
        IAsyncEnumerable<ScoredText> train,
        IAsyncEnumerable<ScoredText>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        run = run with { Task = TaskKind.Regression };
        RunPlace place = await WithTextsAsync(run, train, validation, cancellationToken).ConfigureAwait(false);
        return new(await TextModel.TrainAsync(place, options, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Trains a causal language model on the files that the run names.</summary>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        LanguageModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.CausalLanguageModel }), options, cancellationToken);

    /// <summary>Trains a causal language model on the program's conversations, completions or texts.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<LanguageExample> train,
        IEnumerable<LanguageExample>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        LanguageModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <summary>Trains a causal language model on texts, which are learned whole.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<LanguageModel> LanguageModelAsync(
        RunConfiguration run,
        IEnumerable<string> train,
        IEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        LanguageModelAsync(
            run, train.Select(text => (LanguageExample)text), validation?.Select(text => (LanguageExample)text), options,
            cancellationToken);

    /// <inheritdoc cref="LanguageModelAsync(RunConfiguration, IEnumerable{LanguageExample}, IEnumerable{LanguageExample}?, FineTuneOptions?, CancellationToken)"/>
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
    public static Task<MaskedLanguageModel> MaskedLanguageModelAsync(
        RunConfiguration run, FineTuneOptions? options = null, CancellationToken cancellationToken = default) =>
        MaskedLanguageModel.TrainAsync(RunPlace.Of(run with { Task = TaskKind.MaskedLanguageModel }), options, cancellationToken);

    /// <summary>Trains a masked language model on the program's texts.</summary>
    /// <param name="validation">What the model is evaluated on, before and while it is trained; null: nothing.</param>
    public static Task<MaskedLanguageModel> MaskedLanguageModelAsync(
        RunConfiguration run,
        IEnumerable<string> train,
        IEnumerable<string>? validation = null,
        FineTuneOptions? options = null,
        CancellationToken cancellationToken = default) =>
        MaskedLanguageModelAsync(run, train.ToAsyncEnumerable(), validation?.ToAsyncEnumerable(), options, cancellationToken);

    /// <inheritdoc cref="MaskedLanguageModelAsync(RunConfiguration, IEnumerable{string}, IEnumerable{string}?, FineTuneOptions?, CancellationToken)"/>
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

    /// <summary>
    /// What a run will need, of memory to the byte; its data is read and every batch shape planned, and nothing is allocated.
    /// </summary>
    /// <param name="run">With an adapter or without, its <c>Data</c> naming files; an <c>Output</c> is not needed.</param>
    /// <param name="device">The device, which stays the caller's; null: the one that the run names.</param>
    public static RunEstimate Estimate(RunConfiguration run, Device? device = null)
    {
        using RunPlace place = RunPlace.Of(run);
        try
        {
            RunConfiguration resolved = place.Run.Resolve();
            using Holding holding = Holding.Of(resolved, device);
            return RunEstimate.Of(resolved, holding.Device);
        }
        catch (Exception exception) when (place.Words.Of(exception) is { } worded)
        {
            throw worded;
        }
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
        using RunPlace place = RunPlace.Of(run);
        ComparisonOutcome outcome;
        try
        {
            var comparison = new Comparison(place.Run, methods, seeds);
            using Holding holding = Holding.Of(comparison.Runs[0].Run, device);
            outcome = await OnThreadAsync(
                () => comparison.Run(holding.Device, sharpness, progress, cancellationToken)).ConfigureAwait(false);
        }
        catch (Exception exception) when (place.Words.Of(exception) is { } worded)
        {
            throw worded;
        }

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
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ArgumentException">There is no adapter.</exception>
    /// <exception cref="Common.Files.ModelFileException">Base and adapter do not fit, or a parameter is in neither.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public static IReadOnlyList<string> Merge(string path, string output, string? adapter = null, MergeOptions? options = null) =>
        TrainedModel.Resolve(path, adapter).WriteMerged(output, options);

    private static Task<T> OnThreadAsync<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static Task<RunPlace> WithTextsAsync<T>(
        RunConfiguration run, IAsyncEnumerable<T> train, IAsyncEnumerable<T>? validation, CancellationToken cancellationToken)
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

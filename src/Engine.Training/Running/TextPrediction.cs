using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>How texts are answered; what is left out is as the model's run has it.</summary>
public sealed record PredictionSetup
{
    /// <summary>Texts are cut to so many tokens; null: the run's, else the model's longest.</summary>
    public int? MaxLength { get; init; }

    /// <summary>How the model's matrices are stored; null: as the run has it, else as the checkpoint stores them.</summary>
    public WeightType? Dtype { get; init; }

    /// <summary>Each line of the files is a pair of texts with a tab between, whatever their endings.</summary>
    public bool PairsInLines { get; init; }

    /// <summary>
    /// A file (.csv, .tsv, .jsonl) of the rows with all their columns and behind these what the model says; null: none.
    /// </summary>
    public string? Output { get; init; }

    /// <summary>Let a file that is at <see cref="Output"/> give way.</summary>
    public bool Overwrite { get; init; }
}

/// <summary>
/// The answers of a trained classifier, regressor or other model of labels to texts of files. What is wrong with files and settings is said
/// when this is made, before a device is needed.
/// </summary>
public sealed class TextPrediction
{
    private readonly TrainedModel model;
    private readonly PredictionSetup setup;
    private readonly PredictionFile? file;
    private readonly IEnumerable<Example> rows;

    /// <param name="model">The model.</param>
    /// <param name="texts">The files; their columns are the run's where this does not name them.</param>
    /// <param name="setup">How they are answered; null: as the run has it, without an output.</param>
    /// <exception cref="ConfigurationException">It is the run of a language model, no files or no column of texts are named, or the output
    /// is one of the files, is there already, or has another ending.</exception>
    /// <exception cref="Engine.Model.Batching.DataFileException">The first row, or with an output any, cannot be read or
    /// written.</exception>
    public TextPrediction(TrainedModel model, DataSelection texts, PredictionSetup? setup = null)
        : this(model, Source(model, texts, setup), setup)
    {
    }

    internal TextPrediction(TrainedModel model, TextSource texts, PredictionSetup? setup)
    {
        this.model = model;
        this.setup = setup ?? new PredictionSetup();
        model.RequireLabels();
        if (this.setup.Output is { } output)
        {
            WrittenFile.RequireApart(output, texts.Paths);
            file = new PredictionFile(output, this.setup.Overwrite, texts.Rows);
        }

        rows = file?.Rows ?? Begun.Reading(texts.Rows);
    }

    /// <summary>Loads the model; the texts are answered once.</summary>
    /// <param name="device">The device, which stays the caller's.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public OpenedPrediction Open(Device device) =>
        new(Predictor.Open(device, model, setup.Dtype), rows, file, setup.MaxLength, model.Run?.PerDeviceEvalBatchSize);

    private static TextSource Source(TrainedModel model, DataSelection texts, PredictionSetup? setup) =>
        new TextReading(texts, model.Run, setup?.PairsInLines == true, keepsColumns: setup?.Output is not null).All;
}

/// <summary>A <see cref="TextPrediction"/> with its model on a device.</summary>
public sealed class OpenedPrediction : IDisposable
{
    private const int BatchSize = 16;

    private readonly IEnumerable<Example> rows;
    private readonly PredictionFile? file;
    private readonly int length, batchSize;
    private int cut, empty;

    internal OpenedPrediction(Predictor predictor, IEnumerable<Example> rows, PredictionFile? file, int? maxLength, int? batchSize)
    {
        Predictor = predictor;
        this.rows = rows;
        this.file = file;
        length = maxLength ?? predictor.ReadLength;
        this.batchSize = batchSize ?? BatchSize;
    }

    /// <summary>What answers.</summary>
    public Predictor Predictor { get; }

    /// <summary>Texts that were answered so far.</summary>
    public int Count { get; private set; }

    /// <summary>What a user should know of the texts that were answered so far: how many were cut, or are empty.</summary>
    public IReadOnlyList<string> Notes =>
    [
        .. cut > 0 ? [$"{cut} of {Count} texts are longer than {length} tokens and were cut."] : Array.Empty<string>(),
        .. empty > 0 ? [$"{empty} of {Count} texts are empty."] : Array.Empty<string>(),
    ];

    /// <summary>Answers the texts in their order, each when its part of the files has been read.</summary>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <exception cref="Engine.Model.Batching.DataFileException">A row cannot be read, or is not one of the model's task.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    public IEnumerable<((string Text, string? Pair) Input, Prediction Prediction)> Answers(CancellationToken cancellationToken = default)
    {
        foreach ((Example row, Prediction prediction) in Predictor.PredictEach(rows, length, batchSize, cancellationToken))
        {
            Count++;
            cut += prediction.IsCut ? 1 : 0;
            empty += TextEncoding.IsEmpty(row.Text, row.TextPair) ? 1 : 0;
            yield return ((row.Text, row.TextPair), prediction);
        }
    }

    /// <summary>Answers the texts and writes the output.</summary>
    /// <returns>What a user should know of the file's columns.</returns>
    /// <exception cref="InvalidOperationException">There is no output.</exception>
    /// <exception cref="IOException">The file could not be written; what was there stays.</exception>
    /// <inheritdoc cref="Answers"/>
    public IReadOnlyList<string> Write(CancellationToken cancellationToken = default)
    {
        bool isNumber = Predictor.Architecture.Head == HeadKind.Regression;
        return (file ?? throw new InvalidOperationException($"The prediction has no {nameof(PredictionSetup.Output)} to write.")).Write(
            Answers(cancellationToken).Select(answer => answer.Prediction), isNumber ? null : Predictor.Labels);
    }

    /// <summary>Frees the model.</summary>
    public void Dispose() => Predictor.Dispose();
}

using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>The rows of a run's data, in the files' order: those it trains on and those it holds out.</summary>
internal static class RunRows
{
    /// <summary>
    /// Reads the rows to train on, and those to evaluate on (<c>data.validation</c> or <c>data.validation_split</c>; null without).
    /// </summary>
    /// <exception cref="DataFileException">A file cannot be used, or has too few rows to hold any out.</exception>
    public static (ExampleSet Train, ExampleSet? Validation) ReadExamples(this RunConfiguration run)
    {
        DataConfiguration data = run.Data;
        ExampleSet all = run.Read(data.Train, data.Limit);
        if (data.ValidationSplit is not { } share)
        {
            return (all, data.Validation is null ? null : run.ReadValidationExamples());
        }

        string[]? classes = run.Task == TaskKind.SequenceClassification
            ? [.. all.Examples.Select(example => ClassLabel.Key(example.Label ?? string.Empty))]
            : null;
        bool[] held = HeldOutRows.Draw(all.Files.ToString(), all.Count, share, run.Seed, classes);
        return (Part(isHeldOut: false, int.MaxValue), Part(isHeldOut: true, data.ValidationLimit ?? int.MaxValue));

        ExampleSet Part(bool isHeldOut, int limit) => all with
        {
            Examples = [.. all.Examples.Where((_, row) => held[row] == isHeldOut)
                .Take(limit).Select((example, row) => example with { Row = row })],
        };
    }

    /// <summary>Reads the rows to evaluate on; null where none are held out.</summary>
    /// <exception cref="DataFileException">A file cannot be used, or has too few rows to hold any out.</exception>
    public static ExampleSet? ReadValidationExamples(this RunConfiguration run) => run.Data.Validation is { } files
        ? run.Read(files, run.Data.ValidationLimit)
        : run.Data.ValidationSplit is null ? null : run.ReadExamples().Validation;

    /// <summary>The same for the records of a causal language model.</summary>
    /// <exception cref="DataFileException">A file cannot be used, or has too few records to hold any out.</exception>
    public static (CausalRecordSet Train, CausalRecordSet? Validation) ReadRecords(this RunConfiguration run)
    {
        DataConfiguration data = run.Data;
        CausalRecordSet all = CausalReader.Read(data.Train, data.Format, data.Kind, data.Limit);
        if (data.ValidationSplit is not { } share)
        {
            return (all, data.Validation is null ? null : run.ReadValidationRecords());
        }

        bool[] held = HeldOutRows.Draw(all.Files.ToString(), all.Records.Count, share, run.Seed);
        CausalRecord[] validation = [.. all.Records.Where((_, row) => held[row]).Take(data.ValidationLimit ?? int.MaxValue)];
        return (all with { Records = [.. all.Records.Where((_, row) => !held[row])] }, all with { Records = validation, Notes = [] });
    }

    /// <summary>Reads the records to evaluate on; null where none are held out.</summary>
    /// <exception cref="DataFileException">A file cannot be used, or has too few records to hold any out.</exception>
    public static CausalRecordSet? ReadValidationRecords(this RunConfiguration run) => run.Data.Validation is { } files
        ? CausalReader.Read(files, run.Data.Format, run.Data.Kind, run.Data.ValidationLimit)
        : run.Data.ValidationSplit is null ? null : run.ReadRecords().Validation;

    /// <summary>Reads rows; a column that the files do not have is said with the run file's key that names it.</summary>
    private static ExampleSet Read(this RunConfiguration run, DataFiles files, int? limit)
    {
        try
        {
            return ExampleReader.Read(files, run.Data.ReaderOptions(run.Task, limit));
        }
        catch (DataFileException error) when (error.Column is { } column && NamedAt(run, column) is { } place)
        {
            throw error.With($"The column is named in {place}.");
        }
    }

    /// <summary>Where the run file names a column; null where it does not, or there is none.</summary>
    private static string? NamedAt(RunConfiguration run, string column)
    {
        (string Key, ColumnReference? Column)[] columns =
            [("data.text", run.Data.Text), ("data.text_pair", run.Data.TextPair), ("data.label", run.Data.Label)];
        return columns.Where(named => named.Column?.Label == column).Select(named => run.Places.Find(named.Key, column))
            .FirstOrDefault(place => place is not null);
    }
}

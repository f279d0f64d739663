using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>Which columns of a data file hold what.</summary>
public sealed record ExampleReaderOptions
{
    /// <summary>How the files are written; null: as the ending of each says. <see cref="DataFileFormat.Prebatched"/> is not read here.</summary>
    public DataFileFormat? Format { get; init; }

    /// <summary>The first row of a table names the columns.</summary>
    public bool Header { get; init; } = true;

    /// <summary>What stands between a table's columns; null: a tab (tsv) or a comma (csv).</summary>
    public char? Delimiter { get; init; }

    /// <summary>The text; not read from <see cref="DataFileFormat.Text"/>, where the line is the text.</summary>
    public ColumnReference? Text { get; init; }

    /// <summary>The second text of a pair; null without pairs.</summary>
    public ColumnReference? TextPair { get; init; }

    /// <summary>The label; null where labels are not wanted.</summary>
    public ColumnReference? Label { get; init; }

    /// <summary>Only the first rows, this many; null for all.</summary>
    public int? Limit { get; init; }
}

/// <summary>Reads texts and labels from TSV, CSV, JSON Lines, JSON and plain text.</summary>
public static class ExampleReader
{
    /// <summary>Reads whole files, one after another. Blank lines are passed over.</summary>
    /// <exception cref="DataFileException">A missing or empty file, a missing column (the nearest one is named), a malformed line.</exception>
    public static ExampleSet Read(DataFiles files, ExampleReaderOptions options)
    {
        IEnumerable<Example> examples = Enumerate(files, options);
        return new ExampleSet(files, [.. options.Limit is int limit ? examples.Take(limit) : examples]);
    }

    /// <summary>The rows of files as they are read, the limit apart.</summary>
    /// <exception cref="DataFileException">As for <see cref="Read"/>, when the row is reached.</exception>
    public static IEnumerable<Example> Enumerate(DataFiles files, ExampleReaderOptions options)
    {
        int row = 0;
        foreach (string path in files.Paths)
        {
            DataFileFormat format = DataFileFormats.Of(path, options.Format);
            int before = row;
            using IEnumerator<Example> examples = Rows(path, format, options).GetEnumerator();
            while (MoveNext(examples, path, format))
            {
                yield return examples.Current with { Row = row++ };
            }

            if (row == before)
            {
                throw new DataFileException(path, "there are no rows; at least one was expected.");
            }
        }
    }

    private static IEnumerable<Example> Rows(string path, DataFileFormat format, ExampleReaderOptions options) => format switch
    {
        DataFileFormat.Tsv or DataFileFormat.Csv => new TableReader(path, format, options).Read(),
        DataFileFormat.JsonLines or DataFileFormat.Json => JsonRecords.ReadExamples(path, format, options),
        DataFileFormat.Text => FromText(path),
        _ => throw new ArgumentException($"The format {format} has no rows of text to read.", nameof(options)),
    };

    /// <summary>Goes on to the next row; a complaint about a file whose ending says that it is read wrongly says so.</summary>
    private static bool MoveNext(IEnumerator<Example> examples, string path, DataFileFormat format)
    {
        try
        {
            return examples.MoveNext();
        }
        catch (DataFileException error) when (DataFileFormats.Suspicion(path, format) is { } suspicion)
        {
            throw error.With(suspicion);
        }
    }

    private static IEnumerable<Example> FromText(string path) => TextLines.Read(path)
        .Where(line => !string.IsNullOrWhiteSpace(line.Text))
        .Select(line => new Example(line.Text, null, null, 0, path, line.Line));
}

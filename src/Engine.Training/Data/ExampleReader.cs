using Engine.Model.Batching;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>Which columns of a data file hold what.</summary>
public sealed record ExampleReaderOptions
{
    /// <summary>How the file is written; <see cref="DataFileFormat.Prebatched"/> is not read here.</summary>
    public required DataFileFormat Format { get; init; }

    /// <summary>The first row of a table names the columns.</summary>
    public bool Header { get; init; } = true;

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
    /// <summary>Reads a whole file. Blank lines are passed over.</summary>
    /// <exception cref="DataFileException">A missing or empty file, a missing column (the nearest one is named), a malformed line.</exception>
    public static ExampleSet Read(string path, ExampleReaderOptions options)
    {
        IEnumerable<Example> examples = options.Format switch
        {
            DataFileFormat.Tsv => FromTable(path, TableRows.ReadTsv(path), options),
            DataFileFormat.Csv => FromTable(path, TableRows.ReadCsv(path), options),
            DataFileFormat.JsonLines or DataFileFormat.Json => JsonRecords.ReadExamples(path, options),
            DataFileFormat.Text => FromText(path),
            _ => throw new ArgumentException($"The format {options.Format} has no rows of text to read.", nameof(options)),
        };
        List<Example> rows = [.. options.Limit is int limit ? examples.Take(limit) : examples];
        return rows.Count > 0
            ? new ExampleSet(path, rows)
            : throw new DataFileException(path, "there are no rows; at least one was expected.");
    }

    private static IEnumerable<Example> FromText(string path)
    {
        int row = 0;
        foreach ((int line, string text) in TextLines.Read(path))
        {
            if (!string.IsNullOrWhiteSpace(text))
            {
                yield return new Example(text, null, null, row++, line);
            }
        }
    }

    private static IEnumerable<Example> FromTable(string path, IEnumerable<(int Line, string[] Fields)> table, ExampleReaderOptions options)
    {
        ColumnReference textColumn = options.Text ?? throw new ArgumentException("A table needs the column of the text.", nameof(options));
        string[]? header = null;
        (int Text, int Pair, int Label)? columns = null;
        int row = 0;
        foreach ((int line, string[] fields) in table)
        {
            if (columns is null)
            {
                header = options.Header ? fields : null;
                int Resolve(ColumnReference? column) => column is { } reference ? ColumnIndex(path, line, reference, fields.Length, header) : -1;
                columns = (Resolve(textColumn), Resolve(options.TextPair), Resolve(options.Label));
                if (options.Header)
                {
                    continue;
                }
            }

            if (header is not null && fields.Length != header.Length)
            {
                throw new DataFileException(path, line, $"the line has {Columns(fields.Length)}, the header {header.Length}.{(options.Format == DataFileFormat.Tsv ? " A tab inside a text splits it." : " A text that holds a comma must be quoted.")}");
            }

            string Cell(int index) => index < fields.Length
                ? fields[index]
                : throw new DataFileException(path, line, $"the line has {Columns(fields.Length)}; column {index} (counted from 0) is missing.");
            (int text, int pair, int label) = columns.Value;
            yield return new Example(Cell(text), pair < 0 ? null : Cell(pair), label < 0 ? null : Cell(label).Trim(), row++, line);
        }
    }

    private static int ColumnIndex(string path, int line, ColumnReference column, int count, string[]? header)
    {
        if (column.Name is null)
        {
            return column.Index >= 0 && column.Index < count
                ? column.Index
                : throw new DataFileException(path, line, $"there is no column {column.Index}; the line has {Columns(count)}, counted from 0.");
        }

        if (header is null)
        {
            throw new DataFileException(path, $"column '{column.Name}' is given by name, but the file has no header (header: false); give its number, counted from 0.");
        }

        int index = Array.IndexOf(header, column.Name);
        if (index < 0)
        {
            throw new DataFileException(path, line, $"the header has no column '{column.Name}'; {NearestName.Hint(column.Name, header)}.");
        }

        return Array.IndexOf(header, column.Name, index + 1) < 0
            ? index
            : throw new DataFileException(path, line, $"the header has column '{column.Name}' more than once; give its number, counted from 0.");
    }

    private static string Columns(int count) => count == 1 ? "1 column" : $"{count} columns";
}

using System.Globalization;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>Finds the columns that are asked for in a table and reads its rows.</summary>
internal sealed class TableReader(string path, TableFormat format, ExampleReaderOptions options)
{
    // What tables that are no commas or tabs have between their columns.
    private const string LikelyDelimiters = ",;\t|";

    /// <exception cref="DataFileException">A missing column, a malformed line.</exception>
    public IEnumerable<Example> Read()
    {
        ColumnReference textColumn = options.Text ?? throw new ArgumentException("A table needs the column of the text.", nameof(options));
        string[]? header = null;
        (int Text, int Pair, int Label)? columns = null;
        foreach ((int line, string[] fields) in format.Rows(path, options.Delimiter))
        {
            if (columns is null)
            {
                header = options.Header ? fields : null;
                int Resolve(ColumnReference? column) => column is { } reference ? ColumnIndex(line, reference, fields, header) : -1;
                columns = (Resolve(textColumn), Resolve(options.TextPair), Resolve(options.Label));
                RequireApart(line, columns.Value);
                if (options.Header)
                {
                    continue;
                }
            }

            if (header is not null && fields.Length != header.Length)
            {
                throw new DataFileException(path, line, $"the line has {Columns(fields.Length)}, the header {header.Length}. "
                    + $"{format.Splitting(Delimiters.NameOf(options.Delimiter ?? format.Delimiter))}");
            }

            string Cell(int index) => index < fields.Length
                ? fields[index]
                : throw new DataFileException(
                    path, line, $"the line has {Columns(fields.Length)}; column {index} (counted from 0) is missing.");
            (int text, int pair, int label) = columns.Value;
            string? second = pair < 0 ? null : Cell(pair);
            yield return new Example(Cell(text), second, label < 0 ? null : Cell(label).Trim(), 0, new DataPlace(path, line))
            {
                Columns = options.KeepsColumns ? [.. fields.Select((field, column) => new ColumnValue(Name(header, column), field))] : null,
            };
        }
    }

    private static string Name(string[]? header, int column) => header?[column] ?? column.ToString(CultureInfo.InvariantCulture);

    private void RequireApart(int line, (int Text, int Pair, int Label) columns)
    {
        (int text, int pair, int label) = columns;
        if (label >= 0 && (label == text || label == pair))
        {
            throw new DataFileException(
                path,
                line,
                $"the label is read from column {options.Label}, which is the text's; the model would be given its answer. "
                    + "Name the label's own column.");
        }

        if (text == pair)
        {
            throw new DataFileException(
                path, line, $"both texts of a pair are read from column {options.Text}; name the second one's own column.");
        }
    }

    private int ColumnIndex(int line, ColumnReference column, string[] first, string[]? header)
    {
        if (column.Name is null)
        {
            return column.Index >= 0 && column.Index < first.Length
                ? column.Index
                : throw new DataFileException(
                    path, line,
                    $"there is no column {column.Index}; the line has {Columns(first.Length)}, counted from 0.{Suspicion(first)}")
                {
                    Column = column.Label,
                };
        }

        if (header is null)
        {
            throw new DataFileException(
                path,
                $"column '{column.Name}' is given by name, but the file has no header ({Setting.Of("header", "false")}); give its number, "
                    + "counted from 0.")
            {
                Column = column.Label,
            };
        }

        int index = Array.IndexOf(header, column.Name);
        if (index < 0)
        {
            throw new DataFileException(
                path, line, $"the header has no column '{column.Name}'; {NearestName.Hint(column.Name, header)}.{Suspicion(first)}")
            {
                Column = column.Label,
            };
        }

        return Array.IndexOf(header, column.Name, index + 1) < 0
            ? index
            : throw new DataFileException(
                path, line, $"the header has column '{column.Name}' more than once; give its number, counted from 0.")
            {
                Column = column.Label,
            };
    }

    /// <summary>What to say of a first line that is one column and looks as if other columns were in it.</summary>
    private string Suspicion(string[] first)
    {
        if (first is not [var only] || LikelyDelimiters.Where(only.Contains).ToArray() is not [var likely, ..])
        {
            return "";
        }

        DataFormat? other = DataFormats.All.OfType<TableFormat>().FirstOrDefault(table => table != format && table.Delimiter == likely);
        string meant = other is null ? $"delimiter: '{(likely == '\t' ? "\\t" : likely)}'" : $"format: {other}";
        return $" It is one column and holds a {Delimiters.NameOf(likely)}: is {meant} meant?";
    }

    private static string Columns(int count) => count == 1 ? "1 column" : $"{count} columns";
}

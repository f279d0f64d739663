using System.Buffers;
using System.Text.Json;
using Engine.Common;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Batching;
using Engine.Training.Configuration;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>
/// A binary format that lies column by column and says the types of its columns. Its rows become the records that the same rows as JSON
/// would be; class numbers that the file names (<see cref="ClassNames"/>) are read as their names.
/// </summary>
internal abstract class ColumnarFormat : RecordFormat
{
    internal sealed override IEnumerable<JsonRecord> ReadRecords(string path) => Records(path, wanted: null);

    internal sealed override IReadOnlyList<string>? ClassNames(string path, ColumnReference column)
    {
        using ColumnarFile file = Open(path);
        return column.Name is { } name ? HuggingFaceFeatures.ClassNames(path, file.HuggingFace).GetValueOrDefault(name) : null;
    }

    protected sealed override IEnumerable<JsonRecord> ReadColumns(string path, IReadOnlyList<string> columns) => Records(path, columns);

    /// <summary>Whether a file begins, and ends where it must, as files of this format do.</summary>
    /// <param name="file">It is read from its start.</param>
    protected abstract bool IsFile(Stream file);

    /// <summary>Opens a file of this format.</summary>
    /// <param name="stream">Its bytes, at their start; disposed of with the file.</param>
    protected abstract ColumnarFile Open(Stream stream);

    private ColumnarFile Open(string path)
    {
        FileStream stream = DataFileBytes.Open(path);
        try
        {
            if (!stream.CanSeek)
            {
                throw new DataFileException(path, $"a pipe cannot be read as {Name}; give a file.");
            }

            if (StandIn.ProblemOfBinary(stream) is { } standIn)
            {
                throw new DataFileException(path, standIn);
            }

            bool isFile = IsFile(stream);
            stream.Position = 0;
            return isFile ? Guarded(path, () => Open(stream)) : throw new DataFileException(
                path, $"this is no {Name} file, or one that was cut short; bring it here again, or say how it is written "
                    + $"({Setting.Of("data.format")}).")
            {
                Settings = [nameof(DataConfiguration.Format)],
            };
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private IEnumerable<JsonRecord> Records(string path, IReadOnlyList<string>? wanted)
    {
        using ColumnarFile file = Open(path);
        int[] columns = wanted is null
            ? [.. Enumerable.Range(0, file.Columns.Count).Where(column => file.Columns[column].Unread is null)]
            : [.. wanted.Select(name => ColumnOf(path, file.Columns, name))];
        string[] names = [.. columns.Select(column => file.Columns[column].Name)];
        if (names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw Twice(path, twice.Key);
        }

        Dictionary<string, IReadOnlyList<string>> classes = HuggingFaceFeatures.ClassNames(path, file.HuggingFace);
        IReadOnlyList<string>?[] classNames = [.. names.Select(name => classes.GetValueOrDefault(name))];

        ArrayBufferWriter<byte> json = new();
        using Utf8JsonWriter writer = new(json, ColumnarValues.WriterOptions);
        using IEnumerator<object?[]> rows = file.Rows(columns).GetEnumerator();
        for (int row = 1; Guarded(path, rows.MoveNext); row++)
        {
            DataPlace place = new(path, row, PlaceKind.Row);
            json.ResetWrittenCount();
            writer.Reset();
            writer.WriteStartObject();
            for (int i = 0; i < names.Length; i++)
            {
                writer.WritePropertyName(names[i]);
                object? value = rows.Current[i];
                ColumnarValues.Write(writer, classNames[i] is { } known ? ClassName(place, names[i], known, value) : value);
            }

            writer.WriteEndObject();
            writer.Flush();
            yield return JsonRecord.Parse(place, json.WrittenSpan.ToArray());
        }
    }

    private static int ColumnOf(string path, IReadOnlyList<FileColumn> columns, string name)
    {
        int[] found = [.. Enumerable.Range(0, columns.Count).Where(column => columns[column].Name == name)];
        return found switch
        {
            [] => throw new DataFileException(path, $"there is no column '{name}'; "
                + $"{NearestName.Hint(name, [.. columns.Select(column => column.Name)])}.")
            {
                Column = name,
            },
            [var column] when columns[column].Unread is { } held => throw new DataFileException(
                path, $"column '{name}' holds {held}, and text, whole numbers, numbers or truth values were expected; write it anew "
                    + "as one of these.")
            {
                Column = name,
            },
            [var column] => column,
            _ => throw Twice(path, name),
        };
    }

    private static DataFileException Twice(string path, string name) =>
        new(path, $"column '{name}' is there more than once; write the file with columns that have names of their own.");

    /// <summary>The name of a class number; none for -1, which stands for a label that is not known.</summary>
    private static object? ClassName(DataPlace place, string column, IReadOnlyList<string> names, object? value) => value switch
    {
        object?[] list => Array.ConvertAll(list, item => ClassName(place, column, names, item)),
        -1L => null,
        long and >= 0 and var number when number < names.Count => names[(int)number],
        ulong and var number when number < (ulong)names.Count => names[(int)number],
        long or ulong => throw place.Wrong($"column '{column}' is {value}, and the file names {names.Count} classes: "
            + $"{string.Join(", ", names)}."),
        _ => value,
    };

    /// <summary>What a reader of such files throws at one that is damaged is of every kind.</summary>
    private T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is not DataFileException)
        {
            throw new DataFileException(
                path, $"the file cannot be read as {Name}: it is damaged, was cut short, or is laid out in a way that is not read "
                    + $"({Reason(error)}); "
                + "bring it here again, or write it anew, for instance with Hugging Face datasets.", error);
        }
    }

    private static string Reason(Exception error)
    {
        string message = (error.InnerException ?? error).Message.Split('\n')[0].TrimEnd('.', ' ', '\r');
        return message.Length > 0 ? message : error.GetType().Name;
    }
}

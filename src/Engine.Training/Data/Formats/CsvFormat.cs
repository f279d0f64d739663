using Engine.Model.Batching;
using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;

namespace Engine.Training.Data.Formats;

/// <summary>Comma-separated values with quoting (RFC 4180).</summary>
internal sealed class CsvFormat : TableFormat
{
    private const int LongestField = 16 * 1024 * 1024;

    public override string Name => "csv";

    public override IReadOnlyList<string> Endings { get; } = [".csv"];

    public override string Summary => "commas, quoting";

    public override string Description => "Comma-separated; a field in double quotes may hold commas, line breaks and doubled quotes. "
        + "A first line `sep=;`, as spreadsheets write it, names the delimiter.";

    public override char Delimiter => ',';

    public override string Splitting(string delimiter) => $"A text that holds a {delimiter} must be quoted.";

    /// <summary>
    /// Fields of which a quoted one may hold delimiters, doubled quotes and line breaks. A first line <c>sep=;</c>, as spreadsheets write
    /// it, names the delimiter and is no row.
    /// </summary>
    /// <param name="delimiter">Null: a comma, or what such a line names.</param>
    public override IEnumerable<(int Line, string[] Fields)> Rows(string path, char? delimiter)
    {
        char named = ReadSeparator(path) ?? delimiter ?? Delimiter;
        if (delimiter is not null && named != delimiter)
        {
            throw new DataFileException(
                path, 1, $"the line names the delimiter '{named}', and the run or the command line '{delimiter}'; leave one of them out.");
        }

        bool unterminated = false;
        CsvConfiguration configuration = new(CultureInfo.InvariantCulture)
        {
            HasHeaderRecord = false,
            Mode = CsvMode.RFC4180,
            Delimiter = named.ToString(),
            IgnoreBlankLines = true,
            MaxFieldSize = LongestField,
            BadDataFound = _ => unterminated = true,
        };
        using StreamReader reader = TextLines.Open(path);
        using CsvParser parser = new(reader, configuration);
        int start = 1;
        while (Read(parser, path, start))
        {
            string[] fields = parser.Record!;
            if (unterminated || EndsInsideQuotes(parser.RawRecord))
            {
                throw new DataFileException(path, start, "a quoted field is not closed or is followed by other text, or a quote "
                    + "stands in a field that is not quoted; quote the whole field and write a quote inside it twice.");
            }

            // RawRow counts up to the record's last line.
            int line = parser.RawRow - CountLineBreaks(parser.RawRecord.AsSpan().TrimEnd("\r\n"));
            start = parser.RawRow + 1;
            bool isSeparator = line == 1 && Separator(parser.RawRecord) is not null;
            if (!isSeparator && (fields.Length > 1 || !string.IsNullOrWhiteSpace(fields[0])))
            {
                yield return (line, fields);
            }
        }
    }

    /// <summary>
    /// The delimiter that the file's first line names. A pipe, which has no length, cannot be read a second time and is not asked.
    /// </summary>
    private static char? ReadSeparator(string path)
    {
        bool isFile = new FileInfo(path) is { Exists: true, Length: > 0 };
        return isFile && TextLines.Read(path).FirstOrDefault() is { Text: string first } ? Separator(first) : null;
    }

    private static char? Separator(string line)
    {
        string text = line.TrimEnd('\r', '\n').Trim('"');
        return text.Length == 5 && text.StartsWith("sep=", StringComparison.OrdinalIgnoreCase) ? Delimiters.Parse(text[4..]) : null;
    }

    private static bool Read(CsvParser parser, string path, int line)
    {
        try
        {
            return parser.Read();
        }
        catch (DecoderFallbackException error)
        {
            throw TextLines.NotUtf8(path, line, error);
        }
        catch (MaxFieldSizeException error)
        {
            throw new DataFileException(path, line, $"a field has more than {LongestField} characters; is a quote left open?", error);
        }
    }

    private static bool EndsInsideQuotes(string raw) => raw.AsSpan().Count('"') % 2 != 0;

    private static int CountLineBreaks(ReadOnlySpan<char> raw) => raw.Count('\n');
}

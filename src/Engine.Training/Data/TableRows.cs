using Engine.Model.Batching;
using System.Globalization;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;

namespace Engine.Training.Data;

/// <summary>The records of a table, header included, as fields; blank lines are left out.</summary>
internal static class TableRows
{
    private const int LongestField = 16 * 1024 * 1024;

    /// <summary>Tab-separated fields without any quoting.</summary>
    public static IEnumerable<(int Line, string[] Fields)> ReadTsv(string path)
    {
        using IEnumerator<(int Line, string Text)> lines = TextLines.Read(path).GetEnumerator();
        bool more = lines.MoveNext();
        for (bool first = true; more; first = false)
        {
            (int line, string text) = lines.Current;
            more = lines.MoveNext();
            if (first && !more && text.Contains('\r', StringComparison.Ordinal))
            {
                throw new DataFileException(path, "the lines end with a carriage return alone; convert them to end with a line feed.");
            }

            if (!string.IsNullOrWhiteSpace(text))
            {
                yield return (line, text.Split('\t'));
            }
        }
    }

    /// <summary>Comma-separated fields; a quoted field may hold commas, doubled quotes and line breaks.</summary>
    public static IEnumerable<(int Line, string[] Fields)> ReadCsv(string path)
    {
        bool unterminated = false;
        CsvConfiguration configuration = new(CultureInfo.InvariantCulture)
        {
            HasHeaderRecord = false,
            Mode = CsvMode.RFC4180,
            Delimiter = ",",
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
                throw new DataFileException(path, start, "a quoted field is not closed or is followed by other text, or a quote stands in a field that is not quoted; quote the whole field and write a quote inside it twice.");
            }

            // RawRow counts up to the record's last line.
            int line = parser.RawRow - CountLineBreaks(parser.RawRecord.AsSpan().TrimEnd("\r\n"));
            start = parser.RawRow + 1;
            if (fields.Length > 1 || !string.IsNullOrWhiteSpace(fields[0]))
            {
                yield return (line, fields);
            }
        }
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

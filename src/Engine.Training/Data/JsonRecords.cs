using System.Text.Json;
using Engine.Model.Batching;
using Engine.Common.Files;

namespace Engine.Training.Data;

/// <summary>Reads the objects of a file that has one on each line, or a list of them.</summary>
internal static class JsonRecords
{
    private const long LargestList = 1L << 30;

    /// <summary>The records of a JSON Lines or JSON file; who takes one disposes of it.</summary>
    /// <exception cref="DataFileException">The file is missing, broken or holds something else.</exception>
    public static IEnumerable<JsonRecord> Read(string path, DataFileFormat format) => format switch
    {
        DataFileFormat.JsonLines => TextLines.Read(path).Where(line => !string.IsNullOrWhiteSpace(line.Text)).Select(line => JsonRecord.Parse(path, line.Line, line.Text)),
        DataFileFormat.Json => Objects(path).Select(item => JsonRecord.Parse(path, item.Line, item.Text)),
        _ => throw new ArgumentException($"The format {format} has no JSON records.", nameof(format)),
    };

    /// <summary>Labelled texts from the properties that the options name.</summary>
    public static IEnumerable<Example> ReadExamples(string path, DataFileFormat format, ExampleReaderOptions options)
    {
        string text = Name(options.Text) ?? throw new ArgumentException("JSON needs the property of the text.", nameof(options));
        string? pair = Name(options.TextPair);
        string? label = Name(options.Label);
        if (label is not null && (label == text || label == pair))
        {
            throw new DataFileException(path, $"the label is read from property '{label}', which is the text's; the model would be given its answer. Name the label's own property.");
        }

        if (text == pair)
        {
            throw new DataFileException(path, $"both texts of a pair are read from property '{text}'; name the second one's own property.");
        }

        foreach (JsonRecord record in Read(path, format))
        {
            using (record)
            {
                yield return new Example(
                    record.Text(text), pair is null ? null : record.Text(pair), label is null ? null : record.Label(label), 0, path, record.Line);
            }
        }
    }

    /// <summary>The elements of the list that a file is, with the lines they start on.</summary>
    private static List<(int Line, string Text)> Objects(string path)
    {
        try
        {
            return PythonJson.Parse(ReadAll(path), bytes => Objects(path, bytes.Span));
        }
        catch (JsonException error)
        {
            throw new DataFileException(path, (int)(error.LineNumber ?? 0) + 1, $"the file is not JSON from here on (at byte {error.BytePositionInLine} of the line).", error);
        }
    }

    private static List<(int Line, string Text)> Objects(string path, ReadOnlySpan<byte> bytes)
    {
        List<(int, string)> objects = [];
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 32 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            throw new DataFileException(path, "the file is not a JSON list of objects; for one object on each line set data.format to jsonl.");
        }

        int line = 1;
        int counted = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = checked((int)reader.TokenStartIndex);
            line += bytes[counted..start].Count((byte)'\n');
            counted = start;
            reader.Skip();
            objects.Add((line, System.Text.Encoding.UTF8.GetString(bytes[start..checked((int)reader.BytesConsumed)])));
        }

        // Whatever stands after the list is no JSON.
        reader.Read();
        return objects;
    }

    private static byte[] ReadAll(string path)
    {
        // Opening it as text finds out what is wrong with the path, and whether it is UTF-8.
        using StreamReader reader = TextLines.Open(path);
        if (reader.BaseStream.Length > LargestList)
        {
            throw new DataFileException(path, $"a JSON list may have {LargestList:N0} bytes; write the records one on each line (jsonl).");
        }

        try
        {
            return System.Text.Encoding.UTF8.GetBytes(reader.ReadToEnd());
        }
        catch (System.Text.DecoderFallbackException error)
        {
            throw TextLines.NotUtf8(path, line: 1, error);
        }
    }

    private static string? Name(ColumnReference? column) => column is not { } reference
        ? null
        : reference.Name ?? throw new ArgumentException($"JSON has no column numbers; give the name of the property instead of {reference.Index}.");
}

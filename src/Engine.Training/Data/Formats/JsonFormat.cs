using System.Text;
using System.Text.Json;
using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Common.Keys;

namespace Engine.Training.Data.Formats;

/// <summary>A list of JSON objects, which is read whole.</summary>
internal sealed class JsonFormat : RecordFormat
{
    private const int LargestList = 1 << 30;

    public override string Name => "json";

    public override IReadOnlyList<string> Endings { get; } = [".json"];

    public override string Summary => "a list of objects";

    internal override bool IsText => true;

    public override string Description => "A list of JSON objects, as `jsonl` has them.";

    internal override IEnumerable<JsonRecord> ReadRecords(string path) =>
        Objects(path).Select(item => JsonRecord.Parse(new DataPlace(path, item.Line), item.Text));

    /// <summary>The elements of the list that a file is, with the lines they start on.</summary>
    private static List<(int Line, string Text)> Objects(string path)
    {
        try
        {
            return PythonJson.Parse(ReadAll(path), bytes => Objects(path, bytes.Span));
        }
        catch (JsonException error)
        {
            throw new DataFileException(path, (int)(error.LineNumber ?? 0) + 1, $"the file is not JSON from here on (at byte "
                + $"{error.BytePositionInLine} of the line).", error);
        }
    }

    private static List<(int Line, string Text)> Objects(string path, ReadOnlySpan<byte> bytes)
    {
        List<(int, string)> objects = [];
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 32 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
        {
            throw new DataFileException(path, "the file is not a JSON list of objects; for one object on each line set "
                + $"{Setting.Of("data.format")} to jsonl.");
        }

        int line = 1;
        int counted = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            int start = checked((int)reader.TokenStartIndex);
            line += bytes[counted..start].Count((byte)'\n');
            counted = start;
            reader.Skip();
            objects.Add((line, Encoding.UTF8.GetString(bytes[start..checked((int)reader.BytesConsumed)])));
        }

        // Whatever stands after the list is no JSON.
        reader.Read();
        return objects;
    }

    private static byte[] ReadAll(string path)
    {
        // Opening it as text finds out what is wrong with the path, and whether it is UTF-8.
        using StreamReader reader = TextLines.Open(path);
        StringBuilder text = new();
        char[] buffer = new char[64 * 1024];
        try
        {
            for (int read; (read = reader.Read(buffer)) > 0;)
            {
                text.Append(buffer, 0, read);
                if (text.Length > LargestList)
                {
                    throw new DataFileException(path, $"a JSON list may have {LargestList:N0} characters; write the records one on "
                        + "each line (jsonl).");
                }
            }
        }
        catch (DecoderFallbackException error)
        {
            throw TextLines.NotUtf8(path, line: 1, error);
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}

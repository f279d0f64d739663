using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Engine.Common.Files;

/// <summary>Reads and writes the small JSON files of model and adapter folders, distrusting what it reads.</summary>
internal static class JsonFile
{
    private const int MaxDepth = 32;

    private static readonly JsonWriterOptions IndentedAsPython = new()
    {
        Indented = true,
        IndentSize = 2,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>
    /// The object a file holds. Duplicate keys, deep nesting, invalid UTF-8 and files over <paramref name="maxBytes"/> are refused.
    /// </summary>
    public static JsonObject ReadObject(string path, long maxBytes = 16 << 20)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw new ModelFileException(path, "there is no such file.");
        }

        if (file.Length > maxBytes)
        {
            throw new ModelFileException(
                path, $"the file has {file.Length:N0} bytes, more than the {maxBytes:N0} allowed for this kind of file.");
        }

        return ParseObject(path, File.ReadAllBytes(path));
    }

    /// <summary>
    /// Parses the text of a JSON file named <paramref name="path"/>, which must be one object. NaN and Infinity, as Python writes them, are
    /// numbers that are not finite.
    /// </summary>
    public static JsonObject ParseObject(string path, ReadOnlyMemory<byte> utf8)
    {
        ReadOnlySpan<byte> byteOrderMark = [0xEF, 0xBB, 0xBF];
        if (utf8.Span.StartsWith(byteOrderMark))
        {
            utf8 = utf8[byteOrderMark.Length..];
        }

        if (StandIn.Problem(utf8.Span[..Math.Min(utf8.Length, StandIn.Looked)]) is { } problem)
        {
            throw new ModelFileException(path, problem);
        }

        if (!System.Text.Unicode.Utf8.IsValid(utf8.Span))
        {
            throw new ModelFileException(path, "the file is not valid UTF-8.");
        }

        JsonNode? node;
        try
        {
            node = PythonJson.ParseNode(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
        }
        catch (JsonException exception)
        {
            throw new ModelFileException(path, $"the file is not the JSON expected here: {exception.Message}", exception);
        }

        return node as JsonObject ?? throw new ModelFileException(path, "a JSON object was expected at the top of the file.");
    }

    /// <summary>Writes an object with two-space indentation, as Python's <c>json.dump(indent=2)</c> does.</summary>
    public static void WriteObject(string path, JsonObject content)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter writer = new(text, IndentedAsPython))
        {
            content.WriteTo(writer);
        }

        text.Write("\n"u8);
        AtomicFile.WriteAllBytes(path, PythonJson.AsWords(text.WrittenMemory));
    }
}

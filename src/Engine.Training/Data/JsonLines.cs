using Engine.Model.Batching;
using System.Globalization;
using System.Text.Json;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>Reads examples from a file with one JSON object per line.</summary>
internal static class JsonLines
{
    private static readonly JsonDocumentOptions DocumentOptions = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    public static IEnumerable<Example> Read(string path, ExampleReaderOptions options)
    {
        string text = Name(options.Text) ?? throw new ArgumentException("JSON Lines need the property of the text.", nameof(options));
        string? pair = Name(options.TextPair);
        string? label = Name(options.Label);
        int row = 0;
        foreach ((int line, string source) in TextLines.Read(path))
        {
            if (string.IsNullOrWhiteSpace(source))
            {
                continue;
            }

            using JsonDocument document = Parse(path, line, source);
            JsonElement item = document.RootElement;
            yield return new Example(
                Text(path, line, item, text),
                pair is null ? null : Text(path, line, item, pair),
                label is null ? null : Label(path, line, item, label),
                row++,
                line);
        }
    }

    private static string? Name(ColumnReference? column) => column is not { } reference
        ? null
        : reference.Name ?? throw new ArgumentException($"JSON Lines have no column numbers; give the name of the property instead of {reference.Index}.");

    private static JsonDocument Parse(string path, int line, string source)
    {
        try
        {
            JsonDocument document = JsonDocument.Parse(source, DocumentOptions);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document
                : throw new DataFileException(path, line, $"the line is a JSON {Kind(document.RootElement)}; an object was expected.");
        }
        catch (JsonException error)
        {
            throw new DataFileException(path, line, $"the line is not one JSON object (at byte {error.BytePositionInLine}).", error);
        }
    }

    private static JsonElement Property(string path, int line, JsonElement item, string name)
    {
        if (item.TryGetProperty(name, out JsonElement value))
        {
            return value;
        }

        string[] known = [.. item.EnumerateObject().Select(property => property.Name)];
        throw new DataFileException(path, line, $"the object has no property '{name}'; {NearestName.Hint(name, known)}.");
    }

    private static string Text(string path, int line, JsonElement item, string name)
    {
        JsonElement value = Property(path, line, item, name);
        return value.ValueKind == JsonValueKind.String
            ? StringValue(path, line, value, name)
            : throw new DataFileException(path, line, $"property '{name}' is a {Kind(value)}; a string was expected.");
    }

    private static string StringValue(string path, int line, JsonElement value, string name)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new DataFileException(path, line, $"property '{name}' holds an escape that is half of a surrogate pair; it is not text.", error);
        }
    }

    private static string Label(string path, int line, JsonElement item, string name)
    {
        JsonElement value = Property(path, line, item, name);
        return value.ValueKind switch
        {
            JsonValueKind.String => StringValue(path, line, value, name),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            // 1 and 1.0 are the same label.
            JsonValueKind.Number => value.GetDouble().ToString("R", CultureInfo.InvariantCulture),
            _ => throw new DataFileException(path, line, $"property '{name}' is a {Kind(value)}; a string or a number was expected."),
        };
    }

    private static string Kind(JsonElement value) => value.ValueKind.ToString().ToLowerInvariant();
}

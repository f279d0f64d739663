using System.Text.Json;
using System.Text.Json.Nodes;

namespace Engine.Common.Files;

/// <summary>Typed access to one JSON object of a file. A key with null counts as absent; every error names the file and the key.</summary>
internal sealed class JsonSection(string path, JsonObject content, string parentKey = "")
{
    public string FilePath => path;

    public JsonObject Content => content;

    public bool Has(string key) => content[key] is not null;

    public int Int(string key) => OptionalInt(key) ?? throw Missing(key, "a whole number");

    public int? OptionalInt(string key)
    {
        JsonNode? node = content[key];
        if (node is null)
        {
            return null;
        }

        return node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out int number)
            ? number
            : throw Wrong(key, "a whole number of 32 bits");
    }

    /// <summary>A whole number, or a list of them.</summary>
    public IReadOnlyList<int>? OptionalInts(string key)
    {
        if (content[key] is not JsonArray array)
        {
            return OptionalInt(key) is { } single ? [single] : null;
        }

        var numbers = new List<int>();
        foreach (JsonNode? node in array)
        {
            numbers.Add(node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out int number)
                ? number
                : throw Wrong(key, "a whole number or a list of them"));
        }

        return numbers;
    }

    public double? OptionalDouble(string key)
    {
        JsonNode? node = content[key];
        if (node is null)
        {
            return null;
        }

        return node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number)
            && double.IsFinite(number)
            ? number
            : throw Wrong(key, "a finite number");
    }

    public bool? OptionalBool(string key) => content[key]?.GetValueKind() switch
    {
        null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(key, "true or false"),
    };

    public string? OptionalString(string key)
    {
        JsonNode? node = content[key];
        if (node is null)
        {
            return null;
        }

        return node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw Wrong(key, "a string");
    }

    public IReadOnlyList<string>? OptionalStrings(string key)
    {
        JsonNode? node = content[key];
        if (node is null)
        {
            return null;
        }

        return node is JsonArray array && array.All(item => item?.GetValueKind() == JsonValueKind.String)
            ? array.Select(item => item!.GetValue<string>()).ToArray()
            : throw Wrong(key, "a list of strings");
    }

    public JsonSection? OptionalSection(string key) => content[key] switch
    {
        null => null,
        JsonObject section => new JsonSection(path, section, Qualified(key)),
        _ => throw Wrong(key, "an object"),
    };

    public ModelFileException Missing(string key, string expected) =>
        new(path, $"the key '{Qualified(key)}' is missing; {expected} was expected.");

    public ModelFileException Wrong(string key, string expected) =>
        new(path, $"the key '{Qualified(key)}' is {Shown(content[key])}; {expected} was expected.");

    private string Qualified(string key) => parentKey.Length == 0 ? key : $"{parentKey}.{key}";

    private static string Shown(JsonNode? node)
    {
        const int Longest = 80;
        string text = node is null ? "null" : PythonJson.Shown(node.ToJsonString());
        return text.Length <= Longest ? text : text[..Longest] + "...";
    }
}

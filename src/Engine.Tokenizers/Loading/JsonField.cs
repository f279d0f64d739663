using System.Text.Json;
using Engine.Common.Files;

namespace Engine.Tokenizers;

/// <summary>A value of a JSON file that knows its file and its place, so that every complaint names them.</summary>
internal readonly record struct JsonField(string File, string Path, JsonElement Value)
{
    private const int MaxDepth = 64;

    public JsonValueKind Kind => Value.ValueKind;

    /// <summary>Parses a whole file.</summary>
    /// <exception cref="InvalidDataException">It is nested too deep, names a property twice, holds half of a surrogate pair in a name or is
    /// not JSON.</exception>
    public static JsonField Parse(string file, byte[] content)
    {
        ReadOnlyMemory<byte> json = content.AsSpan().StartsWith("\uFEFF"u8) ? content.AsMemory(3) : content;
        try
        {
            JsonDocument document =
                PythonJson.ParseDocument(json, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            return new JsonField(file, "$", document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"{file} is not the JSON it should be (at most {MaxDepth} levels deep, no property twice, "
                    + $"no half of a surrogate pair): {exception.Message}", exception);
        }
    }

    /// <summary>A property that may be absent or null.</summary>
    public JsonField? Find(string name)
    {
        Expect(JsonValueKind.Object, "an object");
        return Value.TryGetProperty(name, out JsonElement found) && found.ValueKind != JsonValueKind.Null
            ? new JsonField(File, $"{Path}.{name}", found)
            : null;
    }

    /// <summary>A property that has to be there.</summary>
    public JsonField Get(string name) =>
        Find(name) ?? throw new InvalidDataException($"{File}: {Path} has no \"{name}\"; a tokenizer of this kind needs one.");

    public string Text()
    {
        Expect(JsonValueKind.String, "a string");
        return Decode(Value.GetString);
    }

    public int Integer() =>
        Kind == JsonValueKind.Number && Value.TryGetInt32(out int number) ? number : throw Wrong("an integer");

    public double Number() =>
        Kind == JsonValueKind.Number && Value.TryGetDouble(out double number) ? number : throw Wrong("a number");

    public bool Flag() => Kind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong("true or false"),
    };

    public bool Flag(string name, bool absent) => Find(name)?.Flag() ?? absent;

    /// <summary>The elements of an array.</summary>
    public IEnumerable<JsonField> Items()
    {
        Expect(JsonValueKind.Array, "an array");
        (string file, string path) = (File, Path);
        return Value.EnumerateArray().Select((element, index) => new JsonField(file, $"{path}[{index}]", element));
    }

    /// <summary>
    /// The properties of an object. The names are not repeated in the paths of a vocabulary, which would cost more than the vocabulary.
    /// </summary>
    public IEnumerable<KeyValuePair<string, JsonField>> Properties()
    {
        Expect(JsonValueKind.Object, "an object");
        foreach (JsonProperty property in Value.EnumerateObject())
        {
            yield return KeyValuePair.Create(Decode(() => property.Name), new JsonField(File, Path, property.Value));
        }
    }

    public InvalidDataException Wrong(string expected) => new($"{File}: {Path} is {Describe()}; expected {expected}.");

    /// <summary>The complaint about a component that this program does not know.</summary>
    public InvalidDataException Unknown(string what, IEnumerable<string> known) =>
        new($"{File}: {Path} is {Describe()}, {what} that is not supported; supported are {string.Join(", ", known)}.");

    private void Expect(JsonValueKind kind, string expected)
    {
        if (Kind != kind)
        {
            throw Wrong(expected);
        }
    }

    private string Decode(Func<string?> read)
    {
        try
        {
            return read()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new InvalidDataException($"{File}: {Path} holds text that is not valid Unicode (half of a surrogate pair).", exception);
        }
    }

    private string Describe()
    {
        string raw = PythonJson.Shown(Value.GetRawText());
        return raw.Length <= 80 ? raw : raw[..77] + "...";
    }
}

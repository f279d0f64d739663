using System.Text;
using System.Text.Json;
using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Common.Keys;

namespace Engine.Training.Data;

/// <summary>One record of a data file as a JSON object; every complaint about it names the file and the place.</summary>
internal sealed class JsonRecord : IDisposable
{
    private static readonly JsonDocumentOptions DocumentOptions = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    private readonly JsonDocument? document;
    private readonly JsonElement root;
    private readonly DataPlace place;
    private readonly string part;

    /// <param name="part">Goes before complaints about an object inside a record, such as "turn 2: ".</param>
    private JsonRecord(JsonDocument? document, JsonElement root, DataPlace place, string part = "")
    {
        this.document = document;
        this.root = root;
        this.place = place;
        this.part = part;
    }

    /// <summary>Where it stands.</summary>
    public DataPlace Place => place;

    /// <summary>Names of the properties, in the file's order.</summary>
    public IReadOnlyList<string> Keys => [.. root.EnumerateObject().Select(property => property.Name)];

    /// <summary>The properties with their values, in the file's order.</summary>
    /// <exception cref="DataFileException">A string that is no text.</exception>
    public IReadOnlyList<ColumnValue> Columns =>
    [
        .. root.EnumerateObject().Select(property => property.Value.ValueKind == JsonValueKind.String
            ? new ColumnValue(property.Name, StringValue(property.Value, property.Name))
            : new ColumnValue(property.Name, PythonJson.Shown(property.Value.GetRawText()), IsJson: true)),
    ];

    /// <summary>Parses an object. NaN and infinities, as Python writes them, are read past where nobody asks for them.</summary>
    /// <param name="place">Where it stands, for messages.</param>
    /// <exception cref="DataFileException">The text is not one JSON object, or names a property twice.</exception>
    public static JsonRecord Parse(DataPlace place, string text) => Parse(place, Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="Parse(DataPlace, string)"/>
    /// <param name="utf8">The object; the record reads from this memory as long as it lives.</param>
    public static JsonRecord Parse(DataPlace place, ReadOnlyMemory<byte> utf8)
    {
        JsonDocument document;
        try
        {
            document = PythonJson.ParseDocument(utf8, DocumentOptions);
        }
        catch (JsonException error)
        {
            // A property that is there twice comes without a place.
            string where = error.BytePositionInLine is { } at ? $" (at byte {at})." : $": {error.Message}";
            throw place.Wrong($"the line is not one JSON object{where}", error);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return new JsonRecord(document, document.RootElement, place);
        }

        using (document)
        {
            throw place.Wrong($"the line is {Kind(document.RootElement)}; an object was expected. A list of objects is read with "
                + $"{Setting.Of("data.format", "json")}.");
        }
    }

    /// <summary>Whether there is a property of that name.</summary>
    public bool Has(string name) => root.TryGetProperty(name, out _);

    /// <summary>Whether there is a property of that name that is not null.</summary>
    public bool HasValue(string name) => root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A property that is a string.</summary>
    /// <exception cref="DataFileException">There is none, or it is no text.</exception>
    public string Text(string name)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.String ? StringValue(value, name) : throw Wrong(name, value, "a string");
    }

    /// <summary>A property that is an object, its members in the file's order; they live as long as this record.</summary>
    /// <exception cref="DataFileException">There is none, or it is something else.</exception>
    public IReadOnlyDictionary<string, object?> Members(string name)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.Object
            ? value.EnumerateObject().ToDictionary(member => member.Name, object? (member) => member.Value)
            : throw Wrong(name, value, "an object");
    }

    /// <summary>Every property that is not null, with a value that outlives this record.</summary>
    /// <param name="names">Properties that are left out.</param>
    /// <remarks>
    /// A row's structs have all the members that any row's have, null where a row has none: in rows nulls are left out at every depth.
    /// </remarks>
    public Dictionary<string, object?> MembersBut(params ReadOnlySpan<string> names)
    {
        Dictionary<string, object?> members = [];
        foreach (JsonProperty member in root.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Null && !names.Contains(member.Name))
            {
                members.Add(member.Name, Kept(member.Value));
            }
        }

        return members;
    }

    /// <summary>A property that is an object, its members that are not null; they outlive this record.</summary>
    /// <exception cref="DataFileException">There is none, or it is something else.</exception>
    public Dictionary<string, object?> Object(string name)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.Object
            ? new JsonRecord(null, value, place, part).MembersBut()
            : throw Wrong(name, value, "an object");
    }

    /// <summary>A property that is an object, which lives as long as this one.</summary>
    /// <exception cref="DataFileException">There is none, or it is something else.</exception>
    public JsonRecord Part(string name)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.Object
            ? new JsonRecord(null, value, place, $"{part}'{name}': ")
            : throw Wrong(name, value, "an object");
    }

    /// <summary>
    /// A property that is a list, or a list written as JSON in a text; its items outlive this record. Null where it is absent, null or
    /// empty.
    /// </summary>
    /// <exception cref="DataFileException">It is something else.</exception>
    public IReadOnlyList<object?>? List(string name)
    {
        if (!HasContent(name))
        {
            return null;
        }

        JsonElement value = Property(name);
        if (value.ValueKind == JsonValueKind.Array)
        {
            return [.. value.EnumerateArray().Select(Kept)];
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            throw Wrong(name, value, "a list");
        }

        try
        {
            using JsonDocument written = JsonDocument.Parse(StringValue(value, name), DocumentOptions);
            return written.RootElement.ValueKind == JsonValueKind.Array
                ? [.. written.RootElement.EnumerateArray().Select(item => (object?)item.Clone())]
                : throw Wrong(name, written.RootElement, "a list");
        }
        catch (JsonException error)
        {
            throw place.Wrong($"{part}{Noun} '{name}' is a text that is not JSON; a list was expected.", error);
        }
    }

    /// <summary>A property that is a list of whole numbers.</summary>
    /// <exception cref="DataFileException">There is none, or it holds something else.</exception>
    public int[] Integers(string name) =>
    [
        .. Items(name, "a list of whole numbers").Select((item, index) =>
            item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number)
                ? number
                : throw Wrong($"{Noun} '{name}' has {PythonJson.Shown(item.GetRawText())} at place {index}; a whole number of 32 bits "
                    + "was expected.")),
    ];

    /// <summary>A property that is a list of strings.</summary>
    /// <exception cref="DataFileException">There is none, or it holds something else.</exception>
    public string[] Texts(string name) =>
    [
        .. Items(name, "a list of strings").Select((item, index) => item.ValueKind == JsonValueKind.String
            ? StringValue(item, name)
            : throw Wrong($"{Noun} '{name}' has {Kind(item)} at place {index}; a string was expected.")),
    ];

    /// <summary>A property that is a list of labels, each as <see cref="Label"/> has it.</summary>
    /// <exception cref="DataFileException">There is none, or it holds something else, or an empty label.</exception>
    public string[] Labels(string name) =>
    [
        .. Items(name, "a list of labels").Select((item, index) => LabelOf(item, name) is { Length: > 0 } label
            ? label
            : throw Wrong($"{Noun} '{name}' has {Kind(item)} at place {index} that is no label; a string or a finite number was "
                + "expected.")),
    ];

    /// <summary>A property that is a list of objects, which live as long as this one.</summary>
    /// <param name="itemName">What complaints call an object, with its number from 1 behind it.</param>
    /// <exception cref="DataFileException">There is none, or it holds something else.</exception>
    public IEnumerable<JsonRecord> Objects(string name, string itemName)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.Array
            ? value.EnumerateArray().Select((item, index) => item.ValueKind == JsonValueKind.Object
                ? new JsonRecord(null, item, place, $"{part}{itemName} {index + 1}: ")
                : throw Wrong($"{Noun} '{name}' has {Kind(item)} at place {index}; an object was expected."))
            : throw Wrong(name, value, "a list of objects");
    }

    /// <summary>A property that holds something: neither null nor an empty list, object or string.</summary>
    public bool HasContent(string name) => root.TryGetProperty(name, out JsonElement value) && value.ValueKind switch
    {
        JsonValueKind.Null => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        JsonValueKind.String => StringValue(value, name).Length > 0,
        _ => true,
    };

    /// <summary>Whether a property is a list.</summary>
    public bool IsList(string name) => root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array;

    /// <summary>A property that is true or false, or 1 or 0; null where it is something else or absent.</summary>
    public bool? Switch(string name) => !root.TryGetProperty(name, out JsonElement value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.GetDouble() switch { 1 => true, 0 => false, _ => null },
        _ => null,
    };

    /// <summary>
    /// A property that is a string, a number or a truth value, as a label is written, without white space around it; a number in its
    /// shortest form.
    /// </summary>
    /// <exception cref="DataFileException">There is none, or it is something else.</exception>
    public string Label(string name)
    {
        JsonElement value = Property(name);
        return LabelOf(value, name)
            ?? throw Wrong(name, value, value.ValueKind == JsonValueKind.Number ? "a string or a finite number" : "a string or a number");
    }

    private string? LabelOf(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.String => StringValue(value, name).Trim(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number when double.IsFinite(value.GetDouble()) => ClassLabel.Key(value.GetRawText()),
        _ => null,
    };

    private IEnumerable<JsonElement> Items(string name, string expected)
    {
        JsonElement value = Property(name);
        return value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : throw Wrong(name, value, expected);
    }

    /// <summary>A value that outlives this record.</summary>
    private object? Kept(JsonElement value) => place.Kind != PlaceKind.Row ? value.Clone() : value.ValueKind switch
    {
        JsonValueKind.Object => new JsonRecord(null, value, place, part).MembersBut(),
        JsonValueKind.Array => value.EnumerateArray().Select(Kept).ToList(),
        _ => value.Clone(),
    };

    private string Noun => place.Kind == PlaceKind.Row && part.Length == 0 ? "column" : "property";

    /// <summary>A complaint about this record.</summary>
    public DataFileException Wrong(string problem) => place.Wrong(part + problem);

    public void Dispose() => document?.Dispose();

    private JsonElement Property(string name) => root.TryGetProperty(name, out JsonElement value)
        ? value
        : throw place.Wrong(
            $"{part}the object has no property '{name}'; it has {(Keys.Count == 0 ? "none" : string.Join(", ", Keys))}.",
            column: part.Length == 0 ? name : null);

    private string StringValue(JsonElement value, string name)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw place.Wrong($"{part}{Noun} '{name}' holds an escape that is half of a surrogate pair; it is not text.", error);
        }
    }

    private DataFileException Wrong(string name, JsonElement value, string expected) =>
        Wrong($"{Noun} '{name}' is {Kind(value)}; {expected} was expected.");

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => double.IsFinite(value.GetDouble()) ? "a number" : PythonJson.Shown(value.GetRawText()),
        _ => $"the word {value.GetRawText()}",
    };
}

using System.Text.Json;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>One tensor as a header describes it; offsets in bytes from the start of the data section.</summary>
internal readonly record struct TensorEntry(string Name, SafetensorsType Type, long[] Shape, long Begin, long End);

/// <summary>
/// The JSON header of a safetensors file: an object of tensor entries (<c>dtype</c>, <c>shape</c>, <c>data_offsets</c>) and an optional
/// <c>__metadata__</c> of strings, or null. Parsing checks everything the format promises: the entries tile the data section without
/// overlap, gap or trailing bytes, and each byte range equals what the shape and type need.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The largest header Hugging Face's own reader accepts, in bytes.</summary>
    public const long MaxLength = 100_000_000;

    /// <summary>The bytes of the length field before the header.</summary>
    public const int LengthFieldBytes = 8;

    /// <summary>The key of the metadata object.</summary>
    public const string MetadataKey = "__metadata__";

    // Header object, tensor object, array.
    private const int MaxDepth = 3;

    private readonly string path;

    private SafetensorsHeader(string path)
    {
        this.path = path;
    }

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>The tensors by rising offset.</summary>
    public List<TensorEntry> Entries { get; } = [];

    /// <summary>
    /// Parses <paramref name="utf8"/>, the header of the file <paramref name="path"/> whose data section has <paramref name="dataBytes"/>
    /// bytes.
    /// </summary>
    public static SafetensorsHeader Parse(string path, ReadOnlyMemory<byte> utf8, long dataBytes)
    {
        SafetensorsHeader header = new(path);
        if (utf8.IsEmpty || utf8.Span[0] != (byte)'{' || !System.Text.Unicode.Utf8.IsValid(utf8.Span))
        {
            throw new ModelFileException(
                path, "the header is not a JSON object in UTF-8; this is not a safetensors file, or it is damaged.");
        }

        try
        {
            using JsonDocument document =
                JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MaxDepth });
            header.ReadEntries(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escaped name that is no text, such as half of a surrogate pair.
            throw new ModelFileException(path, $"the header is not the JSON of a safetensors file: {exception.Message}", exception);
        }

        header.CheckTiling(dataBytes);
        return header;
    }

    private void ReadEntries(JsonElement root)
    {
        foreach (JsonProperty property in root.EnumerateObject())
        {
            if (property.NameEquals(MetadataKey))
            {
                ReadMetadata(property.Value);
            }
            else
            {
                Entries.Add(ReadEntry(property.Name, property.Value));
            }
        }
    }

    private void ReadMetadata(JsonElement metadata)
    {
        // The format's own library takes null for none, and MLX writes it.
        if (metadata.ValueKind == JsonValueKind.Null)
        {
            return;
        }

        if (metadata.ValueKind != JsonValueKind.Object)
        {
            throw new ModelFileException(path, $"{MetadataKey} is {metadata.ValueKind}; an object of strings, or null, was expected.");
        }

        foreach (JsonProperty property in metadata.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
            {
                throw new ModelFileException(
                    path, $"{MetadataKey} '{property.Name}' is {property.Value.ValueKind}; a string was expected.");
            }

            Metadata.Add(property.Name, property.Value.GetString()!);
        }
    }

    private TensorEntry ReadEntry(string name, JsonElement entry)
    {
        if (entry.ValueKind != JsonValueKind.Object)
        {
            throw Bad(name, $"its entry is {entry.ValueKind}; an object with dtype, shape and data_offsets was expected.");
        }

        foreach (JsonProperty property in entry.EnumerateObject())
        {
            if (property.Name is not ("dtype" or "shape" or "data_offsets"))
            {
                throw Bad(name, $"its entry has the key '{property.Name}'; only dtype, shape and data_offsets belong there.");
            }
        }

        if (!entry.TryGetProperty("dtype", out JsonElement typeName) || typeName.ValueKind != JsonValueKind.String)
        {
            throw Bad(name, "its entry has no dtype string.");
        }

        if (!SafetensorsTypes.TryParse(typeName.GetString()!, out SafetensorsType type))
        {
            throw Bad(name, $"its dtype '{typeName.GetString()}' is unknown; known are {SafetensorsTypes.KnownNames}.");
        }

        long[] shape = ReadNumbers(name, entry, "shape");
        long[] offsets = ReadNumbers(name, entry, "data_offsets");
        if (offsets.Length != 2 || offsets[0] > offsets[1])
        {
            throw Bad(name, $"data_offsets is [{string.Join(", ", offsets)}]; a begin and an end that is not before it were expected.");
        }

        long expected = ByteLength(name, type, shape);
        if (offsets[1] - offsets[0] != expected)
        {
            throw Bad(
                name,
                $"shape [{string.Join(", ", shape)}] of {type.HeaderName()} needs {expected:N0} bytes, "
                    + $"but data_offsets span {offsets[1] - offsets[0]:N0}.");
        }

        return new TensorEntry(name, type, shape, offsets[0], offsets[1]);
    }

    private long[] ReadNumbers(string name, JsonElement entry, string key)
    {
        if (!entry.TryGetProperty(key, out JsonElement array) || array.ValueKind != JsonValueKind.Array)
        {
            throw Bad(name, $"its entry has no {key} array.");
        }

        long[] numbers = new long[array.GetArrayLength()];
        int count = 0;
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long number) || number < 0)
            {
                throw Bad(name, $"{key} holds {item.GetRawText()}; whole numbers from 0 to {long.MaxValue} were expected.");
            }

            numbers[count++] = number;
        }

        return numbers;
    }

    private long ByteLength(string name, SafetensorsType type, long[] shape)
    {
        try
        {
            long bits = type.Bits();
            foreach (long size in shape)
            {
                bits = checked(bits * size);
            }

            if (bits % 8 != 0)
            {
                throw Bad(name, $"shape [{string.Join(", ", shape)}] of {type.HeaderName()} does not fill whole bytes.");
            }

            return bits / 8;
        }
        catch (OverflowException exception)
        {
            throw new ModelFileException(
                path, $"tensor '{name}': shape [{string.Join(", ", shape)}] of {type.HeaderName()} needs more bytes than can be counted.",
                exception);
        }
    }

    private void CheckTiling(long dataBytes)
    {
        Entries.Sort((left, right) => left.Begin != right.Begin ? left.Begin.CompareTo(right.Begin) : left.End.CompareTo(right.End));
        long end = 0;
        string previous = "the header";
        foreach (TensorEntry entry in Entries)
        {
            if (entry.Begin < end)
            {
                throw Bad(entry.Name, $"its bytes start at {entry.Begin:N0} and overlap {previous}, which ends at {end:N0}.");
            }

            if (entry.Begin > end)
            {
                throw Bad(
                    entry.Name, $"its bytes start at {entry.Begin:N0}, but {previous} ends at {end:N0}: a gap the format does not allow.");
            }

            if (entry.End > dataBytes)
            {
                throw Bad(
                    entry.Name, $"its bytes end at {entry.End:N0}, but the file holds only {dataBytes:N0} bytes of data: it is cut short.");
            }

            end = entry.End;
            previous = $"tensor '{entry.Name}'";
        }

        if (end != dataBytes)
        {
            throw new ModelFileException(path, $"{dataBytes - end:N0} bytes after {previous} belong to no tensor.");
        }
    }

    private ModelFileException Bad(string name, string problem) => new(path, $"tensor '{name}': {problem}");
}

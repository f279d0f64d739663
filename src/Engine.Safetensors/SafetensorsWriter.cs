using System.Buffers;
using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>Fills <paramref name="destination"/> with a tensor's elements from <paramref name="firstElement"/> on (row by row).</summary>
public delegate void TensorFill<T>(long firstElement, Span<T> destination)
    where T : unmanaged;

/// <summary>The order of tensors in a written file.</summary>
public enum TensorOrder
{
    /// <summary>As Hugging Face's library writes them: wide types first, then by name; equal content gives equal files.</summary>
    TypeThenName,

    /// <summary>As they were added.</summary>
    AsAdded,
}

/// <summary>
/// Collects tensor declarations, then writes them as one safetensors file. Contents are asked for piece by piece while the file is written,
/// so that no tensor has to lie in host memory as a whole.
/// </summary>
public sealed class SafetensorsWriter(TensorOrder order = TensorOrder.TypeThenName)
{
    private const int PieceBytes = 1 << 20;

    // The data section starts at a multiple of this, so that mapped tensors are aligned.
    private const int Alignment = 8;

    private static readonly JsonWriterOptions HeaderOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<Declaration> declarations = [];
    private readonly HashSet<string> names = new(StringComparer.Ordinal);

    private delegate void Narrowing<T>(ReadOnlySpan<float> values, Span<T> destination);

    private delegate void ByteFill(long firstByte, Span<byte> destination);

    private sealed record Declaration(string Name, SafetensorsType Type, long[] Shape, long ByteLength, ByteFill Fill);

    /// <summary>Strings for <c>__metadata__</c>. Transformers refuses checkpoints without <c>format: pt</c>, so that is set.</summary>
    public IDictionary<string, string> Metadata { get; } =
        new SortedDictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt" };

    /// <summary>
    /// Adds a tensor whose elements are asked for when the file is written; <typeparamref name="T"/> gives the stored type.
    /// </summary>
    public SafetensorsWriter Add<T>(string name, ReadOnlySpan<long> shape, TensorFill<T> fill)
        where T : unmanaged => AddStored(SafetensorsTypes.Of<T>(), name, shape, fill);

    /// <summary>
    /// Adds a tensor of <paramref name="type"/> whose elements a type of the caller's own holds as they are stored, such as a bfloat16.
    /// </summary>
    public SafetensorsWriter AddStored<T>(SafetensorsType type, string name, ReadOnlySpan<long> shape, TensorFill<T> fill)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        return 8 * size == type.Bits()
            ? Declare(name, type, shape, (firstByte, destination) => fill(firstByte / size, MemoryMarshal.Cast<byte, T>(destination)))
            : throw new ArgumentException(
                $"tensor '{name}': {typeof(T).Name} has {8 * size} bits, and {type.HeaderName()} {type.Bits()}.", nameof(type));
    }

    /// <summary>Adds a tensor of any type, such as the packed ones, that lies in host memory as it is to be stored, row by row.</summary>
    /// <exception cref="ArgumentException">Type and shape need another number of bytes.</exception>
    public SafetensorsWriter AddStored(SafetensorsType type, string name, ReadOnlySpan<long> shape, ReadOnlyMemory<byte> stored)
    {
        Declare(name, type, shape, (firstByte, destination) => stored.Span.Slice((int)firstByte, destination.Length).CopyTo(destination));
        return declarations[^1].ByteLength == stored.Length
            ? this
            : throw new ArgumentException(
                $"tensor '{name}' of shape [{string.Join(", ", shape.ToArray())}] takes {declarations[^1].ByteLength:N0} bytes "
                    + $"as {type.HeaderName()}, but {stored.Length:N0} were given.", nameof(stored));
    }

    /// <summary>Adds a tensor that lies in host memory.</summary>
    public SafetensorsWriter Add<T>(string name, ReadOnlySpan<long> shape, ReadOnlyMemory<T> values)
        where T : unmanaged
    {
        Add<T>(name, shape, (firstElement, destination) => values.Span.Slice((int)firstElement, destination.Length).CopyTo(destination));
        long elements = declarations[^1].ByteLength / Unsafe.SizeOf<T>();
        return elements == values.Length
            ? this
            : throw new ArgumentException(
                $"tensor '{name}' of shape [{string.Join(", ", shape.ToArray())}] has {elements:N0} elements, but {values.Length:N0} "
                    + "values were given.", nameof(values));
    }

    /// <summary>Adds a tensor of an array.</summary>
    public SafetensorsWriter Add<T>(string name, ReadOnlySpan<long> shape, T[] values)
        where T : unmanaged => Add<T>(name, shape, values.AsMemory());

    /// <summary>Adds float32 numbers to be stored as <paramref name="type"/>: F32, F16 or BF16, rounded to nearest even.</summary>
    public SafetensorsWriter AddFloat32As(
        SafetensorsType type, string name, ReadOnlySpan<long> shape, TensorFill<float> fill) => type switch
        {
            SafetensorsType.Float32 => Add(name, shape, fill),
            SafetensorsType.Float16 =>
                Add<Half>(name, shape, (first, destination) => FillNarrow(first, destination, fill, TensorPrimitives.ConvertToHalf)),
            SafetensorsType.BFloat16 =>
                AddStored<ushort>(
                    type, name, shape, (first, destination) => FillNarrow(first, destination, fill, TensorConversion.NarrowBFloat16)),
            _ =>
                throw new ArgumentException(
                    $"tensor '{name}': float32 numbers can be stored as F32, F16 or BF16, not as {type.HeaderName()}.", nameof(type)),
        };

    /// <summary>Adds an unchanged copy of a tensor of an open file, under its own or another name.</summary>
    public SafetensorsWriter Copy(SafetensorsTensor tensor, string? name = null) => Declare(
        name ?? tensor.Name,
        tensor.Type,
        tensor.Shape.ToArray(),
        (firstByte, destination) => tensor.Bytes(firstByte, destination.Length).CopyTo(destination));

    /// <summary>
    /// Writes the file under a temporary name, flushes it to the disk and renames it to <paramref name="path"/>.
    /// </summary>
    /// <exception cref="IOException">The file could not be written, for instance because the disk is full; an earlier file is
    /// unchanged.</exception>
    public void Write(string path)
    {
        Declaration[] tensors = order == TensorOrder.AsAdded
            ? [.. declarations]
            : [.. declarations.OrderByDescending(tensor => tensor.Type).ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        AtomicFile.Write(path, stream =>
        {
            stream.Write(Header(tensors));
            byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
            try
            {
                foreach (Declaration tensor in tensors)
                {
                    WriteTensor(stream, tensor, piece.AsSpan(0, PieceBytes));
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(piece);
            }
        });
    }

    private static byte[] LengthField(int length)
    {
        byte[] field = new byte[SafetensorsHeader.LengthFieldBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(field, (ulong)length);
        return field;
    }

    private static void WriteTensor(Stream stream, Declaration tensor, Span<byte> piece)
    {
        for (long done = 0; done < tensor.ByteLength;)
        {
            int count = (int)Math.Min(piece.Length, tensor.ByteLength - done);
            tensor.Fill(done, piece[..count]);
            stream.Write(piece[..count]);
            done += count;
        }
    }

    private static void FillNarrow<T>(long first, Span<T> destination, TensorFill<float> fill, Narrowing<T> narrow)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(destination.Length);
        Span<float> values = rented.AsSpan(0, destination.Length);
        fill(first, values);
        narrow(values, destination);
        ArrayPool<float>.Shared.Return(rented);
    }

    private SafetensorsWriter Declare(string name, SafetensorsType type, ReadOnlySpan<long> shape, ByteFill fill)
    {
        if (name == SafetensorsHeader.MetadataKey)
        {
            throw new ArgumentException($"'{name}' is reserved by the format and cannot name a tensor.", nameof(name));
        }

        long bits = type.Bits();
        foreach (long size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            bits = checked(bits * size);
        }

        if (bits % 8 != 0)
        {
            throw new ArgumentException(
                $"tensor '{name}': shape [{string.Join(", ", shape.ToArray())}] of {type.HeaderName()} does not fill whole bytes.",
                nameof(shape));
        }

        if (!names.Add(name))
        {
            throw new ArgumentException($"a tensor '{name}' was already added.", nameof(name));
        }

        declarations.Add(new Declaration(name, type, shape.ToArray(), bits / 8, fill));
        return this;
    }

    private byte[] Header(Declaration[] tensors)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, HeaderOptions))
        {
            json.WriteStartObject();
            if (Metadata.Count > 0)
            {
                json.WriteStartObject(SafetensorsHeader.MetadataKey);
                foreach ((string key, string value) in Metadata)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            long offset = 0;
            foreach (Declaration tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.HeaderName());
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, offset + tensor.ByteLength]);
                json.WriteEndObject();
                offset += tensor.ByteLength;
            }

            json.WriteEndObject();
        }

        int padding = (Alignment - (buffer.WrittenCount % Alignment)) % Alignment;
        buffer.GetSpan(padding)[..padding].Fill((byte)' ');
        buffer.Advance(padding);
        return [.. LengthField(buffer.WrittenCount), .. buffer.WrittenSpan];
    }

    private static void WriteNumbers(Utf8JsonWriter json, string key, long[] numbers)
    {
        json.WriteStartArray(key);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}

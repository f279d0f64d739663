using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>
/// One tensor of an open <see cref="SafetensorsFile"/>. Nothing is read from the disk until one of the reading methods is called; they copy
/// straight from the mapped file into the caller's memory. Usable until the file is disposed.
/// </summary>
public sealed class SafetensorsTensor
{
    // A multiple of every element size, small enough for a span of bytes.
    private const int PieceElements = 1 << 24;

    private readonly SafetensorsFile file;
    private readonly long offset;

    internal SafetensorsTensor(SafetensorsFile file, TensorEntry entry, long dataStart)
    {
        this.file = file;
        offset = dataStart + entry.Begin;
        Name = entry.Name;
        Type = entry.Type;
        Shape = Array.AsReadOnly(entry.Shape);
        ByteLength = entry.End - entry.Begin;
        ElementCount = entry.Shape.Aggregate(1L, (product, size) => product * size);
    }

    /// <summary>The key in the file's header.</summary>
    public string Name { get; }

    /// <summary>The stored element type.</summary>
    public SafetensorsType Type { get; }

    /// <summary>The sizes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The product of the sizes.</summary>
    public long ElementCount { get; }

    /// <summary>The stored size in bytes.</summary>
    public long ByteLength { get; }

    /// <summary>The file that holds the tensor.</summary>
    public string FilePath => file.FilePath;

    /// <summary>A view of the stored bytes, without a copy. It must not be used after the file is disposed.</summary>
    public ReadOnlySpan<byte> Bytes(long firstByte, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstByte);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstByte, ByteLength - count);
        return file.Bytes(offset + firstByte, count);
    }

    /// <summary>Copies elements from <paramref name="firstElement"/> on as they are stored.</summary>
    /// <exception cref="ModelFileException">The tensor does not store <typeparamref name="T"/>.</exception>
    public void Read<T>(Span<T> destination, long firstElement = 0)
        where T : unmanaged
    {
        if (SafetensorsTypes.Of<T>() != Type)
        {
            throw Bad($"it holds {Type.HeaderName()}; {SafetensorsTypes.Of<T>().HeaderName()} was expected.");
        }

        ReadStored(destination, firstElement);
        if (typeof(T) == typeof(bool) && MemoryMarshal.AsBytes(destination).ContainsAnyExceptInRange((byte)0, (byte)1))
        {
            throw Bad("it is BOOL but holds bytes other than 0 and 1.");
        }
    }

    /// <summary>Copies elements as they are stored into a type of the caller's own, such as a bfloat16.</summary>
    /// <exception cref="ModelFileException">An element of <typeparamref name="T"/> has another size than a stored one.</exception>
    public void ReadStored<T>(Span<T> destination, long firstElement = 0)
        where T : unmanaged
    {
        if (8 * Unsafe.SizeOf<T>() != Type.Bits())
        {
            throw Bad($"it holds {Type.HeaderName()} of {Type.Bits()} bits, and {typeof(T).Name} has {8 * Unsafe.SizeOf<T>()}.");
        }

        ReadPieces(destination, firstElement, (bytes, piece) => bytes.CopyTo(MemoryMarshal.AsBytes(piece)));
    }

    /// <summary>
    /// Reads elements as float32: exact from narrower types and float32, rounded to nearest from float64 and wide integers. Of two F4
    /// elements in a byte the first is in the lower bits, as PyTorch has them.
    /// </summary>
    /// <exception cref="ModelFileException">The type holds no real numbers (complex), or no one has laid down where in its bytes they are
    /// (6-bit types).</exception>
    public void ReadFloat32(Span<float> destination, long firstElement = 0)
    {
        RequireReal();
        if (Type == SafetensorsType.Float4)
        {
            ReadFloat4(destination, firstElement);
            return;
        }

        ReadPieces(destination, firstElement, (bytes, piece) => TensorConversion.ToFloat32(Type, bytes, piece));
    }

    /// <summary>Reads elements as float64: exact from every type but 64-bit integers, which round to nearest.</summary>
    /// <inheritdoc cref="ReadFloat32" path="/exception"/>
    public void ReadFloat64(Span<double> destination, long firstElement = 0)
    {
        RequireReal();
        if (Type == SafetensorsType.Float4)
        {
            float[] values = new float[destination.Length];
            ReadFloat4(values, firstElement);
            for (int i = 0; i < values.Length; i++)
            {
                destination[i] = values[i];
            }

            return;
        }

        ReadPieces(destination, firstElement, (bytes, piece) => TensorConversion.ToFloat64(Type, bytes, piece));
    }

    /// <summary>Reads whole numbers (any integer type, or BOOL as 0 and 1) as 32-bit integers.</summary>
    /// <exception cref="ModelFileException">The tensor holds no whole numbers, or one that does not fit.</exception>
    public void ReadInt32(Span<int> destination, long firstElement = 0) => ReadWhole(destination, firstElement);

    /// <summary>Reads whole numbers (any integer type, or BOOL as 0 and 1) as 64-bit integers.</summary>
    /// <exception cref="ModelFileException">The tensor holds no whole numbers, or one that does not fit.</exception>
    public void ReadInt64(Span<long> destination, long firstElement = 0) => ReadWhole(destination, firstElement);

    /// <summary>All elements as <see cref="ReadFloat32"/> reads them, row by row.</summary>
    public float[] ToFloat32()
    {
        float[] values = Allocate<float>();
        ReadFloat32(values);
        return values;
    }

    /// <summary>All elements as <see cref="ReadFloat64"/> reads them, row by row.</summary>
    public double[] ToFloat64()
    {
        double[] values = Allocate<double>();
        ReadFloat64(values);
        return values;
    }

    /// <summary>All elements as <see cref="ReadInt32"/> reads them, row by row.</summary>
    public int[] ToInt32()
    {
        int[] values = Allocate<int>();
        ReadInt32(values);
        return values;
    }

    /// <summary>All elements as <see cref="ReadInt64"/> reads them, row by row.</summary>
    public long[] ToInt64()
    {
        long[] values = Allocate<long>();
        ReadInt64(values);
        return values;
    }

    /// <summary>Checks the shape and returns the tensor itself.</summary>
    /// <exception cref="ModelFileException">The shape differs; the message has both.</exception>
    public SafetensorsTensor RequireShape(params ReadOnlySpan<long> expected)
    {
        bool equal = Shape.Count == expected.Length;
        for (int i = 0; equal && i < expected.Length; i++)
        {
            equal = Shape[i] == expected[i];
        }

        return equal ? this : throw Bad($"its shape is {ShapeText}; [{string.Join(", ", expected.ToArray())}] was expected.");
    }

    /// <summary>Name, type and shape.</summary>
    public override string ToString() => $"{Name} {Type.HeaderName()} {ShapeText}";

    private string ShapeText => $"[{string.Join(", ", Shape)}]";

    private delegate void PieceReader<T>(ReadOnlySpan<byte> bytes, Span<T> piece);

    private void ReadFloat4(Span<float> destination, long firstElement)
    {
        CheckRange(firstElement, destination.Length);
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(PieceElements, destination.Length - done);
            long first = firstElement + done, firstByte = first / 2;
            ReadOnlySpan<byte> bytes = Bytes(firstByte, (int)(((first + count + 1) / 2) - firstByte));
            TensorConversion.Float4ToFloat32(bytes, skipsFirst: first % 2 == 1, destination.Slice(done, count));
            done += count;
        }
    }

    private void CheckRange(long firstElement, int count)
    {
        if (firstElement < 0 || firstElement > ElementCount - count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(firstElement),
                $"tensor '{Name}' has {ElementCount:N0} elements; {count:N0} from {firstElement:N0} on do not lie in it.");
        }
    }

    private void ReadPieces<T>(Span<T> destination, long firstElement, PieceReader<T> read)
    {
        CheckRange(firstElement, destination.Length);
        int size = Type.Bits() / 8;
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(PieceElements, destination.Length - done);
            read(Bytes((firstElement + done) * size, count * size), destination.Slice(done, count));
            done += count;
        }
    }

    private void ReadWhole<T>(Span<T> destination, long firstElement)
        where T : unmanaged, System.Numerics.INumberBase<T>
    {
        if (!TensorConversion.IsWhole(Type))
        {
            throw Bad($"it holds {Type.HeaderName()}; an integer type was expected.");
        }

        try
        {
            ReadPieces(destination, firstElement, (bytes, piece) => TensorConversion.FromWhole(Type, bytes, piece));
        }
        catch (OverflowException exception)
        {
            throw new ModelFileException(FilePath, $"tensor '{Name}': it holds a number that does not fit {typeof(T).Name}.", exception);
        }
    }

    private void RequireReal()
    {
        if (!TensorConversion.IsReal(Type))
        {
            throw Bad($"elements of type {Type.HeaderName()} cannot be read as numbers; only its bytes can.");
        }
    }

    private T[] Allocate<T>() => ElementCount <= Array.MaxLength
        ? GC.AllocateUninitializedArray<T>((int)ElementCount)
        : throw Bad($"its {ElementCount:N0} elements do not fit one array; read it in pieces.");

    private ModelFileException Bad(string problem) => new(FilePath, $"tensor '{Name}': {problem}");
}

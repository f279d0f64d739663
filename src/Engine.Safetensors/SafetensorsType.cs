namespace Engine.Safetensors;

/// <summary>
/// The element types of the safetensors format, in the order in which Hugging Face's library ranks them
/// (it writes tensors with the last types of this list first, so that each is aligned).
/// </summary>
public enum SafetensorsType
{
    /// <summary><c>BOOL</c>: a byte, 0 or 1.</summary>
    Bool,

    /// <summary><c>F4</c>: OCP's E2M1 (Microscaling Formats 1.0), two a byte.</summary>
    Float4,

    /// <summary><c>F6_E2M3</c>: OCP's 6-bit format with 2 exponent bits, four in three bytes.</summary>
    Float6E2M3,

    /// <summary><c>F6_E3M2</c>: OCP's 6-bit format with 3 exponent bits, four in three bytes.</summary>
    Float6E3M2,

    /// <summary><c>U8</c>.</summary>
    UInt8,

    /// <summary><c>I8</c>.</summary>
    Int8,

    /// <summary><c>F8_E5M2</c>: OCP's 8-bit format with 5 exponent bits (OFP8 1.0): infinities and NaN as in IEEE 754.</summary>
    Float8E5M2,

    /// <summary><c>F8_E4M3</c>: OCP's 8-bit format with 4 exponent bits (OFP8 1.0): no infinities.</summary>
    Float8E4M3,

    /// <summary><c>F8_E8M0</c>: OCP's scale, a power of two from 2^-127 to 2^127, or NaN.</summary>
    Float8E8M0,

    /// <summary><c>I16</c>.</summary>
    Int16,

    /// <summary><c>U16</c>.</summary>
    UInt16,

    /// <summary><c>F16</c>: IEEE 754's binary16.</summary>
    Float16,

    /// <summary><c>BF16</c>: the upper half of a float32.</summary>
    BFloat16,

    /// <summary><c>I32</c>.</summary>
    Int32,

    /// <summary><c>U32</c>.</summary>
    UInt32,

    /// <summary><c>F32</c>.</summary>
    Float32,

    /// <summary><c>C64</c>: two float32, the real part and the imaginary one.</summary>
    Complex64,

    /// <summary><c>F64</c>.</summary>
    Float64,

    /// <summary><c>I64</c>.</summary>
    Int64,

    /// <summary><c>U64</c>.</summary>
    UInt64,
}

/// <summary>Names and sizes of <see cref="SafetensorsType"/>.</summary>
public static class SafetensorsTypes
{
    private static readonly (SafetensorsType Type, string Name, int Bits)[] Table =
    [
        (SafetensorsType.Bool, "BOOL", 8),
        (SafetensorsType.Float4, "F4", 4),
        (SafetensorsType.Float6E2M3, "F6_E2M3", 6),
        (SafetensorsType.Float6E3M2, "F6_E3M2", 6),
        (SafetensorsType.UInt8, "U8", 8),
        (SafetensorsType.Int8, "I8", 8),
        (SafetensorsType.Float8E5M2, "F8_E5M2", 8),
        (SafetensorsType.Float8E4M3, "F8_E4M3", 8),
        (SafetensorsType.Float8E8M0, "F8_E8M0", 8),
        (SafetensorsType.Int16, "I16", 16),
        (SafetensorsType.UInt16, "U16", 16),
        (SafetensorsType.Float16, "F16", 16),
        (SafetensorsType.BFloat16, "BF16", 16),
        (SafetensorsType.Int32, "I32", 32),
        (SafetensorsType.UInt32, "U32", 32),
        (SafetensorsType.Float32, "F32", 32),
        (SafetensorsType.Complex64, "C64", 64),
        (SafetensorsType.Float64, "F64", 64),
        (SafetensorsType.Int64, "I64", 64),
        (SafetensorsType.UInt64, "U64", 64),
    ];

    private static readonly Dictionary<string, SafetensorsType> ByName =
        Table.ToDictionary(row => row.Name, row => row.Type, StringComparer.Ordinal);

    /// <summary>All names of the format, separated by commas, for error messages.</summary>
    internal static string KnownNames { get; } = string.Join(", ", Table.Select(row => row.Name));

    /// <summary>The name in a file's header, such as <c>F32</c>.</summary>
    public static string HeaderName(this SafetensorsType type) => Table[(int)type].Name;

    /// <summary>The size of one element in bits; 4 and 6 for the packed types.</summary>
    public static int Bits(this SafetensorsType type) => Table[(int)type].Bits;

    /// <summary>Whether the elements are real numbers with a fraction.</summary>
    public static bool IsFloatingPoint(this SafetensorsType type) => type
        is SafetensorsType.Float16 or SafetensorsType.BFloat16 or SafetensorsType.Float32 or SafetensorsType.Float64
        or SafetensorsType.Float8E4M3 or SafetensorsType.Float8E5M2 or SafetensorsType.Float8E8M0
        or SafetensorsType.Float4 or SafetensorsType.Float6E2M3 or SafetensorsType.Float6E3M2;

    /// <summary>Finds the type of a header's name.</summary>
    public static bool TryParse(string headerName, out SafetensorsType type) => ByName.TryGetValue(headerName, out type);

    /// <summary>The type that stores <typeparamref name="T"/> as it lies in memory.</summary>
    public static SafetensorsType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) { return SafetensorsType.Float32; }
        if (typeof(T) == typeof(Half)) { return SafetensorsType.Float16; }
        if (typeof(T) == typeof(double)) { return SafetensorsType.Float64; }
        if (typeof(T) == typeof(bool)) { return SafetensorsType.Bool; }
        if (typeof(T) == typeof(sbyte)) { return SafetensorsType.Int8; }
        if (typeof(T) == typeof(byte)) { return SafetensorsType.UInt8; }
        if (typeof(T) == typeof(short)) { return SafetensorsType.Int16; }
        if (typeof(T) == typeof(ushort)) { return SafetensorsType.UInt16; }
        if (typeof(T) == typeof(int)) { return SafetensorsType.Int32; }
        if (typeof(T) == typeof(uint)) { return SafetensorsType.UInt32; }
        if (typeof(T) == typeof(long)) { return SafetensorsType.Int64; }
        if (typeof(T) == typeof(ulong)) { return SafetensorsType.UInt64; }
        throw new ArgumentException($"{typeof(T).Name} has no safetensors type; use float, Half, double, bool or an integer type.");
    }
}

namespace Engine.Safetensors;

/// <summary>
/// The element types of the safetensors format, in the order in which Hugging Face's library ranks them
/// (it writes tensors with the last types of this list first, so that each is aligned).
/// </summary>
public enum SafetensorsType
{
    Bool,
    Float4,
    Float6E2M3,
    Float6E3M2,
    UInt8,
    Int8,
    Float8E5M2,
    Float8E4M3,
    Float8E8M0,
    Int16,
    UInt16,
    Float16,
    BFloat16,
    Int32,
    UInt32,
    Float32,
    Complex64,
    Float64,
    Int64,
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

    private static readonly Dictionary<string, SafetensorsType> ByName = Table.ToDictionary(row => row.Name, row => row.Type, StringComparer.Ordinal);

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

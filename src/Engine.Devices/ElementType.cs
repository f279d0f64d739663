namespace Engine.Devices;

/// <summary>The storage type of a buffer's elements.</summary>
public enum ElementType
{
    /// <summary><c>float</c>.</summary>
    Float32,

    /// <summary><see cref="System.Half"/>.</summary>
    Float16,

    /// <summary><see cref="Kernels.BFloat16"/>.</summary>
    BFloat16,

    /// <summary><c>double</c>.</summary>
    Float64,

    /// <summary><c>sbyte</c>.</summary>
    Int8,

    /// <summary><c>byte</c>.</summary>
    UInt8,

    /// <summary><c>short</c>.</summary>
    Int16,

    /// <summary><c>ushort</c>.</summary>
    UInt16,

    /// <summary><c>int</c>.</summary>
    Int32,

    /// <summary><c>uint</c>.</summary>
    UInt32,

    /// <summary><c>long</c>.</summary>
    Int64,

    /// <summary><c>ulong</c>.</summary>
    UInt64,
}

/// <summary>Sizes and names of element types.</summary>
public static class ElementTypes
{
    /// <summary>The size of one element in bytes.</summary>
    public static int SizeInBytes(this ElementType type) => type switch
    {
        ElementType.Int8 or ElementType.UInt8 => 1,
        ElementType.Float16 or ElementType.BFloat16 or ElementType.Int16 or ElementType.UInt16 => 2,
        ElementType.Float32 or ElementType.Int32 or ElementType.UInt32 => 4,
        ElementType.Float64 or ElementType.Int64 or ElementType.UInt64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };

    /// <summary>The element type that stores <typeparamref name="T"/>.</summary>
    public static ElementType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) { return ElementType.Float32; }
        if (typeof(T) == typeof(Half)) { return ElementType.Float16; }
        if (typeof(T) == typeof(Kernels.BFloat16)) { return ElementType.BFloat16; }
        if (typeof(T) == typeof(double)) { return ElementType.Float64; }
        if (typeof(T) == typeof(sbyte)) { return ElementType.Int8; }
        if (typeof(T) == typeof(byte)) { return ElementType.UInt8; }
        if (typeof(T) == typeof(short)) { return ElementType.Int16; }
        if (typeof(T) == typeof(ushort)) { return ElementType.UInt16; }
        if (typeof(T) == typeof(int)) { return ElementType.Int32; }
        if (typeof(T) == typeof(uint)) { return ElementType.UInt32; }
        if (typeof(T) == typeof(long)) { return ElementType.Int64; }
        if (typeof(T) == typeof(ulong)) { return ElementType.UInt64; }
        throw new ArgumentException($"{typeof(T).Name} is not a storage type; use float, Half, BFloat16, double or an integer type.");
    }
}

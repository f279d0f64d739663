using System.Collections.Immutable;

namespace Engine.Devices;

/// <summary>What a kernel's parameter is.</summary>
public enum KernelParameterKind
{
    /// <summary>An <c>ArrayView</c>: pointer, element offset and length.</summary>
    View,

    /// <summary>A scalar passed at launch.</summary>
    Scalar,

    /// <summary>A compile-time constant of the variant (<c>[Specialize]</c>).</summary>
    Specialized,
}

/// <summary>One parameter of a kernel, in the order of its C# declaration.</summary>
/// <param name="Name">The C# name.</param>
/// <param name="Kind">View, scalar or compile-time constant.</param>
/// <param name="Type">The element type; null where it is the type parameter of that name.</param>
/// <param name="TypeParameter">The type parameter that is the element type, or null.</param>
/// <param name="Most">The largest value of a compile-time constant, where the kernel declares one.</param>
public sealed record KernelParameter(string Name, KernelParameterKind Kind, ElementType? Type, string? TypeParameter, int? Most = null);

/// <summary>Storage types and constants that a kernel is compiled with.</summary>
/// <param name="Types">The storage type of each type parameter.</param>
/// <param name="Constants">The value of each <c>[Specialize]</c> parameter (booleans as 0 and 1).</param>
internal sealed record KernelVariant(ImmutableArray<ElementType> Types, ImmutableArray<long> Constants)
{
    public override string ToString() => $"<{string.Join(", ", Types)}>({string.Join(", ", Constants)})";
}

/// <summary>A C# kernel as the generator printed it.</summary>
/// <param name="Name">Unique name, <c>Class_Method</c>; also the entry point's name in the text that ILGPU makes.</param>
/// <param name="Location">C# file and line of the kernel, for errors.</param>
/// <param name="TypeParameters">Names of the generic storage types.</param>
/// <param name="Parameters">The parameters.</param>
/// <param name="DeviceCode">The class whose static method <c>Run</c> ILGPU compiles: the kernel's parameters with 16-bit floats as
/// <c>ushort</c>, and behind each type parameter its <see cref="Kernels.IStorage{T}"/>.</param>
public sealed record KernelDefinition(
    string Name,
    string Location,
    ImmutableArray<string> TypeParameters,
    ImmutableArray<KernelParameter> Parameters,
    Type DeviceCode)
{
    /// <summary>
    /// Whether the kernel multiplies tiles: its groups are whole teams of <see cref="Kernels.Tile.TeamItems"/> work-items.
    /// </summary>
    public bool UsesTiles { get; init; }

    /// <summary>The type parameters that tiles are made of: Float16 or BFloat16 in every call.</summary>
    public ImmutableArray<string> TileTypes { get; init; } = [];

    /// <summary>Whether items of a warp exchange values, which ILGPU's OpenCL lacks.</summary>
    public bool UsesShuffles { get; init; }

    /// <summary>
    /// Variants to look at or to try a compiler with: storage types of 32 and 16 bits, constants small and large, booleans off and on.
    /// </summary>
    internal IEnumerable<KernelVariant> SampleVariants()
    {
        KernelParameter[] specialized = [.. Parameters.Where(p => p.Kind == KernelParameterKind.Specialized)];
        ElementType[] storages = TypeParameters.IsEmpty
            ? [ElementType.Float32]
            : TileTypes.IsEmpty ? [ElementType.Float32, ElementType.BFloat16] : [ElementType.BFloat16];
        bool[] sizes = specialized.Length == 0 ? [true] : [true, false];
        return from large in sizes
               from storage in storages
               select new KernelVariant(
                   [.. TypeParameters.Select(_ => storage)], [.. specialized.Select(parameter => Sample(parameter, large))]);
    }

    private static long Sample(KernelParameter parameter, bool large) =>
        parameter.Type == ElementType.UInt8 ? (large ? 1 : 0) : large ? Math.Min(64, parameter.Most ?? 32) : 1;
}

/// <summary>One argument of a kernel call: a window of a buffer, or a scalar's bits.</summary>
public readonly struct KernelArgument
{
    private KernelArgument(KernelParameterKind kind, DeviceBuffer? buffer, long byteOffset, long length, ulong bits)
    {
        Kind = kind;
        Buffer = buffer;
        ByteOffset = byteOffset;
        Length = length;
        Bits = bits;
    }

    /// <summary>View or scalar.</summary>
    public KernelParameterKind Kind { get; }

    /// <summary>The buffer of a view; null for a scalar and for an empty view without a buffer.</summary>
    public DeviceBuffer? Buffer { get; }

    /// <summary>Start of the view in bytes.</summary>
    public long ByteOffset { get; }

    /// <summary>Elements of the view.</summary>
    public long Length { get; }

    /// <summary>The scalar's bits, low bytes first.</summary>
    public ulong Bits { get; }

    /// <summary>A view. <c>default</c>, for an operand that is absent, reaches the kernel as a null pointer of length 0.</summary>
    public static KernelArgument View<T>(BufferView<T> view)
        where T : unmanaged => new(KernelParameterKind.View, view.Buffer, view.ByteOffset, view.Length, 0);

    /// <summary>A scalar of up to eight bytes.</summary>
    public static unsafe KernelArgument Scalar<T>(T value)
        where T : unmanaged
    {
        if (sizeof(T) > sizeof(ulong))
        {
            throw new ArgumentException(
                $"{typeof(T).Name} has {sizeof(T)} bytes; a kernel's scalar has at most {sizeof(ulong)}.", nameof(value));
        }

        ulong bits = 0;
        *(T*)&bits = value;
        return new KernelArgument(KernelParameterKind.Scalar, null, 0, 0, bits);
    }
}

/// <summary>
/// A kernel with chosen storage types, constants and arguments. The generator derives one class per kernel from it,
/// whose <see cref="RunGroup"/> is the managed executor's work-group function.
/// </summary>
public abstract class KernelCall
{
    /// <summary>The kernel that is called.</summary>
    public abstract KernelDefinition Definition { get; }

    /// <summary>The storage type of each type parameter.</summary>
    public ImmutableArray<ElementType> Types { get; init; } = [];

    /// <summary>The value of each <c>[Specialize]</c> parameter, in declaration order (booleans as 0 and 1).</summary>
    public ImmutableArray<long> Constants { get; init; } = [];

    /// <summary>What the kernel is compiled with.</summary>
    internal KernelVariant Variant => new(Types, Constants);

    /// <summary>The other parameters' values, in declaration order.</summary>
    public ImmutableArray<KernelArgument> Arguments { get; init; } = [];

    /// <summary>Groups and items of the launch.</summary>
    public LaunchShape Shape { get; init; }

    /// <summary>Runs one work-group on the calling thread. Called only for buffers of a cpu device.</summary>
    public abstract void RunGroup(int groupX, int groupY, int groupZ);
}

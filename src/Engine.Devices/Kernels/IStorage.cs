using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>What a storage type is to code that handles its elements' bits.</summary>
public interface IStorage
{
    /// <summary>Whether matrix units are to take 16-bit elements for bfloat16, not for float16.</summary>
    static abstract bool IsBFloat16 { get; }
}

/// <summary>
/// A float storage type as device code sees it: a type argument beside the elements' own type, through which <see cref="Storage.Load{T}"/>
/// and <c>Storage.Store</c> are resolved. 16-bit floats are held as their bits and converted by integer arithmetic
/// (<see cref="StorageBits"/>), since not every device has instructions for it.
/// </summary>
/// <typeparam name="T">What a buffer's elements are on a device.</typeparam>
public interface IStorage<T> : IStorage
    where T : unmanaged
{
    /// <summary>The number that is stored, exact.</summary>
    static abstract float Load(T stored);

    /// <summary>What a number is stored as: rounded to nearest, ties to even.</summary>
    static abstract T Store(float value);
}

/// <summary>float.</summary>
public readonly struct Float32Storage : IStorage<float>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => false;

    /// <inheritdoc/>
    public static float Load(float stored) => stored;

    /// <inheritdoc/>
    public static float Store(float value) => value;
}

/// <summary>The bits of a <see cref="BFloat16"/>.</summary>
public readonly struct BFloat16Storage : IStorage<ushort>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => true;

    /// <inheritdoc/>
    public static float Load(ushort stored) => Interop.IntAsFloat((uint)stored << 16);

    /// <inheritdoc/>
    [IntrinsicImplementation]
    public static ushort Store(float value) => StorageBits.ToBFloat16(value);
}

/// <summary>The bits of a <see cref="System.Half"/>.</summary>
public readonly struct Float16Storage : IStorage<ushort>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => false;

    /// <inheritdoc/>
    [IntrinsicImplementation]
    public static float Load(ushort stored) => StorageBits.FromFloat16(stored);

    /// <inheritdoc/>
    [IntrinsicImplementation]
    public static ushort Store(float value) => StorageBits.ToFloat16(value);
}

/// <summary>sbyte; stores saturate, and take NaN as 0.</summary>
public readonly struct Int8Storage : IStorage<sbyte>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => false;

    /// <inheritdoc/>
    public static float Load(sbyte stored) => stored;

    /// <inheritdoc/>
    public static sbyte Store(float value) => (sbyte)(int)KernelMath.RoundClamped(value, -128f, 127f);
}

/// <summary>byte; stores saturate, and take NaN as 0.</summary>
public readonly struct UInt8Storage : IStorage<byte>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => false;

    /// <inheritdoc/>
    public static float Load(byte stored) => stored;

    /// <inheritdoc/>
    public static byte Store(float value) => (byte)(int)KernelMath.RoundClamped(value, 0f, 255f);
}

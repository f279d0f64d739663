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
/// A float storage type as device code sees it: a type argument beside the elements' own type, through which <see cref="Storage.Load{T}"/> and <c>Storage.Store</c> are resolved.
/// 16-bit floats are held as their bits and converted by integer arithmetic (<see cref="StorageBits"/>), since not every device has
/// instructions for it.
/// </summary>
/// <typeparam name="T">What a buffer's elements are on a device.</typeparam>
public interface IStorage<T> : IStorage
    where T : unmanaged
{
    static abstract float Load(T stored);

    static abstract T Store(float value);
}

/// <summary>float.</summary>
public readonly struct Float32Storage : IStorage<float>
{
    public static bool IsBFloat16 => false;

    public static float Load(float stored) => stored;

    public static float Store(float value) => value;
}

/// <summary>The bits of a <see cref="BFloat16"/>.</summary>
public readonly struct BFloat16Storage : IStorage<ushort>
{
    public static bool IsBFloat16 => true;

    public static float Load(ushort stored) => Interop.IntAsFloat((uint)stored << 16);

    [IntrinsicImplementation]
    public static ushort Store(float value) => StorageBits.ToBFloat16(value);
}

/// <summary>The bits of a <see cref="System.Half"/>.</summary>
public readonly struct Float16Storage : IStorage<ushort>
{
    public static bool IsBFloat16 => false;

    [IntrinsicImplementation]
    public static float Load(ushort stored) => StorageBits.FromFloat16(stored);

    [IntrinsicImplementation]
    public static ushort Store(float value) => StorageBits.ToFloat16(value);
}

/// <summary>sbyte; stores saturate, and take NaN as 0.</summary>
public readonly struct Int8Storage : IStorage<sbyte>
{
    public static bool IsBFloat16 => false;

    public static float Load(sbyte stored) => stored;

    public static sbyte Store(float value) => (sbyte)(int)KernelMath.RoundClamped(value, -128f, 127f);
}

/// <summary>byte; stores saturate, and take NaN as 0.</summary>
public readonly struct UInt8Storage : IStorage<byte>
{
    public static bool IsBFloat16 => false;

    public static float Load(byte stored) => stored;

    public static byte Store(float value) => (byte)(int)KernelMath.RoundClamped(value, 0f, 255f);
}

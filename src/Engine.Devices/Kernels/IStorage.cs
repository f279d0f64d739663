using System.Runtime.CompilerServices;
using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary>What a storage type is to code that handles its elements' bits.</summary>
public interface IStorage
{
    /// <summary>Whether matrix units are to take 16-bit elements for bfloat16, not for float16.</summary>
    static abstract bool IsBFloat16 { get; }
}

/// <summary>
/// A float storage type as device code sees it: a type argument beside the elements' own type, through which <see cref="Storage.Load{T}"/> and <c>Storage.Store</c> are resolved.
/// 16-bit floats are held as their bits and converted by integer arithmetic, since not every device computes with them.
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
    public static ushort Store(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
        return (ushort)((bits & 0x7FFFFFFFu) > 0x7F800000u ? (bits >> 16) | 0x40u : rounded);
    }
}

/// <summary>The bits of a <see cref="System.Half"/>.</summary>
public readonly struct Float16Storage : IStorage<ushort>
{
    /// <inheritdoc/>
    public static bool IsBFloat16 => false;

    /// <summary>2^-24, the smallest half: what a unit of a subnormal's fraction is worth.</summary>
    private const float Unit = 1f / 16777216f;

    /// <inheritdoc/>
    public static float Load(ushort stored)
    {
        uint sign = (uint)(stored & 0x8000) << 16;
        uint magnitude = (uint)stored & 0x7FFFu;

        // Exponent 31 is infinity and NaN, exponent 0 a fraction of 2^-14; a NaN comes out quiet.
        uint normal = (magnitude << 13) + 0x38000000u;
        uint special = (magnitude << 13) + 0x70000000u;
        uint quiet = magnitude > 0x7C00u ? special | 0x00400000u : special;
        uint subnormal = Interop.FloatAsInt((int)magnitude * Unit);
        uint bits = magnitude >= 0x7C00u ? quiet : magnitude < 0x0400u ? subnormal : normal;
        return Interop.IntAsFloat(sign | bits);
    }

    /// <inheritdoc/>
    public static ushort Store(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint sign = (bits >> 16) & 0x8000u;
        uint magnitude = bits & 0x7FFFFFFFu;

        // Half: the exponent loses 112, the fraction 13 bits, rounded to nearest even; a carry runs into the exponent and, at the top, to infinity.
        uint normal = (magnitude - 0x38000000u + 0x0FFFu + ((magnitude >> 13) & 1u)) >> 13;

        // Below 2^-14 the sum with 0.5 leaves the rounded fraction in its last bits: 0.5's unit in the last place is 2^-24.
        uint subnormal = Interop.FloatAsInt(Interop.IntAsFloat(magnitude) + 0.5f) - 0x3F000000u;
        uint nan = ((magnitude >> 13) & 0x3FFu) | 0x7E00u;
        uint half = magnitude > 0x7F800000u ? nan : magnitude >= 0x47800000u ? 0x7C00u : magnitude < 0x38800000u ? subnormal : normal;
        return (ushort)(sign | half);
    }
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

using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Engine.Safetensors;

/// <summary>
/// Turns stored elements into host numbers. Floating-point results are exact where the result type can hold the stored value and rounded to
/// nearest otherwise; integer results are exact or an <see cref="OverflowException"/>.
/// </summary>
internal static class TensorConversion
{
    private static readonly float[] Float8E4M3Values = Enumerable.Range(0, 256).Select(bits => Float8E4M3((byte)bits)).ToArray();
    private static readonly float[] Float8E5M2Values =
        Enumerable.Range(0, 256).Select(bits => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8))).ToArray();
    private static readonly float[] Float8E8M0Values =
        Enumerable.Range(0, 256).Select(bits => bits == 255 ? float.NaN : MathF.ScaleB(1, bits - 127)).ToArray();

    /// <summary>
    /// The OCP 4-bit format E2M1 (Microscaling Formats 1.0, section 5.3.3): 2 exponent bits of bias 1, 1 fraction bit, neither infinity nor
    /// NaN.
    /// </summary>
    private static readonly float[] Float4Values = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6];

    /// <summary>
    /// Whether the elements of a type can be read as real numbers; complex ones cannot, nor those of 6 bits, whose order in bytes no one
    /// has laid down.
    /// </summary>
    public static bool IsReal(SafetensorsType type) => type
        is not (SafetensorsType.Float6E2M3 or SafetensorsType.Float6E3M2 or SafetensorsType.Complex64);

    /// <summary>Two numbers of 4 bits a byte, the first in the lower bits, as PyTorch's <c>float4_e2m1fn_x2</c> has them.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="skipsFirst">Whether the first number of the first byte is left out.</param>
    /// <param name="destination">Gets the numbers.</param>
    public static void Float4ToFloat32(ReadOnlySpan<byte> source, bool skipsFirst, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
        {
            int place = skipsFirst ? i + 1 : i;
            destination[i] = Float4Values[(source[place / 2] >> (4 * (place % 2))) & 15];
        }
    }

    /// <summary>Whether the elements of a type are whole numbers or truth values.</summary>
    public static bool IsWhole(SafetensorsType type) => IsReal(type) && !type.IsFloatingPoint();

    public static void ToFloat32(SafetensorsType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case SafetensorsType.Float32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsType.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), destination);
                break;
            case SafetensorsType.BFloat16:
                WidenBFloat16(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case SafetensorsType.Float8E4M3:
                LookUp(Float8E4M3Values, source, destination);
                break;
            case SafetensorsType.Float8E5M2:
                LookUp(Float8E5M2Values, source, destination);
                break;
            case SafetensorsType.Float8E8M0:
                LookUp(Float8E8M0Values, source, destination);
                break;
            case SafetensorsType.Float64:
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(source), destination);
                break;
            default:
                FromWhole(type, source, destination);
                break;
        }
    }

    public static void ToFloat64(SafetensorsType type, ReadOnlySpan<byte> source, Span<double> destination)
    {
        if (type == SafetensorsType.Float64)
        {
            source.CopyTo(MemoryMarshal.AsBytes(destination));
        }
        else if (type == SafetensorsType.Float32)
        {
            TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, float>(source), destination);
        }
        else if (IsWhole(type))
        {
            FromWhole(type, source, destination);
        }
        else
        {
            WidenThroughFloat32(type, source, destination);
        }
    }

    /// <summary>Whole numbers and truth values (0, 1) as <typeparamref name="T"/>.</summary>
    /// <exception cref="OverflowException">A value does not fit an integer <typeparamref name="T"/>.</exception>
    public static void FromWhole<T>(SafetensorsType type, ReadOnlySpan<byte> source, Span<T> destination)
        where T : unmanaged, INumberBase<T>
    {
        switch (type)
        {
            case SafetensorsType.Bool:
            case SafetensorsType.UInt8:
                TensorPrimitives.ConvertChecked(source, destination);
                break;
            case SafetensorsType.Int8:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, sbyte>(source), destination);
                break;
            case SafetensorsType.Int16:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, short>(source), destination);
                break;
            case SafetensorsType.UInt16:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case SafetensorsType.Int32:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, int>(source), destination);
                break;
            case SafetensorsType.UInt32:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, uint>(source), destination);
                break;
            case SafetensorsType.Int64:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, long>(source), destination);
                break;
            case SafetensorsType.UInt64:
                TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, ulong>(source), destination);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "not a type of whole numbers");
        }
    }

    /// <summary>Rounds to nearest even; what is not a number stays so.</summary>
    /// <param name="destination">The upper halves of float32 numbers.</param>
    public static void NarrowBFloat16(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[i]);
            destination[i] = (ushort)(float.IsNaN(source[i]) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    private static void WidenBFloat16(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(destination);
        int i = 0;
        for (; i + Vector256<ushort>.Count <= source.Length; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Create(source.Slice(i, Vector256<ushort>.Count)));
            (lower << 16).CopyTo(bits[i..]);
            (upper << 16).CopyTo(bits[(i + Vector256<uint>.Count)..]);
        }

        for (; i < source.Length; i++)
        {
            bits[i] = (uint)source[i] << 16;
        }
    }

    private static void WidenThroughFloat32(SafetensorsType type, ReadOnlySpan<byte> source, Span<double> destination)
    {
        const int Piece = 1024;
        Span<float> buffer = stackalloc float[Piece];
        int size = type.Bits() / 8;
        for (int first = 0; first < destination.Length; first += Piece)
        {
            int count = Math.Min(Piece, destination.Length - first);
            ToFloat32(type, source.Slice(first * size, count * size), buffer[..count]);
            TensorPrimitives.ConvertTruncating<float, double>(buffer[..count], destination.Slice(first, count));
        }
    }

    private static void LookUp(float[] values, ReadOnlySpan<byte> source, Span<float> destination)
    {
        for (int i = 0; i < source.Length; i++)
        {
            destination[i] = values[source[i]];
        }
    }

    /// <summary>The OCP 8-bit format with 4 exponent bits (bias 7), 3 fraction bits, no infinity; all ones is not a number.</summary>
    private static float Float8E4M3(byte bits)
    {
        int exponent = (bits >> 3) & 15;
        int fraction = bits & 7;
        float magnitude = exponent == 15 && fraction == 7 ? float.NaN
            : exponent == 0 ? MathF.ScaleB(fraction, -9)
            : MathF.ScaleB(8 + fraction, exponent - 10);
        return (bits & 128) == 0 ? magnitude : -magnitude;
    }
}

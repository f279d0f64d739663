using ILGPU.IR.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>Mathematics that kernels need and ILGPU lacks, or does not round alike everywhere.</summary>
public static partial class KernelMath
{
    /// <summary>1.5 * 2^23: adding it to a float below 2^22 rounds to the nearest even integer.</summary>
    private const float Rounder = 12582912f;

    /// <summary>From here on every float is whole.</summary>
    private const float TwoToThe23 = 8388608f;

    /// <summary>a * b + c, rounded once, on every device.</summary>
    [IntrinsicImplementation]
    public static float FusedMultiplyAdd(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    /// <summary>The value, of which ILGPU's optimizer knows nothing. The build puts it around a kernel's constants.</summary>
    [IntrinsicImplementation]
    public static float Opaque(float value) => value;

    /// <summary>The larger value; NaN where one is NaN.</summary>
    public static float Max(float a, float b) => a > b || float.IsNaN(a) ? a : b;

    /// <summary>The smaller value; NaN where one is NaN.</summary>
    public static float Min(float a, float b) => a < b || float.IsNaN(a) ? a : b;

    /// <summary>The value, or the bound that it is beyond; NaN for NaN.</summary>
    public static float Clamp(float value, float low, float high) => value < low ? low : value > high ? high : value;

    /// <summary>The nearest whole number, the even one of two.</summary>
    public static float Round(float value)
    {
        float magnitude = MathF.Abs(value);
        float rounded = magnitude < TwoToThe23 ? magnitude + TwoToThe23 - TwoToThe23 : magnitude;
        return CopySign(rounded, value);
    }

    /// <summary>The whole number without the fraction.</summary>
    public static float Truncate(float value) => CopySign(MathF.Floor(MathF.Abs(value)), value);

    /// <summary>The magnitude of one value with the sign of another.</summary>
    public static float CopySign(float magnitude, float sign) =>
        BitConverter.Int32BitsToSingle(
            (BitConverter.SingleToInt32Bits(magnitude) & int.MaxValue) | (BitConverter.SingleToInt32Bits(sign) & int.MinValue));

    /// <summary>The nearest float.</summary>
    public static float ToSingle(uint value) => (int)value >= 0 ? (float)(int)value : 2f * (int)((value >> 1) | (value & 1u));

    /// <summary>The whole number without the fraction; the nearest bound beyond the range, 0 for NaN.</summary>
    public static int ToInt32(float value) =>
        value >= 2147483648f ? int.MaxValue : value > -2147483648f ? (int)value : value <= -2147483648f ? int.MinValue : 0;

    /// <inheritdoc cref="ToInt32"/>
    public static uint ToUInt32(float value) => value >= 4294967296f ? uint.MaxValue : value > 0f ? (uint)(long)value : 0u;

    /// <inheritdoc cref="ToInt32"/>
    public static long ToInt64(float value) =>
        value >= 9223372036854775808f
            ? long.MaxValue
            : value > -9223372036854775808f ? (long)value : value <= -9223372036854775808f ? long.MinValue : 0L;

    /// <inheritdoc cref="ToInt32"/>
    public static ulong ToUInt64(float value) =>
        value >= 18446744073709551616f
            ? ulong.MaxValue
            : value >= 9223372036854775808f
                ? (ulong)(long)(value - 9223372036854775808f) + 0x8000000000000000ul
                : value > 0f ? (ulong)(long)value : 0ul;

    /// <summary>The nearest integer (the even one of two) after clamping to bounds below 2^22; 0 for NaN.</summary>
    internal static float RoundClamped(float value, float low, float high)
    {
        float clamped = value > low ? value < high ? value : high : value <= low ? low : 0f;
        return clamped + Rounder - Rounder;
    }
}

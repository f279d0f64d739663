using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary>
/// 16-bit floats by integer arithmetic, rounded to nearest even: what their instructions give on devices that have them, but for a
/// NaN's payload.
/// </summary>
internal static class StorageBits
{
    /// <summary>2^-24, the smallest half: what a unit of a subnormal's fraction is worth.</summary>
    private const float Unit = 1f / 16777216f;

    public static ushort ToBFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
        return (ushort)((bits & 0x7FFFFFFFu) > 0x7F800000u ? (bits >> 16) | 0x40u : rounded);
    }

    public static float FromFloat16(ushort stored)
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

    public static ushort ToFloat16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        uint sign = (bits >> 16) & 0x8000u;
        uint magnitude = bits & 0x7FFFFFFFu;

        // Half: the exponent loses 112, the fraction 13 bits, rounded to nearest even; a carry runs into the exponent and, at the
        // top, to infinity.
        uint normal = (magnitude - 0x38000000u + 0x0FFFu + ((magnitude >> 13) & 1u)) >> 13;

        // Below 2^-14 the sum with 0.5 leaves the rounded fraction in its last bits: 0.5's unit in the last place is 2^-24.
        uint subnormal = Interop.FloatAsInt(Interop.IntAsFloat(magnitude) + 0.5f) - 0x3F000000u;
        uint nan = ((magnitude >> 13) & 0x3FFu) | 0x7E00u;
        uint half = magnitude > 0x7F800000u ? nan : magnitude >= 0x47800000u ? 0x7C00u : magnitude < 0x38800000u ? subnormal : normal;
        return (ushort)(sign | half);
    }
}

namespace Engine.Devices.Kernels;

/// <summary>The upper half of a float32: 1 sign bit, 8 exponent bits, 7 fraction bits. Conversion rounds to nearest even.</summary>
public readonly struct BFloat16(ushort bits) : IEquatable<BFloat16>
{
    /// <summary>The sixteen stored bits.</summary>
    public ushort Bits { get; } = bits;

    public static implicit operator float(BFloat16 value) => BitConverter.UInt32BitsToSingle((uint)value.Bits << 16);

    public static explicit operator BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return new BFloat16((ushort)((bits >> 16) | 0x40));
        }

        return new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    public static bool operator ==(BFloat16 left, BFloat16 right) => left.Equals(right);

    public static bool operator !=(BFloat16 left, BFloat16 right) => !left.Equals(right);

    public bool Equals(BFloat16 other) => (float)this == (float)other;

    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);

    public override int GetHashCode() => ((float)this).GetHashCode();

    public override string ToString() => ((float)this).ToString(System.Globalization.CultureInfo.InvariantCulture);
}

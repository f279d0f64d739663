using System.Text;
using Engine.Common.Files;
using Engine.Safetensors;

namespace Engine.Tests.Safetensors;

public sealed class TensorConversionTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Values of the formats' definitions: IEEE 754 binary16, bfloat16, and OCP 8-bit floating point (E4M3: bias 7, no infinity; E5M2: bias
    // 15).
    public static TheoryData<string, byte[], double[]> Stored => new()
    {
        { "BOOL", [0, 1], [0, 1] },
        { "U8", [0, 255], [0, 255] },
        { "I8", [0x80, 0x7F], [-128, 127] },
        // Microscaling Formats 1.0, table 5: every value of E2M1, the first of two in the lower bits.
        { "F4", [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE], [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6] },
        { "F8_E4M3", [0x00, 0x01, 0x07, 0x08, 0x38, 0x7E, 0xFE, 0x7F, 0xB8],
            [0, 0.001953125, 0.013671875, 0.015625, 1, 448, -448, double.NaN, -1] },
        { "F8_E5M2", [0x00, 0x01, 0x04, 0x3C, 0x7B, 0x7C, 0xFC, 0x7F, 0xBC],
            [0, 1.52587890625e-05, 6.103515625e-05, 1, 57344, double.PositiveInfinity, double.NegativeInfinity, double.NaN, -1] },
        { "F8_E8M0", [127, 128, 126, 255], [1, 2, 0.5, double.NaN] },
        { "I16", [0x00, 0x80, 0xFF, 0x7F], [-32768, 32767] },
        { "U16", [0xFF, 0xFF], [65535] },
        { "F16", [0x00, 0x3C, 0x01, 0x00, 0xFF, 0x7B, 0x00, 0xFC], [1, 5.9604644775390625e-08, 65504, double.NegativeInfinity] },
        { "BF16", [0x80, 0x3F, 0x00, 0xC0, 0x01, 0x00, 0xC0, 0x7F], [1, -2, 9.183549615799121e-41, double.NaN] },
        { "I32", [0x00, 0x00, 0x00, 0x80], [int.MinValue] },
        { "U32", [0xFF, 0xFF, 0xFF, 0xFF], [uint.MaxValue] },
        { "F32", [0x00, 0x00, 0x80, 0x3F], [1] },
        { "F64", [0x18, 0x2D, 0x44, 0x54, 0xFB, 0x21, 0x09, 0x40], [Math.PI] },
        { "I64", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [-1] },
        { "U64", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [18446744073709551615.0] },
    };

    [Theory]
    [MemberData(nameof(Stored))]
    public void Every_type_is_read_as_real_numbers(string type, byte[] bytes, double[] expected)
    {
        using SafetensorsFile file = Open(type, bytes, expected.Length);

        Assert.Equal(expected, file["x"].ToFloat64());
        Assert.Equal(expected.Select(value => (float)value), file["x"].ToFloat32());
    }

    [Theory]
    [InlineData("BF16")]
    [InlineData("F16")]
    public void All_bit_patterns_of_a_narrow_type_widen_exactly(string type)
    {
        ushort[] patterns = Enumerable.Range(0, 65536).Select(bits => (ushort)bits).ToArray();
        using SafetensorsFile file =
            Open(type, System.Runtime.InteropServices.MemoryMarshal.AsBytes(patterns.AsSpan()).ToArray(), patterns.Length);

        float[] values = file["x"].ToFloat32();

        for (int i = 0; i < patterns.Length; i++)
        {
            float expected = type == "F16" ? (float)BitConverter.UInt16BitsToHalf(patterns[i]) : BitConverter.Int32BitsToSingle(i << 16);
            Assert.True(expected.Equals(values[i]), $"{type} {i:X4}: {values[i]} instead of {expected}");
        }
    }

    [Fact]
    public void Whole_numbers_are_read_exactly_or_refused()
    {
        using SafetensorsFile fits = Open("I64", [.. BitConverter.GetBytes(5L), .. BitConverter.GetBytes(-7L)], 2);
        using SafetensorsFile tooLarge = Open("I64", BitConverter.GetBytes(1L << 31), 1);
        using SafetensorsFile real = Open("F32", new byte[4], 1);

        Assert.Equal([5, -7], fits["x"].ToInt32());
        Assert.Equal([5L, -7L], fits["x"].ToInt64());
        Assert.Equal([1L << 31], tooLarge["x"].ToInt64());
        Assert.Contains("does not fit Int32", Assert.Throws<ModelFileException>(() => tooLarge["x"].ToInt32()).Message);
        Assert.Contains("holds F32; an integer type was expected", Assert.Throws<ModelFileException>(() => real["x"].ToInt32()).Message);
    }

    [Theory]
    [InlineData("F6_E2M3", 3, 4)]
    [InlineData("F6_E3M2", 3, 4)]
    [InlineData("C64", 8, 1)]
    public void Types_of_6_bits_and_complex_ones_give_their_bytes_only(string type, int bytes, int count)
    {
        byte[] stored = [.. Enumerable.Range(1, bytes).Select(value => (byte)value)];
        using SafetensorsFile file = Open(type, stored, count);

        Assert.Equal(stored, file["x"].Bytes(0, bytes).ToArray());
        Assert.Contains("cannot be read as numbers", Assert.Throws<ModelFileException>(() => file["x"].ToFloat32()).Message);
        Assert.Contains("cannot be read as numbers", Assert.Throws<ModelFileException>(() => file["x"].ToFloat64()).Message);
    }

    [Fact]
    public void Numbers_of_4_bits_are_read_from_the_middle_of_a_byte()
    {
        using SafetensorsFile file = Open("F4", [0x10, 0x32, 0x54], 6);
        float[] middle = new float[4];
        file["x"].ReadFloat32(middle, firstElement: 1);

        Assert.Equal([0.5f, 1, 1.5f, 2], middle);
        Assert.Throws<ArgumentOutOfRangeException>(() => file["x"].ReadFloat32(new float[6], firstElement: 1));
    }

    /// <summary>The limits of OCP's 8-bit formats (OFP8 1.0, table 1): largest, smallest normal, largest and smallest subnormal.</summary>
    [Theory]
    [InlineData("F8_E4M3", new byte[] { 0x7E, 0x08, 0x07, 0x01 }, new[] { 448, 0.015625, 0.875 * 0.015625, 0.001953125 })]
    [InlineData(
        "F8_E5M2", new byte[] { 0x7B, 0x04, 0x03, 0x01 }, new[] { 57344, 6.103515625e-05, 0.75 * 6.103515625e-05, 1.52587890625e-05 })]
    [InlineData("F8_E8M0", new byte[] { 254, 0 }, new[] { 1.7014118346046923e38, 5.877471754111438e-39 })]
    public void Limits_of_8_bit_formats_are_those_of_their_tables(string type, byte[] bytes, double[] expected)
    {
        using SafetensorsFile file = Open(type, bytes, expected.Length);
        Assert.Equal(expected, file["x"].ToFloat64());
    }

    [Fact]
    public void Reading_as_stored_demands_the_stored_type()
    {
        using SafetensorsFile file = Open("F32", new byte[8], 2);
        using SafetensorsFile truth = Open("BOOL", [2], 1);

        Assert.Contains("holds F32; F16 was expected", Assert.Throws<ModelFileException>(() => file["x"].Read<Half>(new Half[2])).Message);
        Assert.Contains("other than 0 and 1", Assert.Throws<ModelFileException>(() => truth["x"].Read<bool>(new bool[1])).Message);
    }

    [Fact]
    public void Nothing_outside_a_tensor_or_after_closing_can_be_read()
    {
        SafetensorsFile file = Open("F32", new byte[8], 2);
        SafetensorsTensor tensor = file["x"];

        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadFloat32(new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadFloat32(new float[1], firstElement: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadFloat32(new float[1], firstElement: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Bytes(4, 5).Length);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.ToFloat32());
    }

    [Fact]
    public void A_wrong_shape_is_reported_with_both_shapes()
    {
        using SafetensorsFile file = Open("F32", new byte[8], 2);

        Assert.Same(file["x"], file["x"].RequireShape(2));
        Assert.Contains(
            "its shape is [2]; [2, 1] was expected", Assert.Throws<ModelFileException>(() => file["x"].RequireShape(2, 1)).Message);
    }

    private SafetensorsFile Open(string type, byte[] data, int count)
    {
        string path = folder.File($"{type}-{Guid.NewGuid():N}.safetensors");

        // An odd header length: tensors then lie unaligned, as older writers left them.
        string header = $$$"""{"x":{"dtype":"{{{type}}}","shape":[{{{count}}}],"data_offsets":[0,{{{data.Length}}}]}}""";
        header = header.PadRight(header.Length | 1);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)header.Length), .. Encoding.UTF8.GetBytes(header), .. data]);
        return SafetensorsFile.Open(path);
    }
}

using Engine.Safetensors;

namespace Engine.Tests.Safetensors;

public sealed class SafetensorsRoundTripTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("goldens/models/roberta-cls/model.safetensors")]
    [InlineData("goldens/models/roberta-cls/adapter/adapter_model.safetensors")]
    [InlineData("goldens/models/qwen2-bfloat16/model.safetensors")]
    [SharedInlineData("data/models/all-MiniLM-L6-v2/model.safetensors")]
    public void A_copied_file_equals_the_one_Hugging_Face_wrote_byte_for_byte(string name)
    {
        string copy = folder.File("copy.safetensors");
        using (SafetensorsFile source = SafetensorsFile.Open(SharedFiles.Path(name)))
        {
            SafetensorsWriter writer = new();
            foreach (SafetensorsTensor tensor in source.Tensors.Reverse())
            {
                writer.Copy(tensor);
            }

            writer.Write(copy);
        }

        Assert.Equal(File.ReadAllBytes(SharedFiles.Path(name)), File.ReadAllBytes(copy));
    }

    [Fact]
    public void Every_host_type_is_read_back_as_it_was_written()
    {
        string path = folder.File("types.safetensors");
        new SafetensorsWriter(TensorOrder.AsAdded)
            .Add("bool", [3], new[] { true, false, true })
            .Add("f32", [2, 2], new[] { 1.5f, -0f, float.NaN, float.MaxValue })
            .Add("f16", [2], new[] { (Half)0.1f, Half.MinValue })
            .AddStored(SafetensorsType.BFloat16, "bf16", [2], new byte[] { 0xCD, 0x3D, 0x4A, 0x71 })
            .Add("f64", [1], new[] { Math.PI })
            .Add("i8", [2], new sbyte[] { -128, 127 })
            .Add("u8", [2], new byte[] { 0, 255 })
            .Add("i16", [2], new short[] { short.MinValue, 7 })
            .Add("u16", [1], new ushort[] { ushort.MaxValue })
            .Add("i32", [1], new[] { int.MinValue })
            .Add("u32", [1], new[] { uint.MaxValue })
            .Add("i64", [], new[] { long.MinValue })
            .Add("u64", [1], new[] { ulong.MaxValue })
            .Write(path);

        using SafetensorsFile file = SafetensorsFile.Open(path);

        Assert.Equal(
            ["bool", "f32", "f16", "bf16", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"],
            file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal([true, false, true], Read<bool>(file["bool"]));
        Assert.Equal([1.5f, -0f, float.NaN, float.MaxValue], Read<float>(file["f32"]));
        Assert.Equal([(Half)0.1f, Half.MinValue], Read<Half>(file["f16"]));
        Assert.Equal([0.10009765625f, 1.0002555517425873e30f], file["bf16"].ToFloat32());
        Assert.Equal([Math.PI], Read<double>(file["f64"]));
        Assert.Equal([-128, 127], Read<sbyte>(file["i8"]));
        Assert.Equal([0, 255], Read<byte>(file["u8"]));
        Assert.Equal([short.MinValue, 7], Read<short>(file["i16"]));
        Assert.Equal([ushort.MaxValue], Read<ushort>(file["u16"]));
        Assert.Equal([int.MinValue], Read<int>(file["i32"]));
        Assert.Equal([uint.MaxValue], Read<uint>(file["u32"]));
        Assert.Equal([long.MinValue], Read<long>(file["i64"]));
        Assert.Empty(file["i64"].Shape);
        Assert.Equal([ulong.MaxValue], Read<ulong>(file["u64"]));
        Assert.Equal("pt", file.Metadata["format"]);
    }

    public static TheoryData<SafetensorsType> Types => new(Enum.GetValues<SafetensorsType>());

    /// <summary>Four elements fill whole bytes of every type.</summary>
    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_is_stored_byte_for_byte_and_copied(SafetensorsType type)
    {
        byte[] stored = [.. Enumerable.Range(0, type.Bits() / 2).Select(i => (byte)(type == SafetensorsType.Bool ? i % 2 : (i * 37) + 11))];
        string path = folder.File($"{type}.safetensors"), copy = folder.File($"{type}-copy.safetensors");
        new SafetensorsWriter().AddStored(type, "x", [2, 2], stored).Write(path);
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            Assert.Equal(type, file["x"].Type);
            Assert.Equal(4, file["x"].ElementCount);
            Assert.Equal(stored, file["x"].Bytes(0, stored.Length).ToArray());
            new SafetensorsWriter().Copy(file["x"]).Write(copy);
        }

        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(copy));
        Assert.Contains(
            $"\"dtype\":\"{type.HeaderName()}\"", System.Text.Encoding.UTF8.GetString(File.ReadAllBytes(path)), StringComparison.Ordinal);
        Assert.True(SafetensorsTypes.TryParse(type.HeaderName(), out SafetensorsType parsed) && parsed == type);
        Assert.Throws<ArgumentException>(() => new SafetensorsWriter().AddStored(type, "x", [2, 2], stored.AsMemory(1)));
    }

    [Fact]
    public void Contents_are_asked_for_in_pieces_that_cover_the_tensor_once()
    {
        const int Rows = 1000;
        const int Columns = 1001;
        string path = folder.File("pieces.safetensors");
        long next = 0;
        new SafetensorsWriter().Add<float>("big", [Rows, Columns], (first, destination) =>
        {
            Assert.Equal(next, first);
            next = first + destination.Length;
            for (int i = 0; i < destination.Length; i++)
            {
                destination[i] = first + i;
            }
        }).Write(path);

        using SafetensorsFile file = SafetensorsFile.Open(path);
        float[] row = new float[Columns];
        file["big"].ReadFloat32(row, firstElement: 999L * Columns);

        Assert.Equal(Rows * Columns, next);
        Assert.Equal(Enumerable.Range(999 * Columns, Columns).Select(i => (float)i), row);
    }

    [Theory]
    [InlineData(SafetensorsType.Float32, 0.1f)]
    [InlineData(SafetensorsType.Float16, 0.0999755859375f)]
    [InlineData(SafetensorsType.BFloat16, 0.10009765625f)]
    public void Float32_numbers_are_stored_narrow_by_rounding_to_nearest(SafetensorsType type, float expected)
    {
        string path = folder.File("narrow.safetensors");
        new SafetensorsWriter().AddFloat32As(type, "x", [5], (_, destination) => destination.Fill(0.1f)).Write(path);

        using SafetensorsFile file = SafetensorsFile.Open(path);

        Assert.Equal(type, file["x"].Type);
        Assert.Equal(Enumerable.Repeat(expected, 5), file["x"].ToFloat32());
    }

    [Fact]
    public void Tensors_without_elements_and_files_without_tensors_are_allowed()
    {
        string empty = folder.File("none.safetensors");
        new SafetensorsWriter().Write(empty);
        string path = folder.File("empty.safetensors");
        new SafetensorsWriter().Add("e", [0, 7], Array.Empty<float>()).Add("x", [1], new[] { 2f }).Write(path);

        using SafetensorsFile none = SafetensorsFile.Open(empty);
        using SafetensorsFile file = SafetensorsFile.Open(path);

        Assert.Empty(none.Tensors);
        Assert.Empty(file["e"].ToFloat32());
        Assert.Equal([2f], file["x"].ToFloat32());
    }

    [Fact]
    public void The_data_section_is_aligned_to_eight_bytes()
    {
        for (int length = 1; length < 20; length++)
        {
            string path = folder.File($"{length}.safetensors");
            new SafetensorsWriter().Add(new string('n', length), [1], new[] { 1.0 }).Write(path);

            Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(path)) % 8);
        }
    }

    [Fact]
    public void A_name_can_be_added_once_and_the_values_must_fill_the_shape()
    {
        SafetensorsWriter writer = new SafetensorsWriter().Add("x", [1], new[] { 1f });

        Assert.Contains("already added", Assert.Throws<ArgumentException>(() => writer.Add("x", [1], new[] { 1f })).Message);
        Assert.Contains("6 elements, but 5", Assert.Throws<ArgumentException>(() => writer.Add("y", [2, 3], new float[5])).Message);
        Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", [1], new float[1]));
        Assert.Contains(
            "whole bytes", Assert.Throws<ArgumentException>(() => writer.AddStored(SafetensorsType.Float4, "z", [3], new byte[1])).Message);
    }

    private static T[] Read<T>(SafetensorsTensor tensor)
        where T : unmanaged
    {
        T[] values = new T[tensor.ElementCount];
        tensor.Read<T>(values);
        return values;
    }
}

using System.Text;
using Engine.Common.Files;
using Engine.Safetensors;

namespace Engine.Tests.Safetensors;

public sealed class HostileHeaderTests : IDisposable
{
    private const string Good = """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_header_the_others_are_made_from_is_accepted()
    {
        using SafetensorsFile file = Open(Good, 8);

        Assert.Equal([0f, 0f], file["x"].ToFloat32());
    }

    /// <summary>
    /// The format's own reader declares its metadata as <c>Option&lt;HashMap&lt;String, String&gt;&gt;</c> (safetensors/src/tensor.rs,
    /// HashMetadata); MLX writes null where there is none.
    /// </summary>
    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"format\":\"mlx\"}")]
    public void Metadata_may_be_null_or_empty(string metadata)
    {
        using SafetensorsFile file = Open($$"""{"__metadata__":{{metadata}},{{Good[1..]}}""", 8);

        Assert.Equal([0f, 0f], file["x"].ToFloat32());
        Assert.Equal(metadata.Contains("mlx") ? ["mlx"] : [], file.Metadata.Values);
    }

    public static TheoryData<string, int, string> Headers => new()
    {
        { "", 0, "not a JSON object" },
        { "[1, 2]", 0, "not a JSON object" },
        { "{\"x\":", 0, "not the JSON of a safetensors file" },
        { Good + "garbage", 8, "not the JSON of a safetensors file" },
        { """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
            8, "uplicate property 'x'" },
        { """{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "uplicate property 'dtype'" },
        { """{"x":{"dtype":"F32","shape":[[[[1]]]],"data_offsets":[0,4]}}""", 4, "not the JSON of a safetensors file" },
        { """{"x":7}""", 0, "an object with dtype, shape and data_offsets was expected" },
        { """{"x":{"shape":[1],"data_offsets":[0,4]}}""", 4, "no dtype" },
        { """{"x":{"dtype":"F32","data_offsets":[0,4]}}""", 4, "no shape" },
        { """{"x":{"dtype":"F32","shape":[1]}}""", 4, "no data_offsets" },
        { """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"strides":[1]}}""", 4, "'strides'" },
        { """{"x":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}""", 4, "'F31' is unknown; known are BOOL" },
        { """{"x":{"dtype":5,"shape":[1],"data_offsets":[0,4]}}""", 4, "no dtype" },
        { """{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "shape holds -1" },
        { """{"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "shape holds 1.5" },
        { """{"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}""", 4, "shape holds \"1\"" },
        { """{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}""", 4, "shape holds 99999999999999999999" },
        { """{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "more bytes than can be counted" },
        { """{"x":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}""", 4, "more bytes than can be counted" },
        { """{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "needs 12 bytes, but data_offsets span 8" },
        { """{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "does not fill whole bytes" },
        { """{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "a begin and an end" },
        { """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}}""", 8, "a begin and an end" },
        { """{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "data_offsets holds -8" },
        { """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12,
            "overlap tensor 'x'" },
        { """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""",
            8, "overlap tensor 'x'" },
        { """{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "a gap" },
        { """{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "a gap" },
        { Good, 7, "it is cut short" },
        { Good, 9, "1 bytes after tensor 'x' belong to no tensor" },
        { "{}", 3, "3 bytes after the header belong to no tensor" },
        { """{"__metadata__":7}""", 0, "an object of strings, or null, was expected" },
        { """{"__metadata__":[]}""", 0, "an object of strings, or null, was expected" },
        { """{"__metadata__":{"format":null}}""", 0, "'format' is Null; a string was expected" },
        { """{"__metadata__":{"format":1}}""", 0, "'format' is Number; a string was expected" },
        { """{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "not the JSON of a safetensors file" },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_header_that_breaks_a_rule_is_refused_by_name(string header, int dataBytes, string expected)
    {
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Open(header, dataBytes));

        Assert.Contains(expected, exception.Message);
        Assert.Contains("hostile.safetensors", exception.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_without_room_for_the_length_is_refused(int bytes)
    {
        string path = folder.File("short.safetensors");
        File.WriteAllBytes(path, new byte[bytes]);

        Assert.Contains("starts with an 8-byte header length", Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Theory]
    [InlineData(60UL, "claims 60 bytes, but only 4 follow")]
    [InlineData(100_000_001UL, "more than the 100,000,000")]
    [InlineData(ulong.MaxValue, "more than the 100,000,000")]
    public void A_length_beyond_the_file_or_the_format_is_refused_before_memory_is_taken(ulong length, string expected)
    {
        string path = folder.File("length.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes(length), 1, 2, 3, 4]);

        Assert.Contains(expected, Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused()
    {
        string path = folder.File("latin1.safetensors");
        File.WriteAllBytes(path, [5, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'"', 0xE9, (byte)'"', (byte)'}']);

        Assert.Contains("UTF-8", Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(path)).Message);
    }

    [Fact]
    public void Every_truncation_of_a_file_is_refused()
    {
        string path = folder.File("whole.safetensors");
        new SafetensorsWriter().Add("a", [3], new[] { 1f, 2f, 3f }).Add("b", [1], new[] { 1.0 }).Write(path);
        byte[] whole = File.ReadAllBytes(path);
        string cut = folder.File("cut.safetensors");

        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(cut, whole.AsSpan(0, length));
            Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(cut));
        }
    }

    [Fact]
    public void A_missing_file_and_a_missing_tensor_are_named()
    {
        Assert.Contains(
            "no such file", Assert.Throws<ModelFileException>(() => SafetensorsFile.Open(folder.File("none.safetensors"))).Message);
        using SafetensorsFile file = Open("""{"encoder.layer.0.dense.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}""", 0);

        string message = Assert.Throws<ModelFileException>(() => file["bert.encoder.layer.1.dense.weight"]).Message;

        Assert.Contains("'bert.encoder.layer.1.dense.weight' is missing; present are for instance encoder.layer.0.dense.weight", message);
    }

    private SafetensorsFile Open(string header, int dataBytes)
    {
        string path = folder.File("hostile.safetensors");
        byte[] json = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[dataBytes]]);
        return SafetensorsFile.Open(path);
    }
}

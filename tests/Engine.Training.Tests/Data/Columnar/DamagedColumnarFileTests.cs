using System.Text;
using System.Text.Json.Serialization;
using Apache.Arrow;
using Apache.Arrow.Types;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data.Columnar;

/// <summary>Parquet and Arrow files that are cut short, damaged, something else, or hold what is not read.</summary>
public sealed class DamagedColumnarFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Kinds => ["parquet-snappy", "arrow-stream", "arrow-file"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_that_was_cut_short_is_refused(string kind)
    {
        string path = ColumnarSamples.Write(folder, kind, ColumnarSamples.Labelled(6), "sentence label");
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length += length > whole.Length - 100 ? 1 : WantedDevices.Long ? 8 : 40)
        {
            File.WriteAllBytes(path, whole[..length]);
            string message = Assert.Throws<DataFileException>(() => Read(path)).Message;
            Assert.Contains($"{path}: ", message, StringComparison.Ordinal);
            Assert.Contains("cut short", message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Damaged_files_are_read_or_refused_and_never_crash(string kind)
    {
        PhiloxGenerator random = new(12, (uint)kind.Length, 0);
        string path = ColumnarSamples.Write(folder, kind, ColumnarSamples.Labelled(6), "sentence label");
        byte[] whole = File.ReadAllBytes(path);

        // A footer of Parquet that leads nowhere is given up after a minute, which a test does not wait for.
        int footer = kind.StartsWith("parquet", StringComparison.Ordinal) ? BitConverter.ToInt32(whole, whole.Length - 8) + 8 : 0;
        int refused = 0, damages = WantedDevices.Long ? 400 : 80;
        for (int i = 0; i < damages; i++)
        {
            byte[] bytes = [.. whole];
            PhiloxWords words = random.Block((ulong)i);
            bytes[words.X % (uint)(bytes.Length - footer)] = (byte)words.Y;
            File.WriteAllBytes(path, bytes);
            if (Record.Exception(() => Read(path)) is { } error)
            {
                Assert.IsType<DataFileException>(error);
                refused++;
            }
        }

        Assert.InRange(refused, damages / 20, damages);
    }

    [Theory]
    [InlineData("a.parquet", "{\"sentence\": \"a\", \"label\": 1}\n{\"sentence\": \"b\", \"label\": 0}\n", "this is no parquet file")]
    [InlineData("a.arrow", "{\"sentence\": \"a\", \"label\": 1}\n{\"sentence\": \"b\", \"label\": 0}\n", "this is no arrow file")]
    [InlineData(
        "a.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
        "it is a Git LFS pointer, not the file of 12,345 bytes")]
    [InlineData("a.arrow", "", "this is no arrow file")]
    [InlineData("a.parquet", "PAR1\u0001PAR1", "this is no parquet file")]
    public void A_file_of_something_else_is_told_what_to_do(string name, string content, string expected)
    {
        string path = folder.Write(name, content);
        Assert.Contains($"{path}: {expected}", Assert.Throws<DataFileException>(() => Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_of_other_types_are_passed_over_and_refused_where_they_are_asked_for()
    {
        string parquet = folder.File("a.parquet"), arrow = folder.File("a.arrow");
        ColumnarSamples.WriteParquet(
            parquet, "parquet", [new OddRow { Sentence = "a", Label = 1, Image = [1, 2], When = DateTime.UnixEpoch }]);
        Schema schema = new(
            [new("sentence", StringType.Default, true), new("label", Int8Type.Default, true), new("image", BinaryType.Default, true),
                new("when", Date32Type.Default, true)], null);
        IArrowArray[] columns =
        [
            new StringArray.Builder().Append("a").Build(),
            new Int8Array.Builder().Append(1).Build(),
            new BinaryArray.Builder().Append([1, 2]).Build(),
            new Date32Array.Builder().Append(DateTime.UnixEpoch).Build(),
        ];
        ColumnarSamples.WriteArrow(arrow, "arrow-stream", [new RecordBatch(schema, columns, 1)], schema);
        foreach (string path in new[] { parquet, arrow })
        {
            Assert.Equal("1", Read(path).Examples.Single().Label);
            using JsonRecord record = DataFormats.OfEnding(path)!.ReadRecords(path).Single();
            Assert.Equal(["sentence", "label"], record.Keys);
            Assert.Contains(
                $"{path}: column 'image' holds ", Assert.Throws<DataFileException>(() => Read(path, "image")).Message,
                StringComparison.Ordinal);
            Assert.Contains(
                $"{path}: column 'when' holds ", Assert.Throws<DataFileException>(() => Read(path, "when")).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_and_names_that_are_there_twice_are_refused()
    {
        string path = folder.File("a.arrow");
        StringArray texts = new(
            1, new ArrowBuffer.Builder<int>().Append(0).Append(2).Build(), new ArrowBuffer(new byte[] { 0x61, 0xE9 }), ArrowBuffer.Empty);
        Schema schema = new(
            [new("sentence", StringType.Default, true), new("label", Int8Type.Default, true), new("label", Int8Type.Default, true)], null);
        IArrowArray label = new Int8Array.Builder().Append(1).Build();
        ColumnarSamples.WriteArrow(path, "arrow-stream", [new RecordBatch(schema, [texts, label, label], 1)], schema);
        Assert.Contains(
            "column 'label' is there more than once", Assert.Throws<DataFileException>(() => Read(path)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "column 'label' is there more than once", Assert.Throws<DataFileException>(() => CausalReader.Read(path, null, null)).Message,
            StringComparison.Ordinal);
        Assert.Contains($"{path}: the file cannot be read as arrow", Assert.Throws<DataFileException>(
            () => ExampleReader.Read(path, new ExampleReaderOptions { Text = ColumnReference.ByName("sentence") })).Message,
                StringComparison.Ordinal);
    }

    private static ExampleSet Read(string path, string label = "label") =>
        ExampleReader.Read(
            path, new ExampleReaderOptions { Text = ColumnReference.ByName("sentence"), Label = ColumnReference.ByName(label) });

    public sealed class OddRow
    {
        [JsonPropertyName("sentence")]
        public string? Sentence { get; set; }

        [JsonPropertyName("label")]
        public sbyte Label { get; set; }

        [JsonPropertyName("image")]
        public byte[]? Image { get; set; }

        [JsonPropertyName("when")]
        public DateTime When { get; set; }
    }
}

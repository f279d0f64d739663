using System.IO.Compression;
using System.Text;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

/// <summary>Compressed text files are read as what is inside.</summary>
public sealed class GzipFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.csv.gz", "label,text\r\n1,\"a, b\"\r\n")]
    [InlineData("b.csv.gz", "sep=;\nlabel;text\n1;a, b\n")]
    [InlineData("a.tsv.GZ", "text\tlabel\na, b\t1\n")]
    [InlineData("a.jsonl.gz", "{\"text\": \"a, b\", \"label\": 1}\n")]
    [InlineData("a.json.gz", "[{\"text\": \"a, b\", \"label\": 1.0}]")]
    public void The_ending_before_gz_says_how_it_is_written(string name, string content)
    {
        Example row = Read(Write(name, Encoding.UTF8.GetBytes(content))).Examples.Single();
        Assert.Equal(("a, b", "1"), (row.Text, row.Label));
    }

    [Fact]
    public void Texts_and_records_are_read_too()
    {
        string texts = Write("texts.txt.gz", "one\n\ntwo\n"u8), records = Write("more.jsonl.gz", "{\"text\": \"three\"}\n"u8);
        Assert.Equal(
            [new CausalRecord.Plain("one"), new CausalRecord.Plain("two"), new CausalRecord.Plain("three")],
            CausalReader.Read(new DataFiles([texts, records]), null, null).Records);
    }

    [Fact]
    public void Lines_are_numbered_as_inside()
    {
        Assert.Contains("a.tsv.gz:3: the line has 1 column", Fails(Write("a.tsv.gz", "text\tlabel\nx\t1\ny\n"u8)));
        Assert.Contains(
            "b.csv.gz:4: this line has bytes that are not UTF-8",
            Fails(Write("b.csv.gz", [.. "text,label\n\"a\nb\",1\nx"u8, 0xE9, .. ",1\n"u8])));
        Assert.Contains("c.jsonl.gz:2: ", Fails(Write("c.jsonl.gz", "{\"text\": \"x\", \"label\": 1}\n{\"text\"\n"u8)));
    }

    [Fact]
    public void Members_one_behind_another_are_one_text()
    {
        byte[] first = Compress("text\tlabel\na\t1\n"u8), second = Compress("b\t0\n"u8);
        Assert.Equal(["a", "b"], Read(folder.Write("a.tsv.gz", [.. first, .. second])).Examples.Select(row => row.Text));
    }

    [Fact]
    public void Long_files_come_out_whole_or_not_to_their_end()
    {
        string[] texts = [.. Enumerable.Range(0, 30_000).Select(i => $"text {i * 7919 % 30_011}")];
        byte[] whole = Compress(Encoding.UTF8.GetBytes(string.Join('\n', texts)));
        Assert.Equal(texts, TextLines.Read(folder.Write("long.txt.gz", whole)).Select(line => line.Text));
        foreach (int cut in new[] { 1, 4, 9, 100, whole.Length / 3, whole.Length / 2 })
        {
            List<string> seen = [];
            string path = folder.Write("cut.txt.gz", whole[..^cut]);
            Exception error = Assert.Throws<DataFileException>(() => seen.AddRange(TextLines.Read(path).Select(line => line.Text)));
            Assert.Contains("cut.txt.gz: the ", error.Message, StringComparison.Ordinal);
            Assert.Equal(texts[..seen.Count], seen);
        }
    }

    [Fact]
    public void A_file_that_was_cut_short_is_refused_at_every_length()
    {
        byte[] whole = Compress(
            Encoding.UTF8.GetBytes("text\tlabel\n" + string.Concat(Enumerable.Range(0, 60).Select(i => $"text {i * 31}\t{i % 2}\n"))));
        byte[] two = [.. whole, .. Compress("more\t1\n"u8)];
        foreach (int length in Enumerable.Range(1, two.Length - 1).Where(length => length != whole.Length))
        {
            Assert.Contains("cut.tsv.gz: the ", Fails(folder.Write("cut.tsv.gz", two[..length])), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_no_gzip_file_or_is_damaged_is_said()
    {
        Assert.Contains("a.tsv.gz: the file is not gzip", Fails(folder.Write("a.tsv.gz", "text\tlabel\nx\t1\n")));
        byte[] damaged = Compress("text\tlabel\nx\t1\n"u8);
        damaged[^6] ^= 1;
        Assert.Contains("b.tsv.gz: the file is not gzip, or is damaged", Fails(folder.Write("b.tsv.gz", damaged)));
        Assert.Contains("c.safetensors.gz: the file's ending does not say", Fails(folder.Write("c.safetensors.gz", damaged)));
    }

    private static byte[] Compress(ReadOnlySpan<byte> content)
    {
        MemoryStream result = new();
        using (GZipStream gzip = new(result, CompressionLevel.Optimal))
        {
            gzip.Write(content);
        }

        return result.ToArray();
    }

    private static ExampleSet Read(string path) =>
        ExampleReader.Read(
            path, new ExampleReaderOptions { Text = ColumnReference.ByName("text"), Label = ColumnReference.ByName("label") });

    private static string Fails(string path) => Assert.Throws<DataFileException>(() => Read(path)).Message;

    private string Write(string name, ReadOnlySpan<byte> content) => folder.Write(name, Compress(content));
}

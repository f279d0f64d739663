using Engine.Devices;
using Engine.Model.Batching;
using System.Text;
using Engine.Optim;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

public sealed class ExampleReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Row counts are those of `wc -l` less the header (CoLA has none); label counts those of `cut -f N | sort | uniq -c`.
    [SharedTheory]
    [InlineData("CoLA/train.tsv", "3", null, "1", 8551, "1", 6023)]
    [InlineData("CoLA/dev.tsv", "3", null, "1", 1043, "1", 721)]
    [InlineData("MRPC/train.tsv", "#1 String", "#2 String", "Quality", 3667, "1", 2473)]
    [InlineData("MRPC/dev.tsv", "#1 String", "#2 String", "Quality", 408, "1", 279)]
    [InlineData("SST-2/train.tsv", "sentence", null, "label", 67349, "1", 37569)]
    [InlineData("SST-2/dev.tsv", "sentence", null, "label", 872, "1", 444)]
    [InlineData("STS-B/train.tsv", "sentence1", "sentence2", "score", 5749, "5.000", 77)]
    [InlineData("STS-B/dev.tsv", "sentence1", "sentence2", "score", 1500, "5.000", 34)]
    public void Glue_files_are_read_row_by_row(
        string file, string text, string? pair, string label, int rows, string oneLabel, int rowsOfIt)
    {
        bool header = !file.StartsWith("CoLA", StringComparison.Ordinal);
        ColumnReference Column(string name) => header ? ColumnReference.ByName(name) : ColumnReference.ByIndex(int.Parse(name));
        ExampleSet set = ExampleReader.Read(SharedFiles.Path("data/glue/" + file), new ExampleReaderOptions
        {
            Format = DataFormats.Tsv,
            Header = header,
            Text = Column(text),
            TextPair = pair is null ? null : Column(pair),
            Label = Column(label),
        });
        Assert.Equal(rows, set.Count);
        Assert.Equal(rowsOfIt, set.Examples.Count(example => example.Label == oneLabel));
        Assert.All(set.Examples, example => Assert.False(string.IsNullOrEmpty(example.Text) || example.TextPair == ""));
        Assert.Equal(Enumerable.Range(0, rows), set.Examples.Select(example => example.Row));
    }

    [SharedFact]
    public void Quotes_in_tsv_are_ordinary_characters()
    {
        ExampleSet set = ExampleReader.Read(SharedFiles.Path("data/glue/MRPC/train.tsv"), new ExampleReaderOptions
        {
            Format = DataFormats.Tsv,
            Text = ColumnReference.ByName("#1 String"),
            TextPair = ColumnReference.ByName("#2 String"),
            Label = ColumnReference.ByName("Quality"),
        });
        Assert.Equal(
            "Amrozi accused his brother , whom he called \" the witness \" , of deliberately distorting his evidence .",
            set.Examples[0].Text);
        Assert.Equal((0, 2), (set.Examples[0].Row, set.Examples[0].Place.Number));
    }

    [Fact]
    public void Byte_order_mark_and_carriage_returns_are_not_text()
    {
        string path = folder.Write("a.tsv", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("text\tlabel\r\nna\"ïve\r x\t 1 \r\n\r\nb\t0")]);
        ExampleSet set = Read(path, DataFormats.Tsv);
        Assert.Equal(
            [new Example("na\"ïve\r x", null, "1", 0, new DataPlace(path, 2)), new Example("b", null, "0", 1, new DataPlace(path, 4))],
            set.Examples);
    }

    [Fact]
    public void Lines_that_end_with_a_carriage_return_alone_are_refused_by_what_they_are()
    {
        string path = folder.Write("a.tsv", "text\tlabel\rgood\t1\rbad\t0\r");
        Assert.Contains(
            "the lines end with a carriage return alone", Assert.Throws<DataFileException>(() => Read(path, DataFormats.Tsv)).Message);
    }

    [Fact]
    public void Lines_longer_than_the_read_buffer_stay_whole()
    {
        string text = string.Concat(Enumerable.Repeat("0123456789", 20_000));
        Assert.Equal(text, Read(folder.Write("a.tsv", $"text\tlabel\n{text}\t1\n"), DataFormats.Tsv).Examples[0].Text);
    }

    [Fact]
    public void Csv_fields_may_hold_commas_quotes_and_line_breaks()
    {
        string path = folder.Write("a.csv", "label,text\n1,\"a, \"\"b\"\"\nc\"\n0,plain\n");
        Assert.Equal(
            [new Example("a, \"b\"\nc", null, "1", 0, new DataPlace(path, 2)), new Example("plain", null, "0", 1, new DataPlace(path, 4))],
            Read(path, DataFormats.Csv).Examples);
    }

    [Theory]
    [InlineData("label,text\n1,\"open\n0,x\n", ":2:")]
    [InlineData("label,text\n1,\"a\" b\n", ":2:")]
    [InlineData("label,text\n0,ok\n1,a,b\n", ":3:")]
    public void Malformed_csv_names_the_line(string csv, string place)
        => Assert.Contains(place, Fails(folder.Write("a.csv", csv), DataFormats.Csv));

    [Fact]
    public void Json_lines_give_strings_and_numbers()
    {
        string path = folder.Write("a.jsonl", """
            {"text": "a\tb", "label": 1.0, "more": [1]}

            {"label": "no", "text": "c"}
            {"label": false, "text": "d"}
            """);
        Assert.Equal(
            [new Example("a\tb", null, "1", 0, new DataPlace(path, 1)), new Example("c", null, "no", 1, new DataPlace(path, 3)),
                new Example("d", null, "false", 2, new DataPlace(path, 4))],
            Read(path, DataFormats.JsonLines).Examples);
    }

    [Theory]
    [InlineData("{\"text\": \"a\", \"lable\": 1}", "the object has no property 'label'; it has text, lable.")]
    [InlineData("{\"text\": 5, \"label\": 1}", "a string was expected")]
    [InlineData("{\"text\": \"a\", \"label\": null}", "a string or a number")]
    [InlineData("[1, 2]", "an object was expected")]
    [InlineData("{\"text\": \"a\"", "not one JSON object")]
    [InlineData("{\"text\": \"a\", \"text\": \"b\", \"label\": 1}", "not one JSON object: Duplicate property 'text'")]
    [InlineData("{\"text\": \"\\ud800\", \"label\": 1}", "surrogate")]
    public void Malformed_json_lines_name_the_line_and_what_was_expected(string line, string expected)
    {
        string message = Fails(folder.Write("a.jsonl", "{\"text\": \"x\", \"label\": 1}\n" + line + "\n"), DataFormats.JsonLines);
        Assert.Contains("a.jsonl:2:", message);
        // The unknown property's hint names what the object has.
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Missing_column_names_the_nearest_one()
    {
        string message = Fails(folder.Write("a.tsv", "sentence\ttexts\tlabel\nx\ty\t1\n"), DataFormats.Tsv);
        Assert.Contains("a.tsv:1:", message);
        Assert.EndsWith("no column 'text'; did you mean 'texts'? Known are sentence, texts, label.", message);
        Assert.EndsWith(
            "Known are 'the sentence', ' texts', label.",
            Fails(folder.Write("b.tsv", "the sentence\t texts\tlabel\nx\ty\t1\n"), DataFormats.Tsv));
    }

    [Fact]
    public void Short_and_long_lines_name_the_line()
    {
        Assert.Contains(
            "a.tsv:3: the line has 1 column, the header 2", Fails(folder.Write("a.tsv", "text\tlabel\nx\t1\ny\n"), DataFormats.Tsv));
        Assert.Contains(
            "a.tsv:2: the line has 3 columns, the header 2", Fails(folder.Write("a.tsv", "text\tlabel\nx\ty\t1\n"), DataFormats.Tsv));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("text\tlabel\n")]
    public void Files_without_rows_are_refused(string content)
        => Assert.Contains("there are no rows", Fails(folder.Write("a.tsv", content), DataFormats.Tsv));

    [Fact]
    public void Missing_files_folders_and_other_encodings_are_refused()
    {
        Assert.Contains("does not exist", Fails(Path.Combine(folder.Root, "none.tsv"), DataFormats.Tsv));
        Assert.Contains("a folder", Fails(folder.Root, DataFormats.Tsv));
        Assert.Contains(
            "a.tsv:3: this line has bytes that are not UTF-8",
            Fails(folder.Write("a.tsv", [.. "text\tlabel\na\t1\nx"u8, 0xE9, .. "\t1\n"u8]), DataFormats.Tsv));
        Assert.Contains(
            "a.csv:4: this line has bytes that are not UTF-8",
            Fails(folder.Write("a.csv", [.. "text,label\n\"a\nb\",1\nx"u8, 0xE9, .. ",1\n"u8]), DataFormats.Csv));
        Assert.Contains(
            "a.json:2: this line has bytes that are not UTF-8",
            Fails(folder.Write("a.json", [.. "[\n{\"text\": \"x"u8, 0xE9, .. "\"}]\n"u8]), DataFormats.Json));
        Assert.Contains(
            "a.jsonl:2: this line has bytes that are not UTF-8",
            Fails(folder.Write("a.jsonl", [.. "{\"text\": \"x\", \"label\": 1}\n{\"text\": \"x"u8, 0xE9, .. "\"}\n"u8]),
                DataFormats.JsonLines));
    }

    [Fact]
    public void Limit_takes_the_first_rows()
    {
        string path = folder.Write("a.txt", "a\n\nb\nc\n");
        ExampleSet set = ExampleReader.Read(path, new ExampleReaderOptions { Format = DataFormats.Text, Limit = 2 });
        Assert.Equal(["a", "b"], set.Examples.Select(example => example.Text));
    }

    [Theory]
    [InlineData("tsv", "text\tlabel\na \"b\tx\nc\ty\n")]
    [InlineData("csv", "text,label\n\"a, \"\"b\"\"\",x\r\nc,y\r\n")]
    [InlineData("jsonl", "{\"text\": \"a\\u00e9\", \"label\": 1}\n{\"text\": \"b\", \"label\": \"x\"}\n")]
    public void Damaged_files_are_refused_and_never_crash(string format, string whole)
    {
        PhiloxGenerator random = new(12, (uint)whole.Length, 0);
        int refused = 0, rounds = WantedDevices.Long ? 500 : 125;
        for (int i = 0; i < rounds; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(whole);
            PhiloxWords words = random.Block((ulong)i);
            bytes[words.X % (uint)bytes.Length] = (byte)words.Y;
            if (Record.Exception(
                () => Read(folder.Write("damaged", bytes[..(bytes.Length - (int)(words.Z % 6))]), DataFormats.Named(format)!)) is { } error)
            {
                Assert.IsType<DataFileException>(error);
                refused++;
            }
        }

        Assert.InRange(refused, rounds / 25, rounds);
    }

    private static ExampleSet Read(string path, DataFormat format) => ExampleReader.Read(
        path, new ExampleReaderOptions { Format = format, Text = ColumnReference.ByName("text"), Label = ColumnReference.ByName("label") });

    private static string Fails(string path, DataFormat format) => Assert.Throws<DataFileException>(() => Read(path, format)).Message;
}

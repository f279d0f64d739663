using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

/// <summary>How files are recognised, taken apart and read one after another.</summary>
public sealed class DataFilesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.csv", "label,text\r\n1,\"a, b\"\r\n")]
    [InlineData("a.CSV", "\uFEFFtext,label\r\n\"a, b\",1\r\n")]
    [InlineData("a.tsv", "text\tlabel\na, b\t1\n")]
    [InlineData("a.tab", "text\tlabel\na, b\t1\n")]
    [InlineData("a.jsonl", "{\"text\": \"a, b\", \"label\": 1}\n")]
    [InlineData("a.ndjson", "{\"text\": \"a, b\", \"label\": \"1\"}\n")]
    [InlineData("a.json", "[{\"text\": \"a, b\", \"label\": 1.0}]")]
    public void A_files_ending_says_how_it_is_written(string name, string content)
    {
        Example row = Read(folder.Write(name, content)).Examples.Single();
        Assert.Equal(("a, b", "1"), (row.Text, row.Label));
    }

    [Fact]
    public void A_format_that_contradicts_the_ending_is_followed_and_errors_name_the_suspicion()
    {
        string path = folder.Write("a.csv", "text\tlabel\nx, y\t1\n");
        Assert.Equal("x, y", Read(path, Options with { Format = DataFormats.Tsv }).Examples[0].Text);

        string commas = folder.Write("b.csv", "text,label\nx,1\n");
        string message = Fails(commas, Options with { Format = DataFormats.Tsv });
        Assert.Contains("b.csv:1: the header has no column 'text'", message, StringComparison.Ordinal);
        Assert.Contains("The file's ending says csv, and it is read as tsv", message, StringComparison.Ordinal);
        Assert.Contains("format: csv", message, StringComparison.Ordinal);
        Assert.Contains(
            "The file's ending says jsonl", Fails(folder.Write("c.jsonl", "{}"), Options with { Format = DataFormats.Csv }),
            StringComparison.Ordinal);
        Assert.Contains("does not say how it is written", Fails(folder.Write("d.data", "x"), Options), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("csv", ';', "text;label\n\"a; \"\"b\"\"\nc\";1\n", "a; \"b\"\nc")]
    [InlineData("csv", '\t', "text\tlabel\n\"a\tb\"\t1\n", "a\tb")]
    [InlineData("csv", '|', "text|label\na, b|1\n", "a, b")]
    [InlineData("tsv", '|', "text|label\n\"a\tb|1\n", "\"a\tb")]
    public void Columns_may_be_parted_by_another_character(string format, char delimiter, string content, string text)
    {
        Example row = Read(
            folder.Write("a.data", content), Options with { Format = DataFormats.Named(format), Delimiter = delimiter }).Examples.Single();
        Assert.Equal((text, "1"), (row.Text, row.Label));
    }

    [Theory]
    [InlineData("a.csv", "text;label\nx;1\n", "holds a semicolon: is delimiter: ';' meant?")]
    [InlineData("a.csv", "text|label\nx|1\n", "is delimiter: '|' meant?")]
    [InlineData("a.csv", "text\tlabel\nx\t1\n", "is format: tsv meant?")]
    [InlineData("a.tsv", "text,label\nx,1\n", "is format: csv meant?")]
    public void A_header_of_one_column_names_the_delimiter_that_is_likely(string name, string content, string expected) =>
        Assert.Contains(expected, Fails(folder.Write(name, content), Options), StringComparison.Ordinal);

    [Fact]
    public void The_line_with_which_spreadsheets_name_the_delimiter_is_obeyed()
    {
        string path = folder.Write("a.csv", "\uFEFFsep=;\r\ntext;label\r\n\"a, b\r\nc\";1\r\nd;0\r\n");
        Assert.Equal([("a, b\r\nc", 3), ("d", 5)], Read(path).Examples.Select(row => (row.Text, row.Place.Number)));
        Assert.Equal("x", Read(folder.Write("b.csv", "sep=,\ntext,label\nx,1\n")).Examples.Single().Text);
        Assert.Contains("names the delimiter ';'", Fails(path, Options with { Delimiter = '|' }), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_files_are_one_set_and_errors_name_the_file()
    {
        string first = folder.Write("a.tsv", "text\tlabel\na\t1\nb\t0\n"), second = folder.Write("b.csv", "label,text\n1,c\n"),
            third = folder.Write("c.jsonl", "{\"text\": \"d\", \"label\": 0}\n{}\n");
        ExampleSet set = Read(new DataFiles([first, second]));
        Assert.Equal(
            [new("a", null, "1", 0, new DataPlace(first, 2)), new("b", null, "0", 1, new DataPlace(first, 3)),
                new Example("c", null, "1", 2, new DataPlace(second, 2))], set.Examples);
        Assert.Equal(
            ["a", "b", "c"], Read(new DataFiles([first, second, third]), Options with { Limit = 3 }).Examples.Select(row => row.Text));
        Assert.Contains($"{third}:2: ", Fails(new DataFiles([first, second, third]), Options), StringComparison.Ordinal);
        Assert.Contains(
            "e.tsv: there are no rows", Fails(new DataFiles([first, folder.Write("e.tsv", "text\tlabel\n")]), Options),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.tsv", "text\tlabel\nx\t1\n")]
    [InlineData("a.jsonl", "{\"text\": \"x\", \"label\": 1}\n")]
    public void A_label_that_is_the_text_is_refused(string name, string content)
    {
        string path = folder.Write(name, content);
        Assert.Contains("given its answer", Fails(path, Options with { Label = ColumnReference.ByName("text") }), StringComparison.Ordinal);
        Assert.Contains("both texts", Fails(path, Options with { TextPair = ColumnReference.ByName("text") }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_by_number_may_not_be_the_texts_either() => Assert.Contains(
        "given its answer", Fails(folder.Write("a.tsv", "text\tlabel\nx\t1\n"), Options with { Label = ColumnReference.ByIndex(0) }),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("a.jsonl", "{0}\n{1}")]
    [InlineData("a.json", "[{0},\n{1}]")]
    public void Numbers_that_are_not_finite_are_read_past_where_nobody_asks_for_them(string name, string layout)
    {
        string Write(string first, string second) =>
            folder.Write(name, layout.Replace("{0}", first, StringComparison.Ordinal).Replace("{1}", second, StringComparison.Ordinal));
        const string Good = """{"text": "a NaN b", "label": 1, "score": NaN, "more": [Infinity, -Infinity]}""";
        Assert.Equal("a NaN b", Read(Write(Good, Good)).Examples[1].Text);
        Assert.Contains(
            $"{name}:2: property 'label' is NaN; a string or a finite number",
            Fails(Write(Good, """{"text": "a", "label": NaN}"""), Options), StringComparison.Ordinal);
        Assert.Contains(
            $"{name}:2: property 'label' is -Infinity", Fails(Write(Good, """{"text": "a", "label": -Infinity}"""), Options),
            StringComparison.Ordinal);
        Assert.Contains(
            $"{name}:2: property 'text' is NaN; a string", Fails(Write(Good, """{"text": NaN, "label": 1}"""), Options),
            StringComparison.Ordinal);
    }

    private static ExampleReaderOptions Options { get; } =
        new() { Text = ColumnReference.ByName("text"), Label = ColumnReference.ByName("label") };

    private static ExampleSet Read(DataFiles files, ExampleReaderOptions? options = null) => ExampleReader.Read(files, options ?? Options);

    private static string Fails(DataFiles files, ExampleReaderOptions options) =>
        Assert.Throws<DataFileException>(() => Read(files, options)).Message;
}

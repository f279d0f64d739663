using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

public sealed class CausalReaderTests : IDisposable
{
    private const string Chat = """{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}""";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Chat, CausalDataKind.Messages)]
    [InlineData("""{"id": 4, "prompt": "a", "completion": "b"}""", CausalDataKind.PromptCompletion)]
    [InlineData("""{"instruction": "a", "input": null, "output": "b"}""", CausalDataKind.Alpaca)]
    [InlineData("""{"instruction": "a", "output": "b"}""", CausalDataKind.Alpaca)]
    [InlineData("""{"text": "a"}""", CausalDataKind.Text)]
    public void Keys_of_the_records_say_what_a_file_holds(string record, CausalDataKind kind)
    {
        CausalRecordSet lines = Read("a.jsonl", $"{record}\n\n{record}\n", DataFormats.JsonLines);
        Assert.Equal((kind, 2), (lines.Kind, lines.Records.Count));
        CausalRecordSet list = Read("a.json", $"\uFEFF[\n{record},\n{record}]\n", DataFormats.Json);
        Assert.Equal((kind, 2), (list.Kind, list.Records.Count));
    }

    [Fact]
    public void Records_hold_what_stands_in_the_file()
    {
        Assert.Equal(
            [new ChatMessage("user", "Hi"), new ChatMessage("assistant", "Hello")],
            Assert.IsType<CausalRecord.Conversation>(Read("a.jsonl", Chat, DataFormats.JsonLines).Records[0]).Messages);
        Assert.Equal(
            new CausalRecord.Instruction("a", "", "b"),
            Read("b.jsonl", """{"instruction": "a", "input": null, "output": "b"}""", DataFormats.JsonLines).Records[0]);
        Assert.Equal(
            [new CausalRecord.Plain("one"), new CausalRecord.Plain(" two")], Read("c.txt", "one\n\n two\n", DataFormats.Text).Records);
    }

    [Theory]
    [InlineData("""{"question": "a", "answer": "b"}""", null, ":1", "keys question, answer", "prompt with completion")]
    [InlineData("""{"prompt": "a"}""", null, ":1", "keys prompt", "messages")]
    [InlineData("""{"prompt": "a", "completion": "b", "text": "c"}""", null, ":1", "prompt with completion and text", "data.kind")]
    [InlineData(
        "{\"text\": \"a\"}\n\n{\"prompt\": \"a\", \"completion\": \"b\"}", null, ":3", "prompt, completion", "those before are text")]
    [InlineData("""{"prompt": "a", "completion": 3}""", null, ":1", "'completion'", "a string")]
    [InlineData("""{"prompt": "a", "completions": "b"}""", CausalDataKind.PromptCompletion, ":1", "completion", "completions")]
    [InlineData("""{"messages": []}""", null, ":1", "'messages'", "at least one")]
    [InlineData("""{"messages": "hi"}""", null, ":1", "'messages'", "a list of objects")]
    [InlineData("""{"messages": ["hi"]}""", null, ":1", "place 0", "an object")]
    [InlineData("""{"messages": [{"role": "user"}]}""", null, ":1", "content", "role")]
    [InlineData("""{"messages": [{"role": "human", "content": "x"}]}""", null, ":1", "'human'", "assistant")]
    [InlineData("""{}""", null, ":1", "(none)", "text")]
    [InlineData("", null, "", "no records", "at least one")]
    public void Record_that_does_not_fit_is_named_with_its_line_and_keys(
        string lines, CausalDataKind? kind, string line, string what, string expected)
    {
        DataFileException error = Assert.Throws<DataFileException>(() => Read("data.jsonl", lines, DataFormats.JsonLines, kind));
        Assert.Contains($"data.jsonl{line}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kind_that_is_given_settles_what_fits_several() => Assert.Equal(
        [new CausalRecord.Plain("c")],
        Read("a.jsonl", """{"prompt": "a", "completion": "b", "text": "c"}""", DataFormats.JsonLines, CausalDataKind.Text).Records);

    [Theory]
    [InlineData("""{"text": "a"}""", "data.json: ", "jsonl")]
    [InlineData("[\n{\"text\": \"a\"},\n3]", "data.json:3: ", "an object")]
    [InlineData("[\n{\"text\": \"a\"},\n{\"tex\": \"a\"}]", "data.json:3: ", "tex")]
    [InlineData("[\n{\"text\": \"a\"},\n{\"text\": }]", "data.json:3: ", "not JSON")]
    [InlineData("[{\"text\": \"a\"}] 3", "data.json", "not JSON")]
    [InlineData("[{\"text\": \"a\"}", "data.json", "not JSON")]
    public void Broken_list_is_named_with_the_line(string text, string place, string what)
    {
        DataFileException error = Assert.Throws<DataFileException>(() => Read("data.json", text, DataFormats.Json));
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Format_that_contradicts_the_ending_is_named_with_the_complaint()
    {
        string path = folder.Write("list.json", "[\n{\"text\": \"a\"}]\n");
        Assert.Single(CausalReader.Read(path, null, null).Records);
        string message = Assert.Throws<DataFileException>(() => CausalReader.Read(path, DataFormats.JsonLines, null)).Message;
        Assert.Contains("list.json:1: ", message, StringComparison.Ordinal);
        Assert.Contains("ending says json, and it is read as jsonl", message, StringComparison.Ordinal);
    }

    [SharedFact]
    public void Alpacas_file_is_read_whole()
    {
        CausalRecordSet set = CausalReader.Read(SharedFiles.Path("data/alpaca-demo/alpaca_en_demo.json"), DataFormats.Json, null);
        Assert.Equal(CausalDataKind.Alpaca, set.Kind);
        Assert.Equal(999, set.Records.Count);
        Assert.Equal("Describe a process of making crepes.", Assert.IsType<CausalRecord.Instruction>(set.Records[0]).Task);
    }

    private CausalRecordSet Read(string name, string text, DataFormat format, CausalDataKind? kind = null) =>
        CausalReader.Read(folder.Write(name, text), format, kind);
}

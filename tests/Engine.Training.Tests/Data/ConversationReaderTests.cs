using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

/// <summary>Tool calls, weights and what else of records is obeyed, refused or said.</summary>
public sealed class ConversationReaderTests : IDisposable
{
    private const string Call = """{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}""";
    private const string User = """{"role": "user", "content": "Weather?"}""";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("\"content\": \"\", \"tool_calls\": [" + Call + "]")]
    [InlineData("\"content\": null, \"tool_calls\": [" + Call + "]")]
    [InlineData("\"tool_calls\": [" + Call + "]")]
    [InlineData("\"content\": \" \\n\", \"function_call\": {\"name\": \"weather\", \"arguments\": \"{}\"}")]
    [InlineData("\"content\": \"\", \"weight\": 0, \"tool_calls\": [" + Call + "]")]
    public void An_answer_that_is_a_call_without_content_is_refused_with_its_turn(string turn)
    {
        string message = Fails($$"""
            {"messages": [{{User}}, {"role": "assistant", "content": "Sunny."}]}
            {"messages": [{{User}}, {"role": "assistant", {{turn}}}]}
            """);
        Assert.Contains("data.jsonl:2: turn 2: ", message, StringComparison.Ordinal);
        Assert.Contains("call", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_call_that_trained_silence_is_refused()
    {
        string path = SharedFiles.Path("cases/chat-toolcalls-empty-content/d.jsonl");
        Assert.Contains($"{path}:1: turn 2: ", Assert.Throws<DataFileException>(() => CausalReader.Read(path, null, null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"role": "tool", "content": "20 C", "tool_call_id": "1"}""", "turn 2: the role is 'tool'")]
    [InlineData("""{"role": "function", "name": "weather", "content": "20 C"}""", "turn 2: the role is 'function'")]
    [InlineData("""{"role": "assistant", "content": null}""", "turn 2: property 'content' is the word null")]
    [InlineData("""{"role": "assistant", "content": "a", "weight": 0.5}""", "turn 2: 'weight' says whether")]
    [InlineData("""{"role": "assistant", "content": "a", "train": "no"}""", "turn 2: 'train' says whether")]
    [InlineData("""{"role": "assistant", "content": "a", "weight": 1, "train": false}""", "turn 2: 'weight' and 'train' contradict")]
    [InlineData("""{"role": "assistant", "content": "a", "weight": NaN}""", "turn 2: 'weight' says whether")]
    public void A_turn_that_cannot_be_laid_out_is_named(string turn, string expected) =>
        Assert.Contains(expected, Fails($$"""{"messages": [{{User}}, {{turn}}]}"""), StringComparison.Ordinal);

    [Theory]
    [InlineData("\"weight\": 0", false)]
    [InlineData("\"weight\": 0.0", false)]
    [InlineData("\"train\": false", false)]
    [InlineData("\"weight\": 1", true)]
    [InlineData("\"train\": true, \"weight\": 1", true)]
    [InlineData("\"weight\": null", true)]
    [InlineData("\"tool_calls\": []", true)]
    [InlineData("\"tool_calls\": null, \"function_call\": null", true)]
    public void Weights_of_turns_are_obeyed(string keys, bool isLearned)
    {
        CausalRecordSet set = Read($$"""{"messages": [{{User}}, {"role": "assistant", "content": "a", {{keys}}}]}""");
        ChatMessage answer = Assert.IsType<CausalRecord.Conversation>(set.Records.Single()).Messages[1];
        Assert.Equal(isLearned, answer.IsLearned);
        Assert.Empty(set.Notes);
    }

    [Fact]
    public void Records_of_weight_0_are_left_out_and_said()
    {
        CausalRecordSet set = Read("""
            {"prompt": "a", "completion": "b", "weight": 0}
            {"prompt": "c", "completion": "d", "train": true}
            {"prompt": "e", "completion": "f", "train": false}
            """);
        Assert.Equal([new CausalRecord.Completion("c", "d")], set.Records);
        Assert.Contains("2 of 3 records have weight 0", Assert.Single(set.Notes), StringComparison.Ordinal);
        Assert.Contains("nothing to learn", Fails("""{"text": "a", "weight": 0}"""), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_passed_over_or_empty_is_said()
    {
        string notes = string.Join('\n', Read($$"""
            {"tools": [{"type": "function"}], "messages": [{"role": "user", "content": "Weather?", "weight": 1}, {"role": "assistant", "content": "I look.", "tool_calls": [{{Call}}]}]}
            {"tools": [], "functions": null, "messages": [{{User}}, {"role": "assistant", "content": " "}]}
            """).Notes);
        Assert.Contains("not read: tools (in 1 of 2 records)", notes, StringComparison.Ordinal);
        Assert.Contains("not read: tool_calls (in 1 of 4 turns)", notes, StringComparison.Ordinal);
        Assert.Contains("1 of 2 answers are empty", notes, StringComparison.Ordinal);
        Assert.Contains("1 of 4 turns, of users or the system, have weight 1", notes, StringComparison.Ordinal);

        Assert.Contains("system (in 1 of 1 records), weight (in 1 of 1 records)", Assert.Single(Read("""{"instruction": "a", "output": "b", "system": "c", "weight": 0.3}""").Notes), StringComparison.Ordinal);
        Assert.Contains("1 of 1 answers are empty", Assert.Single(Read("""{"prompt": "a", "completion": ""}""").Notes), StringComparison.Ordinal);
        Assert.Contains("1 of 1 texts are empty", Assert.Single(Read("""{"text": ""}""").Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_files_hold_one_kind_and_numbers_that_are_not_finite_are_read_past()
    {
        string first = folder.Write("a.jsonl", "{\"text\": \"a\", \"score\": NaN}\n"), second = folder.Write("b.txt", "b\n\nc\n"), third = folder.Write("c.jsonl", "\n{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        Assert.Equal([new CausalRecord.Plain("a"), new CausalRecord.Plain("b"), new CausalRecord.Plain("c")], CausalReader.Read(new DataFiles([first, second]), null, null).Records);
        string message = Assert.Throws<DataFileException>(() => CausalReader.Read(new DataFiles([first, third]), null, null)).Message;
        Assert.Contains($"{third}:2: ", message, StringComparison.Ordinal);
        Assert.Contains("property 'text' is NaN", Fails("""{"text": NaN}"""), StringComparison.Ordinal);
    }

    private CausalRecordSet Read(string lines) => CausalReader.Read(folder.Write("data.jsonl", lines), DataFormats.JsonLines, null);

    private string Fails(string lines) => Assert.Throws<DataFileException>(() => Read(lines)).Message;
}

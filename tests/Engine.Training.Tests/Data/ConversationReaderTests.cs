using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Tokenizers;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Tests.Data;

/// <summary>Roles, tools, calls, weights and what else of conversations is read, refused or said.</summary>
public sealed class ConversationReaderTests : IDisposable
{
    private const string Call = """{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}""";
    private const string User = """{"role": "user", "content": "Weather?"}""";

    private readonly TemporaryFolder folder = new();

    public ConversationReaderTests() => TinyDecoder.WriteTokenizer(folder.Root);

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
        CausalRecordSet set = CausalReader.Read(path, null, null);
        Assert.Contains($"{path}:1: turn 2: ", Assert.Throws<DataFileException>(() => Encode(set)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "without a chat template", Assert.Throws<DataFileException>(() => Encode(set, template: null)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"role": "function", "name": "weather", "content": "20 C"}""", "turn 2: the role is 'function'")]
    [InlineData(
        """{"role": "assistant", "content": "I look.", "function_call": {"name": "weather"}}""",
        "turn 2: 'function_call' is an older form")]
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
        CausalRecordSet set = Read($$"""
            {"tools": [{"type": "function"}], "functions": [1], "messages": [{"role": "user", "content": "Weather?", "weight": 1}, {"role": "assistant", "content": "I look.", "tool_calls": [{{Call}}]}]}
            {"tools": [], "functions": null, "messages": [{{User}}, {"role": "assistant", "content": " "}]}
            """);
        string notes = string.Join('\n', set.Notes);
        Assert.Contains("not read: functions (in 1 of 2 records)", notes, StringComparison.Ordinal);
        Assert.Contains("1 of 1 answers are empty", notes, StringComparison.Ordinal);
        Assert.Contains("1 of 4 turns, of users or the system, have weight 1", notes, StringComparison.Ordinal);
        Assert.Contains(
            "there is no place for tools (in 1 of 2 records), tool_calls (in 1 of 2 records)",
            Assert.Single(ConversationNotes.NotLaidOut(set, ChatTemplate.ChatMl)), StringComparison.Ordinal);
        Assert.Contains("without a chat template", Assert.Single(ConversationNotes.NotLaidOut(set, null)), StringComparison.Ordinal);
        Assert.Contains(
            "tools (in 1 of 1 records)", Assert.Single(Read("""{"tools": [1], "prompt": "a", "completion": "b"}""").Notes),
            StringComparison.Ordinal);

        Assert.Contains(
            "system (in 1 of 1 records), weight (in 1 of 1 records)",
            Assert.Single(Read("""{"instruction": "a", "output": "b", "system": "c", "weight": 0.3}""").Notes), StringComparison.Ordinal);
        Assert.Contains(
            "1 of 1 answers are empty", Assert.Single(Read("""{"prompt": "a", "completion": ""}""").Notes), StringComparison.Ordinal);
        Assert.Contains("1 of 1 texts are empty", Assert.Single(Read("""{"text": ""}""").Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_template_is_told_is_read_with_the_turns()
    {
        Conversation conversation = Assert.IsType<CausalRecord.Conversation>(Read($$"""
            {"messages": [{{User}}, {"role": "assistant", "content": null, "reasoning_content": "Ask.", "tool_calls": [{{Call}}], "name": null}, {"role": "tool", "content": "20", "tool_call_id": "1"}], "tools": "[{\"type\": \"function\"}]", "documents": [{"text": "d"}], "chat_template_kwargs": {"enable_thinking": false} }
            """).Records.Single()).Chat;
        Assert.Equal(["user", "assistant", "tool"], conversation.Messages.Select(message => message.Role));
        Assert.Null(conversation.Messages[1].Content);
        Assert.Equal(["reasoning_content", "tool_calls"], conversation.Messages[1].Members.Keys);
        Assert.Equal(
            """{"type": "function"}, {"text": "d"}, False""",
            string.Join(", ", [.. conversation.Tools!, .. conversation.Documents!, conversation.Variables["enable_thinking"]]));
        Assert.Contains(
            "property 'tools' is an object; a list", Fails($$"""{"messages": [{{User}}], "tools": {"b": 1} }"""), StringComparison.Ordinal);
        Assert.Contains(
            "property 'tools' is a text that is not JSON", Fails($$"""{"messages": [{{User}}], "tools": "now()"}"""),
            StringComparison.Ordinal);
        Assert.Contains(
            "property 'chat_template_kwargs' is an array; an object", Fails($$"""{"messages": [{{User}}], "chat_template_kwargs": [1]}"""),
            StringComparison.Ordinal);
    }

    [Fact]
    public void ShareGpts_turns_are_read()
    {
        CausalRecordSet set = Read("""
            {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yo", "weight": 0}, {"from": "tool", "value": "1"}]}
            """);
        Assert.Equal(CausalDataKind.ShareGpt, set.Kind);
        Assert.Equal(
            [new("system", "Be brief."), new("user", "Hi"), new("assistant", "Yo") { IsLearned = false }, new ChatMessage("tool", "1")],
            Assert.IsType<CausalRecord.Conversation>(set.Records.Single()).Messages);
        Assert.Contains(
            "turn 1: 'from' is 'narrator'; expected human, ", Fails("""{"conversations": [{"from": "narrator", "value": "x"}]}"""),
            StringComparison.Ordinal);
        Assert.Contains(
            "turn 1: the object has no property 'value'; it has from, content",
            Fails("""{"conversations": [{"from": "human", "content": "x"}]}"""), StringComparison.Ordinal);
        Assert.Contains(
            "fits messages and conversations", Fails($$"""{"messages": [{{User}}], "conversations": []}"""), StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_of_a_completion_of_turns_are_learned_and_those_of_its_prompt_are_not()
    {
        CausalRecordSet set = Read($$"""
            {"prompt": [{{User}}, {"role": "assistant", "content": "Where?"}, {"role": "user", "content": "Rome"}], "completion": [{"role": "assistant", "content": "Sunny."}]}
            """);
        Assert.Equal(CausalDataKind.PromptCompletionMessages, set.Kind);
        Assert.Equal("Sunny.<|im_end|>", Learned(Encode(set)));
        Assert.Contains(
            "'completion' has no turn of the assistant", Fails($$"""{"prompt": [{{User}}], "completion": [{{User}}]}"""),
            StringComparison.Ordinal);
        Assert.Contains(
            "turn of the completion 1: the role is 'bot'",
            Fails($$"""{"prompt": [{{User}}], "completion": [{"role": "bot", "content": "x"}]}"""), StringComparison.Ordinal);
        Assert.Contains(
            "property 'completion' is a string; a list of objects", Fails($$"""{"prompt": [{{User}}], "completion": "x"}"""),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_refuses_a_conversation_is_named_with_its_line_and_the_datas()
    {
        File.WriteAllText(
            folder.File("chat_template.jinja"),
            "{% for message in messages %}\n{% if message.role == 'tool' %}{{ raise_exception('No tools here.') }}{% endif %}{% endfor %}");
        CausalRecordSet set = Read($$"""

            {"messages": [{{User}}, {"role": "tool", "content": "20"}]}
            """);
        string message = Assert.Throws<DataFileException>(() => Encode(set, ChatTemplate.OfFolder(folder.Root))).Message;
        Assert.Contains("data.jsonl:2: The chat template (", message, StringComparison.Ordinal);
        Assert.Contains("chat_template.jinja, line 2) refuses the conversation: No tools here.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_files_hold_one_kind_and_numbers_that_are_not_finite_are_read_past()
    {
        string first = folder.Write("a.jsonl", "{\"text\": \"a\", \"score\": NaN}\n"), second = folder.Write("b.txt", "b\n\nc\n"),
            third = folder.Write("c.jsonl", "\n{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        Assert.Equal(
            [new CausalRecord.Plain("a"), new CausalRecord.Plain("b"), new CausalRecord.Plain("c")],
            CausalReader.Read(new DataFiles([first, second]), null, null).Records);
        string message = Assert.Throws<DataFileException>(() => CausalReader.Read(new DataFiles([first, third]), null, null)).Message;
        Assert.Contains($"{third}:2: ", message, StringComparison.Ordinal);
        Assert.Contains("property 'text' is NaN", Fails("""{"text": NaN}"""), StringComparison.Ordinal);
    }

    private CausalRecordSet Read(string lines) => CausalReader.Read(folder.Write("data.jsonl", lines), DataFormats.JsonLines, null);

    private string Fails(string lines) => Assert.Throws<DataFileException>(() => Encode(Read(lines))).Message;

    private CausalSamples Encode(CausalRecordSet set) => Encode(set, ChatTemplate.ChatMl);

    private CausalSamples Encode(CausalRecordSet set, ChatTemplate? template) =>
        new CausalEncoder(Tokenizer.Load(folder.Root), template, completionOnlyLoss: true).Encode(set, maxLength: 1000);

    private string Learned(CausalSamples samples) =>
        Tokenizer.Load(folder.Root).Decode(samples.Rows.TokenLabels!.Single().Where(label => label != RaggedBatch.IgnoredLabel));
}

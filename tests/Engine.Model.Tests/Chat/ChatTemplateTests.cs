using Engine.Common.Files;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Tokenizers;

namespace Engine.Model.Tests.Chat;

public sealed class ChatTemplateTests : IDisposable
{
    private static readonly ChatMessage[] Talk =
        [new("user", "Hi"), new("assistant", " Hello\n"), new("user", "Bye"), new("assistant", "So long")];

    private readonly TemporaryFolder folder = new();
    private readonly Tokenizer tokenizer;

    public ChatTemplateTests()
    {
        TinyDecoder.WriteTokenizer(folder.Root, chatTemplate: null);
        tokenizer = Tokenizer.Load(folder.Root);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Plain_turns_are_lines_and_answers_end_with_the_end_of_text()
    {
        Conversation talk =
            new([new("user", " Hi "), new("assistant", "Yo"), new("assistant", "Aside") { IsLearned = false }, new("assistant", " ")]);
        IReadOnlyList<TextPart> parts = Sample(ChatTemplate.Plain, talk).Parts;
        Assert.Equal("User: Hi\nAssistant: Yo<|endoftext|>\nAssistant: Aside<|endoftext|>\nAssistant:<|endoftext|>\n", Text(parts));
        Assert.Equal([" Yo", "<|endoftext|>", "<|endoftext|>"], parts.Where(part => part.IsAnswer).Select(part => part.Text));
        Assert.Equal([" Aside", "<|endoftext|>"], parts.Where(part => part.IsUnlearned).Select(part => part.Text));
        Assert.Equal("User: Hi\nAssistant:", Text(Prompt(ChatTemplate.Plain, Talk[..1])));
        Assert.Same(ChatTemplate.Plain, ChatTemplate.Named("plain", "nowhere"));
    }

    [Fact]
    public void Chatml_lays_turns_out_and_marks_what_the_assistant_says_with_its_end()
    {
        IReadOnlyList<TextPart> parts = Sample(ChatTemplate.ChatMl, new(Talk)).Parts;
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n "
                + "Hello\n<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nSo long<|im_end|>\n",
            Text(parts));
        Assert.Equal(" Hello\n<|im_end|>So long<|im_end|>", Learned(parts));
        Assert.EndsWith("<|im_end|>\n<|im_start|>assistant\n", Text(Prompt(ChatTemplate.ChatMl, Talk[..1])), StringComparison.Ordinal);
    }

    [Fact]
    public void Llama3_starts_with_the_begin_of_text_and_trims_content()
    {
        IReadOnlyList<TextPart> parts = Sample(ChatTemplate.Llama3, new(Talk[..2])).Parts;
        Assert.Equal(
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>", Text(parts));
        Assert.Equal("Hello<|eot_id|>", Learned(parts));
    }

    [Fact]
    public void Qwen_puts_its_system_message_before_a_conversation_that_has_none()
    {
        Assert.StartsWith(
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi",
            Text(Prompt(ChatTemplate.Qwen25, Talk)), StringComparison.Ordinal);
        Assert.StartsWith(
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", Text(Prompt(ChatTemplate.Qwen2, Talk)),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n",
            Text(Prompt(ChatTemplate.Qwen25, [new("system", "Be brief."), .. Talk])), StringComparison.Ordinal);
    }

    /// <summary>
    /// Spellings of ChatML and Llama 3 that published models have, old ones without a generation prompt, or with one always, among them.
    /// </summary>
    [Theory]
    [InlineData(
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor "
            + "%}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")]
    [InlineData(
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% for message in messages "
            + "%}\n{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}")]
    [InlineData(
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe.<|im_end|>\n' "
            + "}}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}")]
    [InlineData(
        "{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' "
            + "}}\n{% endfor %}")]
    [InlineData(
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + "
            + "'<|end_header_id|>\n\n'+ message['content'] + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + "
            + "content %}{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}")]
    [InlineData(
        "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|eot_id|>\n' }}{% endfor %}{% if "
            + "add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}")]
    public void Answers_of_a_folders_template_are_found_with_their_end(string source)
    {
        ChatTemplate template = OfFolder(source.Replace("bos_token", "'<|begin_of_text|>'", StringComparison.Ordinal));
        ChatSample sample = Sample(template, new(Talk));
        string end = source.Contains("im_end", StringComparison.Ordinal) ? "<|im_end|>" : "<|eot_id|>";
        Assert.Equal($" Hello\n{end}So long{end}", Learned(sample.Parts));
        Assert.Equal(0, sample.UnsureAnswers);

        string prompt = Text(Prompt(template, Talk[..1]));
        Assert.Equal(1, prompt.Split("assistant").Length - 1);
        Assert.StartsWith(prompt, Text(Sample(template, new(Talk[..2])).Parts), StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_whose_place_is_not_certain_is_not_learned_and_counted()
    {
        // Turns are numbered from the end: what a conversation begins with is no beginning of it.
        ChatTemplate template =
            OfFolder("{% for message in messages %}{{ loop.revindex ~ message.role ~ ':' ~ message.content ~ '<|im_end|>' }}{% endfor %}");
        ChatSample sample = Sample(template, new(Talk));
        Assert.Equal("", Learned(sample.Parts));
        Assert.Equal(2, sample.UnsureAnswers);

        // Where it must not be learned either, all is left out.
        sample = Sample(template, new([Talk[0], Talk[1] with { IsLearned = false }, .. Talk[2..]]));
        Assert.All(sample.Parts, part => Assert.True(part.IsUnlearned));
    }

    [Fact]
    public void Turns_of_a_prompt_and_unlearned_ones_are_read_alone()
    {
        foreach (ChatTemplate template in (ChatTemplate[])[ChatTemplate.ChatMl, OfFolder(TinyDecoder.ChatMl)])
        {
            Assert.Equal("So long<|im_end|>", Learned(Sample(template, new(Talk) { FirstLearned = 2 }).Parts));
            IReadOnlyList<TextPart> parts = Sample(template, new([Talk[0], Talk[1] with { IsLearned = false }, .. Talk[2..]])).Parts;
            Assert.Equal("So long<|im_end|>", Learned(parts));
            Assert.Equal(" Hello\n<|im_end|>", Text(parts.Where(part => part.IsUnlearned)));
        }
    }

    [Fact]
    public void Tools_documents_and_variables_reach_the_template_and_spell_no_special_token()
    {
        ChatTemplate template = OfFolder(
            "{{ tools | tojson }}{{ documents[0].text }}{{ mood }}{{ eos_token }}{% for message in messages %}{{ message.content ~ "
                + "message.reasoning_content }}{% endfor %}");
        Conversation talk = new([new("user", "a<|im_") { Members = new Dictionary<string, object?> { ["reasoning_content"] = "end|>b" } }])
        {
            Tools = [new Dictionary<string, object?> { ["name"] = "<|eot_id|>", ["limit"] = 1.0 }],
            Documents = [new Dictionary<string, object?> { ["text"] = "d" }],
            Variables = new Dictionary<string, object?> { ["mood"] = "m<|im_end|>" },
        };
        IReadOnlyList<TextPart> parts = Prompt(template, talk);
        Assert.Equal("[{\"name\": \"<|eot_id|>\", \"limit\": 1.0}]dm<|im_end|><|endoftext|>a<|im_end|>b", Text(parts));
        Assert.Equal(["<|endoftext|>"], parts.Where(part => part.SpecialId is not null).Select(part => part.Text));
        Assert.True(template.Mentions("tools") && !template.Mentions("tool_calls"));
    }

    [Fact]
    public void A_call_without_a_place_in_the_template_is_refused_with_its_turn()
    {
        ChatMessage call = new("assistant", null) { Members = new Dictionary<string, object?> { ["tool_calls"] = new object[] { "f" } } };
        ChatTemplateException error = Assert.Throws<ChatTemplateException>(() => Sample(ChatTemplate.ChatMl, new([Talk[0], call])));
        Assert.StartsWith("turn 2: the answer is a call of a tool", error.Message, StringComparison.Ordinal);
        Assert.Equal("f<|im_end|>", Learned(Sample(OfFolder(
            "{% for message in messages %}{{ message.role + '\n' + (message.content or message.tool_calls[0]) + '<|im_end|>' "
                + "}}{% endfor %}"), new([Talk[0], call])).Parts));
    }

    [Fact]
    public void Template_of_a_folder_is_found_in_its_own_file_or_among_named_ones()
    {
        Refused("no chat template");
        folder.Write(
            "tokenizer_config.json",
            """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{% if %}"}]}""");
        Refused("line 1: ");
        folder.Write(
            "tokenizer_config.json",
            """{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}""");
        ChatTemplate template = ChatTemplate.OfFolder(folder.Root);
        Assert.Equal("d", Text(Prompt(template, Talk)));
        Assert.Equal("t", Text(Prompt(template, new Conversation(Talk) { Tools = ["x"] })));
        folder.Write("chat_template.jinja", "own\n");
        Assert.Equal("own", Text(Prompt(ChatTemplate.OfFolder(folder.Root), Talk)));
    }

    [Theory]
    [InlineData("a\n{{ odd.key }}", "line 2): 'odd' is undefined")]
    [InlineData("{{ raise_exception('Roles must alternate.') }}", "line 1) refuses the conversation: Roles must alternate.")]
    public void A_template_that_fails_says_where_and_why(string source, string expected)
    {
        ChatTemplateException error = Assert.Throws<ChatTemplateException>(() => Prompt(OfFolder(source), Talk));
        Assert.Contains("chat_template.jinja, ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private void Refused(string problem)
    {
        ModelFileException error = Assert.Throws<ModelFileException>(() => ChatTemplate.OfFolder(folder.Root));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains("a run's chat_template", error.Message, StringComparison.Ordinal);
    }

    private ChatTemplate OfFolder(string source)
    {
        folder.Write("chat_template.jinja", source);
        return ChatTemplate.OfFolder(folder.Root);
    }

    private ChatSample Sample(ChatTemplate template, Conversation conversation) =>
        new ChatRenderer(tokenizer, template).Sample(conversation);

    private IReadOnlyList<TextPart> Prompt(ChatTemplate template, Conversation conversation) =>
        new ChatRenderer(tokenizer, template).Prompt(conversation);

    private IReadOnlyList<TextPart> Prompt(ChatTemplate template, ChatMessage[] messages) => Prompt(template, new Conversation(messages));

    private static string Text(IEnumerable<TextPart> parts) => string.Concat(parts.Select(part => part.Text));

    private static string Learned(IEnumerable<TextPart> parts) => Text(parts.Where(part => part.IsAnswer));
}

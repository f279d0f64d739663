using Engine.Model.Chat;
using Engine.Common.Files;
using Engine.Tests;

namespace Engine.Model.Tests.Chat;

public sealed class ChatTemplateTests
{
    private static readonly ChatMessage[] Talk = [new("user", "Hi"), new("assistant", " Hello\n"), new("user", "Bye"), new("assistant", "So long")];

    [Fact]
    public void Plain_turns_are_lines_and_answers_end_with_the_end_of_text()
    {
        IReadOnlyList<TextPart> parts = ChatTemplate.Plain.Render([new("user", " Hi "), new("assistant", "Yo"), new("assistant", "Aside") { IsLearned = false }], addGenerationPrompt: true);
        Assert.Equal("User: Hi\nAssistant: Yo\nAssistant: Aside\nAssistant:", Text(parts));
        Assert.Equal([new(" Yo", IsAnswer: true), new TextPart(TextPart.EndOfText, IsSpecial: true, IsAnswer: true)], parts.Where(part => part.IsAnswer));
        Assert.Equal([" Aside", TextPart.EndOfText], parts.Where(part => part.IsUnlearned).Select(part => part.Text));
        Assert.Same(ChatTemplate.Plain, ChatTemplate.Named("plain", "nowhere"));
    }

    [Fact]
    public void Chatml_lays_turns_out_and_marks_what_the_assistant_says_with_its_end()
    {
        IReadOnlyList<TextPart> parts = ChatTemplate.ChatMl.Render(Talk);
        Assert.Equal(
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n Hello\n<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\nSo long<|im_end|>\n",
            Text(parts));
        Assert.Equal(" Hello\n<|im_end|>So long<|im_end|>", Text(parts.Where(part => part.IsAnswer)));
        Assert.EndsWith("<|im_end|>\n<|im_start|>assistant\n", Text(ChatTemplate.ChatMl.Render(Talk[..1], addGenerationPrompt: true)), StringComparison.Ordinal);
    }

    [Fact]
    public void Llama3_starts_with_the_begin_of_text_and_trims_content()
    {
        IReadOnlyList<TextPart> parts = ChatTemplate.Llama3.Render(Talk[..2]);
        Assert.Equal(
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>", Text(parts));
        Assert.Equal("Hello<|eot_id|>", Text(parts.Where(part => part.IsAnswer)));
    }

    [Fact]
    public void Qwen_puts_its_system_message_before_a_conversation_that_has_none()
    {
        Assert.StartsWith(
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi", Text(ChatTemplate.Qwen25.Render(Talk)), StringComparison.Ordinal);
        Assert.StartsWith("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", Text(ChatTemplate.Qwen2.Render(Talk)), StringComparison.Ordinal);
        Assert.StartsWith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n", Text(ChatTemplate.Qwen25.Render([new("system", "Be brief."), .. Talk])), StringComparison.Ordinal);
    }

    [Fact]
    public void Role_that_no_template_has_is_named() =>
        Assert.Contains("'tool'", Assert.Throws<ArgumentException>(() => ChatTemplate.ChatMl.Render([new("tool", "1")])).Message, StringComparison.Ordinal);

    /// <summary>Spellings that published models use; a line end after a printed turn is printed, so that such a template is another.</summary>
    [Theory]
    [InlineData("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}", "chatml")]
    [InlineData("{%- for message in messages %}\n    {{- \"<|im_start|>\" + message.role + '\\n' }}\n    {{- message.content + '<|im_end|>\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n", "chatml")]
    [InlineData("{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% for message in messages %}\n{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}", "chatml")]
    [InlineData("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}", "qwen2")]
    [InlineData("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}", "llama3")]
    [InlineData("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}", "llama3")]
    [InlineData("{% for message in messages %}\n{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}\n{% endfor %}", null)]
    [InlineData("{% for message in messages %}{{ message['content'] }}{% endfor %}", null)]
    [InlineData("{% for message in messages %}{{ '<|im_start|>", null)]
    [InlineData("", null)]
    public void Published_templates_are_recognised_and_others_are_not(string source, string? name) =>
        Assert.Equal(name, ChatTemplateRecognition.Find(source)?.Name);

    [SharedFact]
    public void Qwen25s_template_with_tools_is_recognised_whatever_its_system_message()
    {
        using TemporaryFolder folder = new();
        string config = File.ReadAllText(SharedFiles.Path("data/qwen2-tokenizer/tokenizer_config.json"));
        folder.Write("tokenizer_config.json", config);
        Assert.Equal("qwen2.5", ChatTemplate.OfFolder(folder.Root).Name);
        folder.Write("tokenizer_config.json", config.Replace("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", "You are it\\\\'s owner.", StringComparison.Ordinal));
        Assert.StartsWith("<|im_start|>system\nYou are it's owner.<|im_end|>\n", Text(ChatTemplate.OfFolder(folder.Root).Render(Talk)), StringComparison.Ordinal);
    }

    [Fact]
    public void Template_of_a_folder_is_found_in_its_own_file_or_among_named_ones()
    {
        using TemporaryFolder folder = new();
        Refused(folder, "no chat template");
        folder.Write("tokenizer_config.json", """{"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "{{ odd }}"}]}""");
        Refused(folder, "none of those known");
        folder.Write("chat_template.jinja", TinyDecoder.ChatMl);
        Assert.Same(ChatTemplate.ChatMl, ChatTemplate.OfFolder(folder.Root));
    }

    private static void Refused(TemporaryFolder folder, string problem)
    {
        ModelFileException error = Assert.Throws<ModelFileException>(() => ChatTemplate.OfFolder(folder.Root));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains("set chat_template in the run file", error.Message, StringComparison.Ordinal);
    }

    private static string Text(IEnumerable<TextPart> parts) => string.Concat(parts.Select(part => part.Text));
}

using System.Text.Json;
using System.Text.RegularExpressions;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Tokenizers;

namespace Engine.Model.Tests.Chat;

/// <summary>
/// Conversations laid out by 28 published templates, with a tokenizer of bytes that has the tokens which the templates print.
/// </summary>
public sealed partial class ChatRendererGoldenTests
{
    private static readonly Dictionary<string, JsonElement> Conversations =
        Document("conversations.json").EnumerateArray().ToDictionary(one => one.GetProperty("name").GetString()!);

    /// <summary>What a template is told, and what is done to keep special tokens out of texts, changes nothing of a rendering.</summary>
    [Fact]
    public void Prompts_are_the_renderings_of_transformers()
    {
        Dictionary<string, ChatRenderer> renderers = Templates().ToDictionary(name => name, Renderer);
        int compared = 0;
        foreach (JsonElement golden in File.ReadLines(SharedFiles.Path("goldens/templates/rendered.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement))
        {
            Dictionary<string, object?> options = Members(golden.GetProperty("options"));
            string template = golden.GetProperty("template").GetString()!, name = golden.GetProperty("conversation").GetString()!;
            bool printsToday = template is "gpt-oss" or "granite-3.3";
            if (printsToday || !options.Remove("add_generation_prompt") || Read(name) is not { } conversation)
            {
                continue;
            }

            conversation = conversation with { Variables = options };
            string expected = golden.TryGetProperty("text", out JsonElement text)
                ? text.GetString()!
                : golden.GetProperty("error").GetProperty("kind").GetString()!;
            Assert.Equal($"{template} {name} {expected}", $"{template} {name} {Attempt(renderers[template], conversation)}");
            compared++;
        }

        Assert.InRange(compared, 700, 1456);

        static string Attempt(ChatRenderer renderer, Conversation conversation)
        {
            try
            {
                IReadOnlyList<TextPart> parts = renderer.Prompt(conversation);
                Assert.All(parts, part => Assert.DoesNotContain('\uFDD0', part.Text));
                return string.Concat(parts.Select(part => part.Text));
            }
            catch (ChatTemplateException error)
            {
                return ((Engine.Model.Chat.Jinja.JinjaException)error.InnerException!).KindName;
            }
        }
    }

    /// <summary>
    /// TRL publishes two templates with <c>generation</c> blocks: where these stand, the originals' answers are found. Qwen2.5's hold the
    /// line breaks around an answer, too.
    /// </summary>
    [Theory]
    [InlineData("qwen2.5-instruct", "qwen2.5-training")]
    [InlineData("llama3-instruct", "llama3-training")]
    public void Answers_of_a_template_are_what_its_variant_with_generation_blocks_marks(string original, string marked)
    {
        ChatRenderer found = Renderer(original), given = Renderer(marked);
        int answers = 0;
        foreach (string name in Conversations.Keys)
        {
            if (Read(name) is not { Messages: [{ Role: not ChatMessage.Assistant }, ..] } conversation
                || Sample(found, conversation) is not { } sample)
            {
                continue;
            }

            ChatSample expected = given.Sample(conversation);
            Assert.Equal(Text(expected.Parts), Text(sample.Parts));
            Assert.Equal((0, 0), (sample.UnsureAnswers, expected.UnsureAnswers));
            Assert.Equal(Answers(expected), Answers(sample));
            answers += conversation.Messages.Count(message => message.Role == ChatMessage.Assistant);
        }

        Assert.InRange(answers, 10, 100);
    }

    /// <summary>Two answers, a question between: what is learned of them, by each template's own ends.</summary>
    [Theory]
    [InlineData("chatml", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("command-r", "One.<|END_OF_TURN_TOKEN|>Two.<|END_OF_TURN_TOKEN|>")]
    [InlineData("deepseek-v3", "One.<｜end▁of▁sentence｜>Two.<｜end▁of▁sentence｜>")]
    [InlineData("gemma2-it", "One.<end_of_turn>Two.<end_of_turn>")]
    [InlineData("gemma3-it", "One.<end_of_turn>Two.<end_of_turn>")]
    [InlineData("command-r7b", "One.<|END_RESPONSE|>Two.<|END_RESPONSE|>")]
    [InlineData("deepseek-r1-distill", "One.<｜end▁of▁sentence｜>Two.<｜end▁of▁sentence｜>")]
    [InlineData("glm-4.5", "\n<think></think>\nOne.<|user|>\n<think></think>\nTwo.")]
    [InlineData("granite-3.3", "One.<|end_of_text|>Two.<|end_of_text|>")]
    [InlineData("lfm2.5", "One.<|im_end|>\nTwo.<|im_end|>\n")]
    [InlineData("llama2-chat", "One. </s>Two. </s>")]
    [InlineData("mistral-7b-instruct-v0.3", "One. </s>Two. </s>")]
    [InlineData("nemotron-3-nano", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("olmo2-instruct", "One.<|endoftext|>Two.<|endoftext|>")]
    [InlineData("llama3-instruct", "One.<|eot_id|>Two.<|eot_id|>")]
    [InlineData("llama3.1-instruct", "One.<|eot_id|>Two.<|eot_id|>")]
    [InlineData("mistral-7b-instruct-v0.1", "One.</s>Two.</s>")]
    [InlineData("phi3-mini", "One.<|end|>Two.<|end|>")]
    [InlineData("phi4", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("qwen2.5-instruct", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("qwen3", "One.<|im_end|><think>\n\n</think>\n\nTwo.<|im_end|>")]
    [InlineData("qwen3-coder", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("smollm2", "One.<|im_end|>Two.<|im_end|>")]
    [InlineData("zephyr-7b-beta", "One.</s>Two.</s>")]
    public void Two_answers_are_learned_with_their_ends(string template, string expected)
    {
        ChatSample sample = Renderer(template)
            .Sample(new Conversation([new("user", "1?"), new("assistant", "One."), new("user", "2?"), new("assistant", "Two.")]));
        Assert.Equal(expected, Learned(sample));
        Assert.Equal(0, sample.UnsureAnswers);
    }

    /// <summary>
    /// An answer that another follows ends otherwise than a last one, and both begin with tokens of their own: the first one's end is not
    /// certain.
    /// </summary>
    [Fact]
    public void An_answer_that_its_beginning_does_not_place_is_left_out()
    {
        ChatSample sample = Renderer("gpt-oss")
            .Sample(new Conversation([new("user", "1?"), new("assistant", "One."), new("user", "2?"), new("assistant", "Two.")]));
        Assert.Equal("<|channel|>final<|message|>Two.<|return|>", Learned(sample));
        Assert.Equal(1, sample.UnsureAnswers);
    }

    [Fact]
    public void Thoughts_and_calls_are_learned_where_a_template_lays_them_out()
    {
        ChatRenderer qwen3 = Renderer("qwen3");
        Dictionary<string, object?> call =
            new()
            {
                ["function"] = new Dictionary<string, object?>
                {
                    ["name"] = "now",
                    ["arguments"] = new Dictionary<string, object?> { ["zone"] = "CET" }
                }
            };
        Conversation conversation = new(
        [
            new("user", "Time?"),
            new("assistant", "") { Members =
                new Dictionary<string, object?> { [ChatMessage.ReasoningContent] = "Ask.", [ChatMessage.ToolCalls] = new[] { call } } },
            new("tool", "12:00"),
            new("assistant", "Noon."),
        ]);
        const string Called =
            "<think>\nAsk.\n</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {\"zone\": \"CET\"}}\n</tool_call><|im_end|>";
        Assert.Equal($"{Called}<think>\n\n</think>\n\nNoon.<|im_end|>", Learned(qwen3.Sample(conversation)));

        // What stands in the prompt is not asked for: without thinking its empty thought belongs to it.
        conversation = new(
            [new("user", "Time?"), new("assistant", "Noon.")])
        {
            Variables = new Dictionary<string, object?> { ["enable_thinking"] = false }
        };
        Assert.Equal("Noon.<|im_end|>", Learned(qwen3.Sample(conversation)));
        Assert.EndsWith(
            "<|im_start|>assistant\n<think>\n\n</think>\n\n",
            Text(qwen3.Prompt(conversation with { Messages = [conversation.Messages[0]] })), StringComparison.Ordinal);
    }

    private static ChatSample? Sample(ChatRenderer renderer, Conversation conversation)
    {
        try
        {
            return renderer.Sample(conversation);
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }

    /// <summary>
    /// A golden's conversation; null where it has contents that are lists of parts, or none where a text is asked for, which are no text.
    /// </summary>
    private static Conversation? Read(string name)
    {
        JsonElement golden = Conversations[name];
        JsonElement[] messages = [.. golden.GetProperty("messages").EnumerateArray()];
        return messages.Any(
            message => !message.TryGetProperty("content", out JsonElement content)
                || content.ValueKind is not (JsonValueKind.String or JsonValueKind.Null))
            ? null
            : new Conversation(
                [.. messages.Select(message => new ChatMessage(
                    message.GetProperty("role").GetString()!, message.GetProperty("content").GetString())
                {
                    Members = Members(message).Where(member => member.Key is not ("role" or "content")).ToDictionary(),
                })])
            {
                Tools = List(golden, "tools"),
                Documents = List(golden, "documents"),
            };
    }

    private static IReadOnlyList<object?>? List(JsonElement golden, string name) =>
        golden.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select(item => (object?)item)]
            : null;

    private static IEnumerable<string> Templates() =>
        Directory.GetFiles(SharedFiles.Path("goldens/templates/templates"), "*.jinja")
            .Select(file => Path.GetFileNameWithoutExtension(file));

    private static ChatRenderer Renderer(string name)
    {
        using TemporaryFolder folder = new();
        string source = File.ReadAllText(SharedFiles.Path($"goldens/templates/templates/{name}.jinja"));
        Dictionary<string, string> tokens = Document("templates/tokens.json")
            .GetProperty(name).EnumerateObject().ToDictionary(token => token.Name, token => token.Value.GetString()!);
        TinyDecoder.WriteTokenizer(folder.Root, source, tokens, [.. SpecialLooking().Matches(source).Select(match => match.Value)]);
        return new ChatRenderer(Tokenizer.Load(folder.Root), ChatTemplate.OfFolder(folder.Root));
    }

    /// <summary>The answers one by one, without white space around.</summary>
    private static List<string> Answers(ChatSample sample)
    {
        List<string> answers = [];
        bool goesOn = false;
        foreach (TextPart part in sample.Parts)
        {
            if (part.IsAnswer)
            {
                answers.AddRange(goesOn ? [] : [""]);
                answers[^1] += part.Text;
            }

            goesOn = part.IsAnswer;
        }

        return answers.ConvertAll(answer => answer.Trim());
    }

    private static string Text(IEnumerable<TextPart> parts) => string.Concat(parts.Select(part => part.Text));

    private static string Learned(ChatSample sample) => Text(sample.Parts.Where(part => part.IsAnswer));

    private static Dictionary<string, object?> Members(JsonElement element) =>
        element.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value);

    private static JsonElement Document(string name) =>
        JsonDocument.Parse(File.ReadAllText(SharedFiles.Path($"goldens/templates/{name}"))).RootElement;

    [GeneratedRegex(@"<\|[A-Za-z_]+\|>|<｜[^｜<>]+｜>|<(?:start|end)_of_turn>|<\|[A-Z_]+\|>")]
    private static partial Regex SpecialLooking();
}

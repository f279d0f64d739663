using System.Text.Json;
using Engine.Devices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Engine.Tests;
using Engine.Tokenizers;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Engine.ChatClient.Tests;

/// <summary>Functions that a model is told of, what it calls, and what they answer.</summary>
public sealed class ToolTests
{
    private static readonly AIFunction Weather =
        AIFunctionFactory.Create((string city) => $"sunny in {city}", "weather", "The weather of a city.");

    [Fact]
    public void Functions_calls_and_results_are_what_templates_know()
    {
        ChatMessage[] messages =
        [
            new(ChatRole.User, "Rome?"),
            new(ChatRole.Assistant,
                [new TextReasoningContent("Ask."),
                    new FunctionCallContent("1", "weather", new Dictionary<string, object?> { ["city"] = "Rome" })]),
            new(ChatRole.Tool, [new FunctionResultContent("1", "sunny"), new FunctionResultContent("2", new[] { 1, 2 })]),
        ];
        var options = new ChatOptions
        {
            Tools = [Weather],
            AdditionalProperties =
                new() { ["chat_template_kwargs"] = new { enable_thinking = false }, ["documents"] = new[] { new { text = "d" } } },
        };
        Conversation conversation = ConversationReader.Read(messages, options);
        Assert.Equal(["user", "assistant", "tool", "tool"], conversation.Messages.Select(message => message.Role));
        Assert.Equal(
            """{"reasoning_content":"Ask.","tool_calls":[{"type":"function","id":"1","function":{"name":"weather","arguments":{"city":"Rome"}}}]}""", Json(conversation.Messages[1].Members));
        Assert.Equal(
            ("sunny", """{"tool_call_id":"1","name":"weather"}"""),
            (conversation.Messages[2].Content, Json(conversation.Messages[2].Members)));
        Assert.Equal("[1,2]", conversation.Messages[3].Content);
        Assert.Equal("""{"enable_thinking":false}""", Json(conversation.Variables));
        Assert.Equal("""[{"text":"d"}]""", Json(conversation.Documents));

        JsonElement tool = JsonSerializer.SerializeToElement(conversation.Tools!.Single());
        Assert.Equal("function", tool.GetProperty("type").GetString());
        Assert.Equal("The weather of a city.", tool.GetProperty("function").GetProperty("description").GetString());
        Assert.Equal(
            "string", tool.GetProperty("function").GetProperty("parameters").GetProperty("properties").GetProperty("city")
                .GetProperty("type").GetString());
        options.ToolMode = ChatToolMode.None;
        Assert.Null(ConversationReader.Read(messages, options).Tools);
        Assert.Contains(
            "HostedWebSearchTool",
            Assert.Throws<NotSupportedException>(() => ConversationReader.Tools([new HostedWebSearchTool()])).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Plain text, a < b.", "Plain text, a < b.")]
    [InlineData("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "f{\"a\":1}")]
    [InlineData(
        "I look.\n<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>\n<tool_call>{\"name\": \"g\", \"arguments\": "
            + "{}}</tool_call>\n", "I look.|f{}|g{}")]
    [InlineData("<tool_call>{\"name\": \"f\", \"argum", "<tool_call>{\"name\": \"f\", \"argum")]
    [InlineData("<tool_call>\n<function=f>\n</function>\n</tool_call>", "<tool_call>\n<function=f>\n</function>\n</tool_call>")]
    [InlineData(
        "<tool_call>{\"name\": \"f\", \"arguments\": \"x\"}</tool_call> so",
        "<tool_call>{\"name\": \"f\", \"arguments\": \"x\"}</tool_call> so")]
    public void Calls_are_found_wherever_pieces_are_cut(string answer, string expected)
    {
        foreach (int length in (int[])[1, 3, answer.Length])
        {
            var reader = new ToolCallReader();
            List<AIContent> contents = [.. answer.Chunk(length).SelectMany(piece => reader.Read(new string(piece))), .. reader.End()];
            string shown = "";
            bool afterText = false;
            foreach (AIContent content in contents)
            {
                shown += (shown.Length > 0 && !(afterText && content is TextContent) ? "|" : "")
                    + (content is FunctionCallContent call ? call.Name + Json(call.Arguments) : ((TextContent)content).Text);
                afterText = content is TextContent;
            }

            Assert.Equal(expected, shown);
            Assert.Equal(contents.OfType<FunctionCallContent>().Any(), reader.HasCalls);
        }
    }

    [Fact]
    public async Task A_request_lays_its_tools_out()
    {
        using TemporaryFolder folder = new();
        TinyDecoder.Write(
            folder.Root,
            "{% for tool in tools %}{{ tool.function.name }};{% endfor %}{% for message in messages %}{{ message.content }}{% endfor %}");
        using Device device = DeviceCatalog.Open("cpu");
        using var generator = Generator.Open(device, folder.Root);
        using var client = new EngineChatClient(new ChatGenerator(generator, ChatTemplate.Named(null, folder.Root)), "tiny");
        ChatResponse response = await client.GetResponseAsync("Hi", new ChatOptions { Tools = [Weather], MaxOutputTokens = 1 });
        Assert.Equal("weather;Hi".Length, response.Usage!.InputTokenCount);
        using var plain = new EngineChatClient(new ChatGenerator(generator, template: null), "tiny");
        await Assert.ThrowsAsync<ArgumentException>(() => plain.GetResponseAsync("Hi", new ChatOptions { Tools = [Weather] }));
    }

    private static string Json(object? value) => JsonSerializer.Serialize(value);
}

using System.Text.Json;
using Engine.Model.Chat;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ModelMessage = Engine.Model.Chat.ChatMessage;

namespace Engine.ChatClient;

/// <summary>A request as the model's templates know it.</summary>
internal static class ConversationReader
{
    /// <summary>
    /// Among <see cref="ChatOptions.AdditionalProperties"/>: variables of the template by name, and texts that the answer may go by.
    /// </summary>
    public const string Variables = "chat_template_kwargs", Documents = "documents";

    private static readonly JsonSerializerOptions Json = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    /// <summary>Messages with the options that a template is told of: instructions, tools, documents and variables.</summary>
    /// <exception cref="NotSupportedException">A role, a kind of content or a kind of tool that the model does not read.</exception>
    public static Conversation Read(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        List<ModelMessage> read = Messages(messages);
        if (!string.IsNullOrEmpty(options?.Instructions))
        {
            bool hasSystem = read is [{ Role: ModelMessage.System }, ..];
            string content = hasSystem ? $"{options.Instructions}\n{read[0].Content}" : options.Instructions;
            read.RemoveRange(0, hasSystem ? 1 : 0);
            read.Insert(0, new ModelMessage(ModelMessage.System, content));
        }

        bool offersTools = options?.ToolMode is not NoneChatToolMode;
        var conversation = new Conversation(read)
        {
            Tools = offersTools ? Tools(options?.Tools) : null,
            Documents = Given(options, Documents, JsonValueKind.Array)?.EnumerateArray().Select(item => (object?)item).ToList(),
        };
        return Given(options, Variables, JsonValueKind.Object)?.EnumerateObject() is { } variables
            ? conversation with { Variables = variables.ToDictionary(variable => variable.Name, object? (variable) => variable.Value) }
            : conversation;
    }

    /// <summary>Messages as turns; results of tools are a turn each.</summary>
    /// <exception cref="NotSupportedException">A role or a kind of content that the model does not read.</exception>
    public static List<ModelMessage> Messages(IEnumerable<ChatMessage> messages)
    {
        List<ModelMessage> turns = [];
        Dictionary<string, string> called = [];
        foreach (ChatMessage message in messages)
        {
            string role = message.Role.Value;
            if (!ModelMessage.Roles.Contains(role))
            {
                throw new NotSupportedException(
                    $"A message has the role '{role}'; the model knows {string.Join(", ", ModelMessage.Roles)}.");
            }

            foreach (FunctionCallContent call in message.Contents.OfType<FunctionCallContent>())
            {
                called[call.CallId] = call.Name;
            }

            FunctionResultContent[] results = [.. message.Contents.OfType<FunctionResultContent>()];
            turns.AddRange(results.Select(result => Result(result, called.GetValueOrDefault(result.CallId))));
            if (results.Length == 0)
            {
                turns.Add(Turn(role, message));
            }
        }

        return turns;
    }

    /// <summary>Tools as templates are told of them; null for none.</summary>
    /// <exception cref="NotSupportedException">A tool that is no function.</exception>
    public static IReadOnlyList<object?>? Tools(IEnumerable<AITool>? tools) =>
        tools?.Select(Tool).ToList() is { Count: > 0 } list ? list : null;

    private static object? Tool(AITool tool) => tool is AIFunctionDeclaration function
        ? new Dictionary<string, object?>
        {
            ["type"] = "function",
            ["function"] = new Dictionary<string, object?>
            {
                ["name"] = function.Name,
                ["description"] = function.Description,
                ["parameters"] = function.JsonSchema,
            },
        }
        : throw new NotSupportedException($"The tool {tool.Name} is a {tool.GetType().Name}; the model calls functions.");

    private static ModelMessage Turn(string role, ChatMessage message)
    {
        AIContent? other = message.Contents.FirstOrDefault(
            content => content is not (TextContent or UsageContent or FunctionCallContent or TextReasoningContent));
        if (other is not null)
        {
            throw new NotSupportedException($"A message of the {role} holds {other.GetType().Name}; the model reads text.");
        }

        Dictionary<string, object?> members = [];
        string reasoning = string.Concat(message.Contents.OfType<TextReasoningContent>().Select(content => content.Text));
        if (reasoning.Length > 0)
        {
            members[ModelMessage.ReasoningContent] = reasoning;
        }

        object?[] calls = [.. message.Contents.OfType<FunctionCallContent>().Select(Call)];
        if (calls.Length > 0)
        {
            members[ModelMessage.ToolCalls] = calls;
        }

        return members.Count > 0 ? new ModelMessage(role, message.Text) { Members = members } : new ModelMessage(role, message.Text);
    }

    private static object? Call(FunctionCallContent call) => new Dictionary<string, object?>
    {
        ["type"] = "function",
        ["id"] = call.CallId,
        ["function"] = new Dictionary<string, object?>
        {
            ["name"] = call.Name,
            ["arguments"] = JsonSerializer.SerializeToElement(call.Arguments ?? new Dictionary<string, object?>(), Json),
        },
    };

    private static ModelMessage Result(FunctionResultContent result, string? name)
    {
        string content = result.Result switch
        {
            null => "",
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
            var value => JsonSerializer.Serialize(value, Json),
        };
        Dictionary<string, object?> members = new() { [ModelMessage.ToolCallId] = result.CallId };
        if (name is not null)
        {
            members[ModelMessage.Name] = name;
        }

        return new ModelMessage(ModelMessage.Tool, content) { Members = members };
    }

    private static JsonElement? Given(ChatOptions? options, string name, JsonValueKind kind)
    {
        if (options?.AdditionalProperties?.TryGetValue(name, out object? value) != true || value is null)
        {
            return null;
        }

        JsonElement json = JsonSerializer.SerializeToElement(value, Json);
        return json.ValueKind == kind
            ? json
            : throw new NotSupportedException(
                $"The additional property {name} is no {(kind == JsonValueKind.Array ? "list" : "object")} of JSON.");
    }
}

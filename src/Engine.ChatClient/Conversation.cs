using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ModelMessage = Engine.Model.Chat.ChatMessage;

namespace Engine.ChatClient;

/// <summary>The messages of a request as the model's templates know them.</summary>
internal static class Conversation
{
    /// <param name="instructions">Go before what the conversation's own system message says.</param>
    /// <exception cref="NotSupportedException">A role or a kind of content that the model does not read.</exception>
    public static IReadOnlyList<ModelMessage> Read(IEnumerable<ChatMessage> messages, string? instructions)
    {
        List<ModelMessage> read = [.. messages.Select(Read)];
        if (!string.IsNullOrEmpty(instructions))
        {
            bool hasSystem = read is [{ Role: ModelMessage.System }, ..];
            string content = hasSystem ? $"{instructions}\n{read[0].Content}" : instructions;
            read.RemoveRange(0, hasSystem ? 1 : 0);
            read.Insert(0, new ModelMessage(ModelMessage.System, content));
        }

        return read;
    }

    private static ModelMessage Read(ChatMessage message)
    {
        string role = message.Role.Value;
        if (!ModelMessage.Roles.Contains(role))
        {
            throw new NotSupportedException($"A message has the role '{role}'; the model knows {string.Join(", ", ModelMessage.Roles)}.");
        }

        AIContent? other = message.Contents.FirstOrDefault(content => content is not (TextContent or UsageContent));
        return other is null
            ? new ModelMessage(role, message.Text)
            : throw new NotSupportedException($"A message of the {role} holds {other.GetType().Name}; the model reads text.");
    }
}

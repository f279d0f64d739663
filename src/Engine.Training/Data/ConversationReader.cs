using Engine.Model.Batching;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>Reads the turns of a conversation. Tools are not laid out: what would train silence in place of a call is refused, what is passed over is counted.</summary>
internal static class ConversationReader
{
    private const string Weight = "weight", Train = "train";

    private static readonly string[] Calls = ["tool_calls", "function_call"];

    /// <summary>The turns of a record's <c>messages</c>.</summary>
    /// <exception cref="DataFileException">A turn that is broken, has a role no layout has, or is a tool call without content; no turns.</exception>
    public static ChatMessage[] Read(JsonRecord record, RecordNotes notes)
    {
        ChatMessage[] messages = [.. record.Objects("messages", "turn").Select(turn => Turn(turn, notes))];
        return messages.Length > 0 ? messages : throw record.Wrong("the list 'messages' is empty; at least one message was expected.");
    }

    /// <summary>Whether the loss is to ask for a record or a turn, by OpenAI's <c>weight</c> (0 or 1) or <c>train</c> (true or false); null where neither is there.</summary>
    /// <exception cref="DataFileException">Another value, or two that contradict each other.</exception>
    private static bool? Learned(JsonRecord turn)
    {
        bool? learned = null;
        foreach (string key in (ReadOnlySpan<string>)[Weight, Train])
        {
            if (!turn.HasValue(key))
            {
                continue;
            }

            bool given = turn.Switch(key) ?? throw turn.Wrong($"'{key}' says whether the turn is learned, and is neither 0 nor 1, nor true or false; other weights are not built.");
            learned = learned is null || learned == given ? given : throw turn.Wrong($"'{Weight}' and '{Train}' contradict each other; leave one of them out.");
        }

        return learned;
    }

    private static ChatMessage Turn(JsonRecord turn, RecordNotes notes)
    {
        string role = turn.Text("role");
        if (!ChatMessage.Roles.Contains(role))
        {
            string why = role is "tool" or "function" ? " What tools answer is not laid out; leave such conversations out, or write it into a user's message." : "";
            throw turn.Wrong($"the role is '{role}'; expected {string.Join(", ", ChatMessage.Roles)}.{why}");
        }

        bool isAnswer = role == ChatMessage.Assistant;
        bool? learned = Learned(turn);
        string? call = Calls.FirstOrDefault(turn.HasContent);
        if (call is not null && isAnswer && (!turn.HasContent("content") || string.IsNullOrWhiteSpace(turn.Text("content"))))
        {
            throw turn.Wrong(
                $"the answer is a call of a tool ({call}) without content. Calls are not laid out, and the model would learn to say nothing; leave the conversation out, or write the call into content.");
        }

        var message = new ChatMessage(role, turn.Text("content")) { IsLearned = learned ?? true };
        notes.Turn(message, call, asksForPrompt: !isAnswer && learned == true);
        return message;
    }
}

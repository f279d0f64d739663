using Engine.Model.Batching;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>Reads conversations: turns, and what else of a record a chat template is told.</summary>
internal static class ConversationReader
{
    /// <summary>Columns that chat templates are told of, as Transformers and TRL name them.</summary>
    public const string Tools = "tools", Documents = "documents", Variables = "chat_template_kwargs";

    private const string Weight = "weight", Train = "train", LegacyCall = "function_call";

    /// <summary>Who speaks, in ShareGPT's words.</summary>
    private static readonly Dictionary<string, string> ShareGptRoles = new(StringComparer.Ordinal)
    {
        ["human"] = ChatMessage.User,
        ["user"] = ChatMessage.User,
        ["gpt"] = ChatMessage.Assistant,
        ["assistant"] = ChatMessage.Assistant,
        ["system"] = ChatMessage.System,
        ["tool"] = ChatMessage.Tool,
    };

    /// <summary>The conversation of a record's <c>messages</c>.</summary>
    /// <exception cref="DataFileException">A turn that is broken, has a role no layout has, or is a call in a form that templates do not
    /// read; no turns.</exception>
    public static CausalRecord.Conversation Messages(JsonRecord record, RecordNotes notes) =>
        Conversation(record, Turns(record, "messages", notes));

    /// <summary>The conversation of a record's <c>conversations</c>, turns of <c>from</c> and <c>value</c>.</summary>
    /// <inheritdoc cref="Messages"/>
    public static CausalRecord.Conversation ShareGpt(JsonRecord record, RecordNotes notes) =>
        Conversation(record, All(record, "conversations", turn => ShareGptTurn(turn, notes)));

    /// <summary>The turns of a record's <c>prompt</c>, which are read, and of its <c>completion</c>, whose answers are learned.</summary>
    /// <inheritdoc cref="Messages"/>
    public static CausalRecord.Conversation PromptCompletion(JsonRecord record, RecordNotes notes)
    {
        ChatMessage[] prompt = Turns(record, "prompt", notes: null), completion = Turns(record, "completion", notes);
        return completion.Any(turn => turn.Role == ChatMessage.Assistant)
            ? Conversation(record, [.. prompt, .. completion], firstLearned: prompt.Length)
            : throw record.Wrong("'completion' has no turn of the assistant; the loss asks for its answers there.");
    }

    private static CausalRecord.Conversation Conversation(JsonRecord record, ChatMessage[] turns, int firstLearned = 0)
    {
        var conversation = new Conversation(turns)
        {
            Tools = record.List(Tools),
            Documents = record.List(Documents),
            FirstLearned = firstLearned,
        };
        conversation = record.HasValue(Variables) ? conversation with { Variables = record.Object(Variables) } : conversation;
        return new CausalRecord.Conversation(conversation) { Place = record.Place };
    }

    private static ChatMessage[] Turns(JsonRecord record, string name, RecordNotes? notes) => All(record, name, turn => Turn(turn, notes));

    private static ChatMessage[] All(JsonRecord record, string name, Func<JsonRecord, ChatMessage> read)
    {
        ChatMessage[] turns = [.. record.Objects(name, name == "completion" ? "turn of the completion" : "turn").Select(read)];
        return turns.Length > 0 ? turns : throw record.Wrong($"the list '{name}' is empty; at least one message was expected.");
    }

    private static ChatMessage Turn(JsonRecord turn, RecordNotes? notes)
    {
        string role = turn.Text("role");
        if (!ChatMessage.Roles.Contains(role))
        {
            string why = role == "function" ? $" What a function answers has the role {ChatMessage.Tool}." : "";
            throw turn.Wrong($"the role is '{role}'; expected {string.Join(", ", ChatMessage.Roles)}.{why}");
        }

        bool isAnswer = role == ChatMessage.Assistant;
        bool hasCalls = isAnswer && turn.HasContent(ChatMessage.ToolCalls);
        if (turn.HasContent(LegacyCall))
        {
            throw turn.Wrong(
                $"'{LegacyCall}' is an older form that chat templates do not read; write {ChatMessage.ToolCalls}: "
                + "[{\"type\": \"function\", \"function\": {\"name\", \"arguments\"}}].");
        }

        bool? learned = Learned(turn);
        Dictionary<string, object?> members = turn.MembersBut("role", "content", Weight, Train, LegacyCall);
        if (!hasCalls)
        {
            // An empty list of calls is none: some templates ask only whether it is there.
            members.Remove(ChatMessage.ToolCalls);
        }

        string? content = hasCalls && !turn.HasValue("content") ? null : turn.Text("content");
        var message = new ChatMessage(role, content) { IsLearned = learned ?? true };
        message = members.Count > 0 ? message with { Members = members } : message;
        notes?.Turn(message, asksForPrompt: !isAnswer && learned == true);
        return message;
    }

    private static ChatMessage ShareGptTurn(JsonRecord turn, RecordNotes notes)
    {
        string from = turn.Text("from");
        if (!ShareGptRoles.TryGetValue(from, out string? role))
        {
            throw turn.Wrong($"'from' is '{from}'; expected {string.Join(", ", ShareGptRoles.Keys)}.");
        }

        bool? learned = Learned(turn);
        var message = new ChatMessage(role, turn.Text("value")) { IsLearned = learned ?? true };
        notes.Turn(message, asksForPrompt: role != ChatMessage.Assistant && learned == true);
        return message;
    }

    /// <summary>
    /// Whether the loss is to ask for a turn, by OpenAI's <c>weight</c> (0 or 1) or <c>train</c> (true or false); null where neither is
    /// there.
    /// </summary>
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

            bool given = turn.Switch(key) ?? throw turn.Wrong(
                $"'{key}' says whether the turn is learned, and is neither 0 nor 1, nor true or false; other weights are not built.");
            learned = learned is null || learned == given ? given : throw turn.Wrong(
                $"'{Weight}' and '{Train}' contradict each other; leave one of them out.");
        }

        return learned;
    }
}

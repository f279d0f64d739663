namespace Engine.Model.Chat;

/// <summary>
/// What a chat template lays out: turns, and what else it is told. All values are of JSON's types, as <see
/// cref="Jinja.JinjaTemplate.Render"/> takes them.
/// </summary>
/// <param name="Messages">The turns.</param>
public sealed record Conversation(IReadOnlyList<ChatMessage> Messages)
{
    /// <summary>
    /// The tools that the assistant may call, each an object <c>{"type": "function", "function": {"name", "description",
    /// "parameters"}}</c>; null for none.
    /// </summary>
    public IReadOnlyList<object?>? Tools { get; init; }

    /// <summary>Texts that the answer may go by, each an object such as <c>{"title", "text"}</c>; null for none.</summary>
    public IReadOnlyList<object?>? Documents { get; init; }

    /// <summary>Further variables of the template, such as <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, object?> Variables { get; init; } = NoVariables;

    /// <summary>The first turn whose answers training asks for; those before it are a prompt.</summary>
    public int FirstLearned { get; init; }

    /// <summary>Sees that no answer is lost to training: one that only calls tools, where nothing lays calls out.</summary>
    /// <param name="template">What lays the conversation out; null: its contents follow each other as they stand.</param>
    /// <exception cref="ChatTemplateException">There is such an answer; the message names its turn.</exception>
    public void RequirePlaceForCalls(ChatTemplate? template)
    {
        if (template?.Mentions(ChatMessage.ToolCalls) == true)
        {
            return;
        }

        for (int i = 0; i < Messages.Count; i++)
        {
            if (Messages[i] is { Role: ChatMessage.Assistant } message && string.IsNullOrWhiteSpace(message.Content)
                && message.Members.ContainsKey(ChatMessage.ToolCalls))
            {
                string where = template is null ? "without a chat template" : "in this chat template";
                throw new ChatTemplateException(
                    $"turn {i + 1}: the answer is a call of a tool ({ChatMessage.ToolCalls}) without content, and {where} calls "
                        + "have no place, "
                    + "so that the model would learn to say nothing; choose a template that lays calls out, leave the conversation out, or "
                    + "write the call into content.");
            }
        }
    }

    private static IReadOnlyDictionary<string, object?> NoVariables { get; } = new Dictionary<string, object?>();
}

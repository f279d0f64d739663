namespace Engine.Model.Chat;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: one of <see cref="Roles"/>.</param>
/// <param name="Content">What is said; null where the turn has other members alone, such as calls of tools.</param>
public sealed record ChatMessage(string Role, string? Content)
{
    /// <summary>A role, as chat templates of Transformers name it.</summary>
    public const string System = "system", Developer = "developer", User = "user", Assistant = "assistant", Tool = "tool";

    /// <summary>
    /// Members of a turn that templates know beside its content: what an assistant calls, what it thought, which call a tool answers.
    /// </summary>
    public const string ToolCalls = "tool_calls", ReasoningContent = "reasoning_content", ToolCallId = "tool_call_id", Name = "name";

    /// <summary>Whether training asks for it where it is an answer; false: it is only read.</summary>
    public bool IsLearned { get; init; } = true;

    /// <summary>
    /// What else templates read of the turn, by its name (<see cref="ToolCalls"/> and the like): values of JSON's types, as <see
    /// cref="Jinja.JinjaTemplate.Render"/> takes them.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Members { get; init; } = NoMembers;

    /// <summary>The roles of turns. Which of them a template lays out, and how, is its own affair.</summary>
    public static IReadOnlyList<string> Roles { get; } = [System, Developer, User, Assistant, Tool];

    private static IReadOnlyDictionary<string, object?> NoMembers { get; } = new Dictionary<string, object?>();
}

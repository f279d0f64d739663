namespace Engine.Model.Chat;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: one of <see cref="Roles"/>.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content)
{
    public const string System = "system", User = "user", Assistant = "assistant";

    /// <summary>Whether training asks for it where it is an answer; false: it is only read.</summary>
    public bool IsLearned { get; init; } = true;

    /// <summary>The roles that the known templates have.</summary>
    public static IReadOnlyList<string> Roles { get; } = [System, User, Assistant];
}

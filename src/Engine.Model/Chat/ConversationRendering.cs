using Engine.Model.Chat.Jinja;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>
/// The renderings of a conversation and of its beginnings; what the template is told of it is made once for all of them. For one thread.
/// </summary>
internal sealed class ConversationRendering
{
    private readonly ChatTemplate template;
    private readonly Dictionary<string, object?> variables;
    private readonly List<object?> messages;

    /// <summary>
    /// The variables are those that Transformers' <c>apply_chat_template</c> sets: the tokens with a role by its name, turns, tools and
    /// documents (none where there are none), then the conversation's own.
    /// </summary>
    /// <exception cref="ChatTemplateException">A value that is no text.</exception>
    public ConversationRendering(Conversation conversation, ChatTemplate template, Tokenizer tokenizer, TextGuard guard)
    {
        this.template = template;
        try
        {
            (messages, variables) = Limits.Within(JinjaOptions.DefaultMaxWork, () => Values(conversation, tokenizer, guard));
        }
        catch (JinjaException error)
        {
            throw new ChatTemplateException(error.Message, error);
        }
    }

    /// <summary>The whole conversation.</summary>
    /// <param name="addGenerationPrompt">End where the assistant is to speak.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public JinjaRendering Whole(bool addGenerationPrompt) => Render(messages, addGenerationPrompt);

    /// <summary>The text of the first turns alone; null where the template does not take them so.</summary>
    /// <param name="turns">How many.</param>
    /// <param name="addGenerationPrompt">End where the assistant is to speak.</param>
    public string? Beginning(int turns, bool addGenerationPrompt)
    {
        try
        {
            return Render(messages.GetRange(0, turns), addGenerationPrompt).Text;
        }
        catch (ChatTemplateException)
        {
            return null;
        }
    }

    private JinjaRendering Render(List<object?> turns, bool addGenerationPrompt)
    {
        variables["messages"] = turns;
        variables["add_generation_prompt"] = addGenerationPrompt;
        return template.Render(variables);
    }

    private static (List<object?> Messages, Dictionary<string, object?> Variables) Values(
        Conversation conversation, Tokenizer tokenizer, TextGuard guard)
    {
        Dictionary<string, object?> variables =
            tokenizer.NamedSpecialTokens.ToDictionary(named => named.Role, object? (named) => named.Token);
        variables["tools"] = InputValues.Of(conversation.Tools, guard.Guarded);
        variables["documents"] = InputValues.Of(conversation.Documents, guard.Guarded);
        foreach ((string name, object? value) in conversation.Variables)
        {
            variables[name] = InputValues.Of(value, guard.Guarded);
        }

        return ([.. conversation.Messages.Select(message => Turn(message, guard))], variables);
    }

    private static JinjaDict Turn(ChatMessage message, TextGuard guard)
    {
        JinjaDict turn = new();
        turn.Set("role", message.Role);
        turn.Set("content", message.Content is null ? null : guard.Guarded(message.Content));
        foreach ((string name, object? value) in message.Members)
        {
            turn.Set(name, InputValues.Of(value, guard.Guarded));
        }

        return turn;
    }
}

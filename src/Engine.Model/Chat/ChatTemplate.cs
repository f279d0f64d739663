using Engine.Common.Files;

namespace Engine.Model.Chat;

/// <summary>How a conversation is laid out as one text: as the <c>chat_template</c> of a tokenizer says it, or plainly.</summary>
public sealed class ChatTemplate
{
    /// <summary>What a user asks for who wants no template.</summary>
    public const string NoName = "none";

    private const string TurnStart = "<|im_start|>", TurnEnd = "<|im_end|>";
    private const string BeginOfText = "<|begin_of_text|>", HeaderStart = "<|start_header_id|>", HeaderEnd = "<|end_header_id|>", Llama3TurnEnd = "<|eot_id|>";

    private readonly Style style;
    private readonly string? defaultSystem;

    private ChatTemplate(string name, Style style, string? defaultSystem)
    {
        Name = name;
        this.style = style;
        this.defaultSystem = defaultSystem;
    }

    private enum Style
    {
        ChatMl,
        Llama3,
        Plain,
    }

    /// <summary><c>chatml</c>: <c>&lt;|im_start|&gt;role\ncontent&lt;|im_end|&gt;\n</c>, nothing added.</summary>
    public static ChatTemplate ChatMl { get; } = new("chatml", Style.ChatMl, null);

    /// <summary><c>qwen2</c>: ChatML, with Qwen2's system message before a conversation that has none.</summary>
    public static ChatTemplate Qwen2 { get; } = ChatMlWith("qwen2", "You are a helpful assistant.");

    /// <summary><c>qwen2.5</c>: ChatML, with the system message of Qwen2.5-Instruct before a conversation that has none.</summary>
    public static ChatTemplate Qwen25 { get; } = ChatMlWith("qwen2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.");

    /// <summary><c>llama3</c>: <c>&lt;|start_header_id|&gt;role&lt;|end_header_id|&gt;\n\ncontent&lt;|eot_id|&gt;</c> after <c>&lt;|begin_of_text|&gt;</c>; content without white space around.</summary>
    public static ChatTemplate Llama3 { get; } = new("llama3", Style.Llama3, null);

    /// <summary>
    /// <c>plain</c>: <c>User: content\n</c> and <c>Assistant: content</c> with the tokenizer's end-of-text token and a line break after it, for tokenizers
    /// without tokens for chats; content without white space around, the tokenizer's own tokens before the conversation.
    /// </summary>
    public static ChatTemplate Plain { get; } = new("plain", Style.Plain, null);

    /// <summary>The templates that have a name.</summary>
    public static IReadOnlyList<ChatTemplate> Known { get; } = [ChatMl, Qwen2, Qwen25, Llama3, Plain];

    /// <summary>The name, as <c>chat_template</c> of the run file has it.</summary>
    public string Name { get; }

    /// <summary>The token after which a model that answers stops; <see cref="TextPart.EndOfText"/> for the plain layout.</summary>
    public string EndOfTurn => style switch { Style.ChatMl => TurnEnd, Style.Llama3 => Llama3TurnEnd, _ => TextPart.EndOfText };

    /// <summary>Texts before which an answer ends: a model that was not trained on the plain layout goes on with the user's next turn.</summary>
    public IReadOnlyList<string> StopStrings => IsPlain ? ["\nUser:"] : [];

    /// <summary>Whether special tokens are those that the tokenizer puts around any text, and answers begin with a blank that is no part of them.</summary>
    public bool IsPlain => style == Style.Plain;

    /// <summary>ChatML with a system message before conversations that have none.</summary>
    public static ChatTemplate ChatMlWith(string name, string defaultSystem) => new(name, Style.ChatMl, defaultSystem);

    /// <summary>The template of a model folder: <c>chat_template.jinja</c>, or <c>chat_template</c> in tokenizer_config.json.</summary>
    /// <exception cref="ModelFileException">There is none, or it is none of those known here.</exception>
    public static ChatTemplate OfFolder(string folder)
    {
        (string path, string source) = ChatTemplateFile.Read(folder)
            ?? throw new ModelFileException(folder, $"there is no chat template, neither {ChatTemplateFile.JinjaName} nor chat_template in {ChatTemplateFile.ConfigName}; {Choice()}");
        return ChatTemplateRecognition.Find(source)
            ?? throw new ModelFileException(path, $"the chat template is none of those known here; {Choice()}");
    }

    /// <summary>The template of a model's folder; null where it has none.</summary>
    /// <exception cref="ModelFileException">It has one, and none that is known.</exception>
    public static ChatTemplate? FindOf(string folder) => ChatTemplateFile.Read(folder) is null ? null : OfFolder(folder);

    /// <summary>What a user asks for: the template of that name, <c>none</c> for no template (null), or, where no name is given, that of the model's folder.</summary>
    /// <exception cref="ArgumentException">There is no template of that name.</exception>
    /// <exception cref="ModelFileException">No name is given, and the folder has no template, or none that is known.</exception>
    public static ChatTemplate? Named(string? name, string folder) => name switch
    {
        null => OfFolder(folder),
        NoName => null,
        _ => Known.FirstOrDefault(template => template.Name == name)
            ?? throw new ArgumentException($"There is no chat template '{name}'; there are {string.Join(", ", Known.Select(template => template.Name))} and {NoName}."),
    };

    /// <summary>Lays a conversation out. The content of the assistant's messages, and the token that ends each, are the answers.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">End where the assistant is to speak.</param>
    /// <exception cref="ArgumentException">A role that no template has.</exception>
    public IReadOnlyList<TextPart> Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false)
    {
        List<TextPart> parts = [];
        if (style == Style.Llama3)
        {
            parts.Add(new TextPart(BeginOfText, IsSpecial: true));
        }

        if (defaultSystem is not null && messages is not [{ Role: ChatMessage.System }, ..])
        {
            AddTurn(parts, new ChatMessage(ChatMessage.System, defaultSystem));
        }

        foreach (ChatMessage message in messages)
        {
            AddTurn(parts, message);
        }

        if (addGenerationPrompt)
        {
            AddHeader(parts, ChatMessage.Assistant);
        }

        return parts;
    }

    private static string Choice()
    {
        string followed = string.Join(", ", Known.Where(template => !template.IsPlain).Select(template => template.Name));
        return $"set chat_template in the run file, or --template of engine chat, to the one it follows ({followed}), "
            + $"or to {Plain.Name} for a model that follows none (User: ..., Assistant: ...).";
    }

    private void AddTurn(List<TextPart> parts, ChatMessage message)
    {
        if (!ChatMessage.Roles.Contains(message.Role))
        {
            throw new ArgumentException($"A message has the role '{message.Role}'; expected {string.Join(", ", ChatMessage.Roles)}.", nameof(message));
        }

        bool isAssistant = message.Role == ChatMessage.Assistant, isAnswer = isAssistant && message.IsLearned, isUnlearned = isAssistant && !message.IsLearned;
        string content = style == Style.ChatMl ? message.Content : message.Content.Trim();
        AddHeader(parts, message.Role);
        parts.Add(new TextPart(IsPlain && content.Length > 0 ? " " + content : content, IsAnswer: isAnswer, IsUnlearned: isUnlearned));
        if (!IsPlain || isAssistant)
        {
            parts.Add(new TextPart(EndOfTurn, IsSpecial: true, IsAnswer: isAnswer, IsUnlearned: isUnlearned));
        }

        if (style != Style.Llama3)
        {
            parts.Add(new TextPart("\n"));
        }
    }

    private void AddHeader(List<TextPart> parts, string role) => parts.AddRange(style switch
    {
        Style.Llama3 => [new(HeaderStart, IsSpecial: true), new(role), new(HeaderEnd, IsSpecial: true), new("\n\n")],
        Style.ChatMl => [new(TurnStart, IsSpecial: true), new(role + "\n")],
        _ => (TextPart[])[new($"{char.ToUpperInvariant(role[0])}{role[1..]}:")],
    });
}

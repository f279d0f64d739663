using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Chat.Jinja;

namespace Engine.Model.Chat;

/// <summary>
/// How a conversation is laid out as one text: by the Jinja template of a model's folder, or by a built-in one for folders that have none.
/// </summary>
public sealed class ChatTemplate
{
    /// <summary>What a user asks for who wants no template.</summary>
    public const string NoName = "none";

    /// <summary>The name of a folder's own template.</summary>
    public const string FolderName = "tokenizer";

    private const string TurnStart = "<|im_start|>", TurnEnd = "<|im_end|>";

    private readonly string place;
    private readonly Lazy<Parsed> template;
    private readonly string source;

    /// <param name="place">Where it stands, for messages.</param>
    private ChatTemplate(string name, string place, ChatTemplateSource source)
    {
        Name = name;
        this.place = place;
        this.source = source.Default + source.WithTools;
        template = new Lazy<Parsed>(() => Parsed.Of(source));
    }

    /// <summary><c>chatml</c>: <c>&lt;|im_start|&gt;role\ncontent&lt;|im_end|&gt;\n</c>, nothing added.</summary>
    public static ChatTemplate ChatMl { get; } = BuiltIn("chatml", BuiltInTemplates.ChatMl, TurnStart, TurnEnd);

    /// <summary><c>qwen2</c>: ChatML, with Qwen2's system message before a conversation that has none.</summary>
    public static ChatTemplate Qwen2 { get; } =
        BuiltIn("qwen2", BuiltInTemplates.ChatMlWith("You are a helpful assistant."), TurnStart, TurnEnd);

    /// <summary><c>qwen2.5</c>: ChatML, with the system message of Qwen2.5-Instruct before a conversation that has none.</summary>
    public static ChatTemplate Qwen25 { get; } =
        BuiltIn("qwen2.5", BuiltInTemplates.ChatMlWith("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
            TurnStart, TurnEnd);

    /// <summary>
    /// <c>llama3</c>: <c>&lt;|start_header_id|&gt;role&lt;|end_header_id|&gt;\n\ncontent&lt;|eot_id|&gt;</c> after
    /// <c>&lt;|begin_of_text|&gt;</c>; content without white space around.
    /// </summary>
    public static ChatTemplate Llama3 { get; } =
        BuiltIn("llama3", BuiltInTemplates.Llama3, "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>");

    /// <summary>
    /// <c>plain</c>: <c>User: content\n</c> and <c>Assistant: content</c> with the tokenizer's end-of-text token and a line break after it,
    /// for tokenizers without tokens for chats; content without white space around, the tokenizer's own tokens before the conversation.
    /// </summary>
    public static ChatTemplate Plain { get; } = BuiltIn("plain", BuiltInTemplates.Plain);

    /// <summary>The templates that have a name.</summary>
    public static IReadOnlyList<ChatTemplate> Known { get; } = [ChatMl, Qwen2, Qwen25, Llama3, Plain];

    /// <summary>The name, as <c>chat_template</c> of the run file has it.</summary>
    public string Name { get; }

    /// <summary>
    /// Texts before which an answer ends: a model that was not trained on the plain layout goes on with the user's next turn.
    /// </summary>
    public IReadOnlyList<string> StopStrings => IsPlain ? ["\nUser:"] : [];

    /// <summary>
    /// Whether special tokens are those that the tokenizer puts around any text, and answers begin with a blank that is no part of them.
    /// </summary>
    public bool IsPlain => Name == "plain";

    /// <summary>
    /// The special tokens that a built-in layout cannot do without; a folder's template is taken to go with the folder's tokenizer.
    /// </summary>
    internal IReadOnlyList<string> RequiredTokens { get; private init; } = [];

    /// <summary>Whether blocks <c>generation</c> say what of a rendering is learned.</summary>
    internal bool HasGeneration => template.Value.Plain.HasGeneration;

    /// <summary>The template of a model folder: <c>chat_template.jinja</c>, or <c>chat_template</c> in tokenizer_config.json.</summary>
    /// <exception cref="ModelFileException">There is none, or it is no template; the message names its line.</exception>
    public static ChatTemplate OfFolder(string folder) => FindOf(folder)
        ?? throw new ModelFileException(
            folder,
            $"there is no chat template, neither {ChatTemplateFile.JinjaName} nor "
                + $"{Setting.Of("chat_template")} in {ChatTemplateFile.ConfigName}; {Choice()}")
        {
            Settings = ["Template"],
        };

    /// <summary>The template of a model's folder; null where it has none.</summary>
    /// <exception cref="ModelFileException">It has one that is no template; the message names its line.</exception>
    public static ChatTemplate? FindOf(string folder)
    {
        if (ChatTemplateFile.Read(folder) is not { } source)
        {
            return null;
        }

        try
        {
            var found = new ChatTemplate(FolderName, source.Path, source);
            _ = found.template.Value;
            return found;
        }
        catch (JinjaException error)
        {
            throw new ModelFileException(
                source.Path, $"the chat template cannot be read, line {error.Line}: {error.Message} Mend it, or {Choice()}", error)
            {
                Settings = ["Template"],
            };
        }
    }

    /// <summary>
    /// What a user asks for: the template of that name, <c>none</c> for no template (null), or, where no name is given, that of the model's
    /// folder.
    /// </summary>
    /// <exception cref="ArgumentException">There is no template of that name.</exception>
    /// <exception cref="ModelFileException">No name is given, and the folder has no template, or one that is none.</exception>
    public static ChatTemplate? Named(string? name, string folder) => name switch
    {
        null or FolderName => OfFolder(folder),
        NoName => null,
        _ => Known.FirstOrDefault(template => template.Name == name)
            ?? throw new ArgumentException(
                $"There is no chat template '{name}'; there are {FolderName}, {string.Join(", ", Known.Select(known => known.Name))} "
                    + $"and {NoName}."),
    };

    /// <summary>Whether the template speaks of a variable, or of a member of a turn; what it does not speak of changes nothing.</summary>
    public bool Mentions(string name) => source.Contains(name, StringComparison.Ordinal);

    /// <summary>What to do about a template that cannot be used.</summary>
    internal static string Choice()
    {
        string followed = string.Join(", ", Known.Where(template => !template.IsPlain).Select(template => template.Name));
        return $"choose the one it follows by its name ({followed}; a run's {Setting.Of("chat_template")}), "
            + $"or to {Plain.Name} for a model that follows none (User: ..., Assistant: ...).";
    }

    /// <summary>Renders the template.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    internal JinjaRendering Render(IReadOnlyDictionary<string, object?> variables)
    {
        try
        {
            bool hasTools = variables.TryGetValue("tools", out object? tools) && tools is not null;
            (JinjaTemplate plain, JinjaTemplate? withTools) = template.Value;
            return (hasTools && withTools is not null ? withTools : plain).Render(variables);
        }
        catch (JinjaException error)
        {
            throw new ChatTemplateException(
                error.Kind == JinjaErrorKind.RaiseException
                    ? $"The chat template ({place}, line {error.Line}) refuses the conversation: {error.Message}"
                    : $"The chat template fails ({place}, line {error.Line}): {error.Message}",
                error);
        }
    }

    private static ChatTemplate BuiltIn(string name, string source, params string[] requiredTokens) =>
        new(name, name, new ChatTemplateSource(name, source)) { RequiredTokens = requiredTokens };

    /// <summary>A source that was read; built-in ones are when they are first rendered, since commands name them all.</summary>
    private sealed record Parsed(JinjaTemplate Plain, JinjaTemplate? WithTools)
    {
        public static Parsed Of(ChatTemplateSource source) => new(
            JinjaTemplate.Parse(source.Default),
            source.WithTools is null ? null : JinjaTemplate.Parse(source.WithTools));
    }
}

using System.Text;
using Engine.Model.Chat;
using Engine.Model.Generation;

namespace Engine.Cli.Console;

/// <summary>The state of <c>engine chat</c>: what was said, and the commands that change it.</summary>
/// <param name="told">What the template is told beside the messages.</param>
internal sealed class ChatConversation(ChatGenerator chat, GenerationOptions options, string? system, Conversation told)
{
    private readonly List<ChatMessage> messages = [];

    /// <summary>
    /// Answers a message; message and answer become part of the conversation, the answer as far as it came where it is stopped.
    /// </summary>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    /// <exception cref="ArgumentException">The conversation does not fit the context, or the template refuses it; it stays as it
    /// was.</exception>
    public FinishReason Answer(string text, Action<GeneratedPiece> progress, CancellationToken cancellationToken)
    {
        ChatMessage[] turn =
        [
            .. system is null ? [] : new[] { new ChatMessage(ChatMessage.System, system) },
            .. messages,
            new ChatMessage(ChatMessage.User, text),
        ];
        GenerationRequest request = chat.Request(told with { Messages = turn }, options);
        var answer = new StringBuilder();
        try
        {
            return chat.Generator.Generate([request], Take, cancellationToken)[0].Finish;
        }
        finally
        {
            if (answer.Length > 0)
            {
                messages.AddRange([new ChatMessage(ChatMessage.User, text), new ChatMessage(ChatMessage.Assistant, answer.ToString())]);
            }
        }

        void Take(GeneratedPiece piece)
        {
            string shown = chat.Shown(piece.Text, isFirst: answer.Length == 0);
            answer.Append(shown);
            progress(piece with { Text = shown });
        }
    }

    /// <summary>Does what a line that begins with / asks for; returns what to say.</summary>
    public string Command(string line)
    {
        string[] words = line.Split(' ', 2, StringSplitOptions.TrimEntries);
        switch (words[0])
        {
            case "/help":
                return "/reset forgets the conversation\n/adapter NAME goes on with that adapter, /adapter none with the model alone, "
                    + "/adapter lists them\n/quit leaves; so does Ctrl-D. Ctrl-C stops an answer.";
            case "/reset":
                messages.Clear();
                return "The conversation is forgotten.";
            case "/adapter" when words.Length == 1:
                return Adapters();
            case "/adapter":
                return Use(words[1]);
            default:
                return $"There is no command {words[0]}; /help lists them.";
        }
    }

    private string Use(string name)
    {
        if (name != "none" && !chat.Generator.AdapterNames.Contains(name))
        {
            return $"There is no adapter '{name}'. {Adapters()}";
        }

        chat.Generator.UseAdapter(name == "none" ? null : name);
        return name == "none" ? "Going on with the model alone." : $"Going on with adapter {name}.";
    }

    private string Adapters() => chat.Generator.AdapterNames.Count == 0
        ? "No adapter is loaded; --adapter loads one."
        : $"Loaded: {string.Join(", ", chat.Generator.AdapterNames)}. In use: {chat.Generator.Adapter ?? "none"}.";
}

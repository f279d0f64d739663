using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine chat</c>: a conversation with a model.</summary>
internal sealed class ChatCommand : EngineCommand
{
    private readonly GeneratorOptions model;
    private readonly ChatTemplateOptions template;
    private readonly Option<string?> system = new("--system")
    {
        Description = "What the model is told before the conversation.",
        HelpName = "TEXT",
    };

    private readonly SamplingOptions sampling;

    private const string HowToLeave = "/quit leaves; so does another Ctrl-C.";

    public ChatCommand(CommandHost host)
        : base(
            host,
            "chat",
            "Talks with a model: reads a line, streams the answer. /help lists what else can be typed.",
            "engine chat runs/poems",
            "engine chat qwen2.5-0.5b-instruct --adapter poems=runs/poems --adapter law=runs/law --system \"Answer in one sentence.\" "
                + "--temperature 0.7",
            "engine chat qwen3-0.6b --template-option enable_thinking=false --tools tools.json",
            "engine chat tinystory-llama --template none")
    {
        model = new GeneratorOptions(this);
        template = new ChatTemplateOptions(
            this,
            $"How a conversation is laid out: {ChatTemplateOptions.Names}, or none for a model that only goes on with text; "
                + "without it the run's chat_template, else that of the model's folder.");
        Add(system);
        sampling = new SamplingOptions(this, ignoreEos: false);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = model.Resolve(arguments);
        ChatTemplate? layout = template.Read(arguments, trained.Run?.ChatTemplateName, trained.Model);
        Conversation told = template.Told(arguments, layout);
        using Device device = model.Device(arguments, Host);
        using Generator generator = model.Open(arguments, trained, device, Host);
        var chat = new ChatGenerator(generator, layout);
        var conversation = new ChatConversation(chat, sampling.Read(arguments, chat.Defaults), arguments.GetValue(system), told);
        Introduce(trained.Model, generator, layout);
        using ChatPrompt prompt = ChatPrompt.Of(Host);
        using var interrupt = new AnswerInterrupt(() => Note($"\n{HowToLeave}"));
        bool leaving = false;
        while (true)
        {
            (string? line, bool interrupted) = prompt.Read();
            if (interrupted && leaving)
            {
                return ExitCode.Interrupted;
            }

            leaving = interrupted;
            if (interrupted)
            {
                Note(HowToLeave);
                continue;
            }

            if (line is null)
            {
                Host.Console.WriteLine();
                return ExitCode.Success;
            }

            string command = line.Trim();
            if (command == "/quit")
            {
                return ExitCode.Success;
            }

            if (command.StartsWith('/'))
            {
                Note(conversation.Command(command));
            }
            else if (command.Length > 0)
            {
                Answer(conversation, line, interrupt);
            }
        }
    }

    private void Introduce(string folder, Generator generator, ChatTemplate? layout)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        string adapter = generator.Adapter is null ? "" : $" with adapter {generator.Adapter}";
        string laidOut = layout is null ? "plain text"
            : layout.Name == ChatTemplate.FolderName ? "the folder's template"
            : $"{layout.Name} template";
        Note($"{name}{adapter}, {laidOut}, {Amounts.Of(generator.ContextLength, "token")} of context. "
            + "/help lists commands, Ctrl-C stops an answer.");
    }

    private void Answer(ChatConversation conversation, string text, AnswerInterrupt interrupt)
    {
        var flowing = new FlowingText(Host.Console.Profile.Out.Writer, Host.Interactive ? Host.Console.Profile.Width : null);
        var speed = new TokenSpeed();
        string ending;
        try
        {
            FinishReason finish = interrupt.During(
                cancellationToken => conversation.Answer(text, piece => Show(piece, flowing, speed), cancellationToken));
            ending = finish == FinishReason.Length ? ", cut at the length" : "";
        }
        catch (OperationCanceledException)
        {
            ending = ", stopped";
        }
        catch (ArgumentException problem)
        {
            // The conversation no longer fits the context: said, and the program goes on.
            Note($"{problem.Message} /reset begins anew.");
            return;
        }

        flowing.End();
        Note(string.Create(CultureInfo.InvariantCulture, $"{Amounts.Of(speed.Tokens, "token")}, {speed.PerSecond:0.0} tokens/s{ending}"));
    }

    private static void Show(GeneratedPiece piece, FlowingText flowing, TokenSpeed speed)
    {
        speed.Count();
        flowing.Add(piece.Text);
    }

    private void Note(string text) => Host.Console.MarkupLine($"[dim]{Markup.Escape(text)}[/]");
}

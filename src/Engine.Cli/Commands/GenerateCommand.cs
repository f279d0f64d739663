using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Engine.Training.Reports;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine generate</c>: prompts in, what the model makes of them out.</summary>
internal sealed class GenerateCommand : EngineCommand
{
    private readonly GeneratorOptions model;
    private readonly Option<string[]> prompts = new("--prompt")
    {
        Description = "Text to go on with, special tokens added as the tokenizer does. May be given several times: prompts run side by "
            + "side. A single word that begins with -- is given as --prompt=WORD.",
        HelpName = "TEXT",
    };

    private readonly Option<string[]> ids = new("--ids")
    {
        Description = "Tokens to go on with, such as 1,2,3, as they are. May be given several times.",
        HelpName = "IDS",
    };

    private readonly ChatTemplateOptions template;
    private readonly SamplingOptions sampling;
    private readonly Option<bool> json = new("--json")
    {
        Description = "One JSON line a prompt: prompt_ids, ids (of the answer), text (null without a tokenizer), finish_reason (eos, stop "
            + "or length), tokens_per_second (of all prompts).",
    };

    public GenerateCommand(CommandHost host)
        : base(
            host,
            "generate",
            "Goes on with prompts and prints the answers: by the most probable tokens, or drawn at random.",
            "engine generate qwen2.5-0.5b --prompt \"Once upon a time\" --max-new-tokens 100",
            "engine generate runs/stories --prompt \"Once upon a time\" --temperature 0.8 --top-p 0.9 --seed 7",
            "engine generate qwen2.5-0.5b-instruct --template tokenizer --prompt \"Name a colour.\"",
            "engine generate qwen2.5-0.5b --adapter my-adapter --ids 1,2,3 --ids 4,5 --greedy --ignore-eos --json")
    {
        model = new GeneratorOptions(this);
        Add(prompts);
        Add(ids);
        template = new ChatTemplateOptions(
            this,
            $"Lay each --prompt out as a user's message, to be answered: {ChatTemplateOptions.Names}. "
                + "Without it, or with none, a prompt is a text to go on with.");
        sampling = new SamplingOptions(this);
        Add(json);
    }

    protected override int Run(ParseResult arguments)
    {
        string[] texts = arguments.GetValue(prompts) ?? [], tokens = arguments.GetValue(ids) ?? [];
        if (texts.Length + tokens.Length == 0)
        {
            throw new ArgumentException("There is nothing to go on with; give --prompt or --ids.");
        }

        int[][] given = [.. tokens.Select(Parse)];
        TrainedModel trained = model.Resolve(arguments);
        using Device device = model.Device(arguments, Host);
        using Generator generator = model.Open(arguments, trained, device, Host);
        ChatTemplate? layout = template.Read(arguments, ChatTemplate.NoName, trained.Model);
        Conversation told = template.Told(arguments, layout);
        ChatGenerator? chat = layout is null ? null : new ChatGenerator(generator, layout);
        GenerationOptions options = sampling.Read(arguments, chat?.Defaults ?? generator.Defaults);
        GenerationRequest[] requests =
        [
            .. texts.Select(text => chat is null
                ? new GenerationRequest(generator.Encode(text), options)
                : chat.Request(told with { Messages = [new ChatMessage(ChatMessage.User, text)] }, options)),
            .. given.Select(prompt => new GenerationRequest(prompt, options)),
        ];
        bool asJson = arguments.GetValue(json);
        TextWriter output = Host.Console.Profile.Out.Writer;
        var flowing = new FlowingText(output, Host.Interactive ? Host.Console.Profile.Width : null);
        var speed = new TokenSpeed();
        bool isFirst = true;
        using var interrupt = new Interrupt(() => { });
        IReadOnlyList<GeneratedText> answers = generator.Generate(requests, Show, interrupt.Token);
        if (asJson)
        {
            WriteJson(requests, answers, speed);
            return ExitCode.Success;
        }

        if (requests.Length == 1)
        {
            flowing.End();
        }

        for (int i = 0; i < answers.Count && requests.Length > 1; i++)
        {
            string answer = AnswerText(answers[i]);
            output.WriteLine($"[{i + 1}] {chat?.Shown(answer, isFirst: true) ?? answer}");
        }

        string count = Amounts.Of(speed.Tokens, "token");
        Host.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count}, {speed.PerSecond:0.0} tokens/s, {Endings(answers)}"));
        return ExitCode.Success;

        void Show(GeneratedPiece piece)
        {
            speed.Count();
            if (!asJson && requests.Length == 1)
            {
                string shown = chat?.Shown(piece.Text, isFirst) ?? piece.Text;
                isFirst &= shown.Length == 0;
                flowing.Add(shown);
            }
        }
    }

    private static int[] Parse(string list)
    {
        string[] parts = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 && parts.All(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? [.. parts.Select(part => int.Parse(part, CultureInfo.InvariantCulture))]
            : throw new ArgumentException($"--ids is '{list}'; whole numbers with commas between them were expected, such as 1,2,3.");
    }

    private static string AnswerText(GeneratedText answer) => answer.Text ?? string.Join(',', answer.Ids);

    private static string Endings(IReadOnlyList<GeneratedText> answers) => string.Join(", ", answers
        .GroupBy(answer => answer.Finish)
        .Select(group => (answers.Count == 1 ? "" : $"{group.Count()} ") + group.Key switch
        {
            FinishReason.EndToken => "ended by the model",
            FinishReason.StopString => "ended by a stop text",
            _ => "cut at the length",
        }));

    private void WriteJson(GenerationRequest[] requests, IReadOnlyList<GeneratedText> answers, TokenSpeed speed)
    {
        using JsonLines lines = new(Host.Output);
        foreach ((GenerationRequest request, GeneratedText answer) in requests.Zip(answers))
        {
            lines.Writer.WriteStartObject();
            lines.WriteNumbers("prompt_ids", request.PromptIds);
            lines.WriteNumbers("ids", answer.Ids);
            lines.Writer.WriteString("text", answer.Text);
            lines.Writer.WriteString("finish_reason", answer.Finish switch
            {
                FinishReason.EndToken => "eos",
                FinishReason.StopString => "stop",
                _ => "length",
            });
            lines.Writer.WriteNumber("tokens_per_second", Math.Round(speed.PerSecond, 2));
            lines.Writer.WriteEndObject();
            lines.End();
        }
    }
}

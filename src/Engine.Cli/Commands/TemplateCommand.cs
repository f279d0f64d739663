using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Model.Chat.Jinja;
using Engine.Training.Data;

namespace Engine.Cli.Commands;

/// <summary><c>engine template</c>: renders Jinja templates, one JSON line each.</summary>
internal sealed class TemplateCommand : EngineCommand
{
    private readonly Option<DateTime?> now = new("--now")
    {
        Description = "The time that strftime_now prints; by default the clock's.",
        HelpName = "TIME",
    };

    private readonly Argument<string> file = new("FILE")
    {
        Description = "JSON Lines: each line has 'source', the template, and 'variables', an object; - is standard input.",
    };

    public TemplateCommand(CommandHost host)
        : base(
            host,
            "template",
            "Renders Jinja templates as Transformers' apply_chat_template does, and prints one JSON line each: 'text', with 'spans' "
                + "[start, end) in code points where the template has generation blocks; or 'error' with 'kind', 'message' and 'line'.",
            "engine template conversations.jsonl",
            "echo '{\"source\": \"Hello {{ name }}!\", \"variables\": {\"name\": \"World\"}}' | engine template -")
    {
        Add(now);
        Add(file);
    }

    protected override int Run(ParseResult arguments)
    {
        string path = arguments.GetRequiredValue(file);
        JinjaOptions options = arguments.GetValue(now) is { } time ? new() { Now = time } : new();
        string source = path == "-" ? "standard input" : path;
        IEnumerable<(int, string)> lines = path == "-" ? TextLines.Read(Host.Input, source) : TextLines.Read(path);
        using JsonLines output = new(Host.Output);
        Utf8JsonWriter writer = output.Writer;
        foreach ((int line, string text) in lines)
        {
            using JsonRecord item = JsonRecord.Parse(new DataPlace(source, line), text);
            writer.WriteStartObject();
            try
            {
                JinjaTemplate template = JinjaTemplate.Parse(item.Text("source"));
                WriteRendering(writer, template, template.Render(item.Members("variables"), options));
            }
            catch (JinjaException error)
            {
                WriteError(writer, error);
            }

            writer.WriteEndObject();
            output.End();
        }

        return ExitCode.Success;
    }

    private static void WriteRendering(Utf8JsonWriter writer, JinjaTemplate template, JinjaRendering rendering)
    {
        writer.WriteString("text", rendering.Text);
        if (template.HasGeneration)
        {
            writer.WriteStartArray("spans");
            foreach ((int start, int end) in rendering.Spans)
            {
                writer.WriteStartArray();
                writer.WriteNumberValue(start);
                writer.WriteNumberValue(end);
                writer.WriteEndArray();
            }

            writer.WriteEndArray();
        }
    }

    private static void WriteError(Utf8JsonWriter writer, JinjaException error)
    {
        writer.WriteStartObject("error");
        writer.WriteString("kind", error.KindName);
        writer.WriteString("message", error.Message);
        writer.WriteNumber("line", error.Line);
        writer.WriteEndObject();
    }
}

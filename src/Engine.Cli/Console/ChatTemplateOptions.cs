using System.CommandLine;
using System.Text.Json;
using Engine.Common.Files;
using Engine.Model.Chat;

namespace Engine.Cli.Console;

/// <summary>How conversations are laid out, and what the template is told beside them.</summary>
internal sealed class ChatTemplateOptions
{
    private readonly Option<string?> template;
    private readonly Option<string?> tools = new("--tools")
    {
        Description = "JSON file with the list of tools that the template is told of: objects with type \"function\" and function "
            + "(name, description, parameters).",
        HelpName = "FILE",
    };

    private readonly Option<string?> documents = new("--documents")
    {
        Description = "JSON file with the list of documents that the template is told of.",
        HelpName = "FILE",
    };

    private readonly Option<string[]> variables = new("--template-option")
    {
        Description = "A variable of the template, such as enable_thinking=false; the value is read as JSON where it is some, else as a "
            + "text. May be given several times.",
        HelpName = "NAME=VALUE",
    };

    /// <param name="description">What <c>--template</c> does in this command.</param>
    public ChatTemplateOptions(Command command, string description)
    {
        template = new("--template") { Description = description, HelpName = "NAME" };
        command.Add(template);
        command.Add(tools);
        command.Add(documents);
        command.Add(variables);
    }

    /// <summary>What <c>--template</c> may be, but for none.</summary>
    public static string Names =>
        $"{ChatTemplate.FolderName} (that of the model's folder), {string.Join(", ", ChatTemplate.Known.Select(known => known.Name))}";

    /// <summary>The template; null for none.</summary>
    /// <param name="otherwise">Its name where the command line gives none.</param>
    public ChatTemplate? Read(ParseResult arguments, string? otherwise, string folder) =>
        ChatTemplate.Named(arguments.GetValue(template) ?? otherwise, folder);

    /// <summary>What the template is told, without messages.</summary>
    /// <exception cref="ArgumentException">An option that is broken, or that the template does not speak of.</exception>
    public Conversation Told(ParseResult arguments, ChatTemplate? layout)
    {
        Require(arguments.GetValue(tools) is not null, "--tools", "tools", layout);
        Require(arguments.GetValue(documents) is not null, "--documents", "documents", layout);
        Dictionary<string, object?> told = [];
        foreach (string variable in arguments.GetValue(variables) ?? [])
        {
            int equals = variable.IndexOf('=');
            string name = equals > 0
                ? variable[..equals]
                : throw new ArgumentException($"--template-option is '{variable}'; NAME=VALUE was expected, such as "
                    + "enable_thinking=false.");
            Require(true, "--template-option", name, layout);
            told[name] = Value(variable[(equals + 1)..]);
        }

        return new Conversation([])
        {
            Tools = List(arguments.GetValue(tools)),
            Documents = List(arguments.GetValue(documents)),
            Variables = told,
        };
    }

    private static void Require(bool isGiven, string option, string name, ChatTemplate? layout)
    {
        if (isGiven && layout?.Mentions(name) != true)
        {
            throw new ArgumentException(layout is null
                ? $"{option} is for chat templates, and none is in use; --template chooses one."
                : $"{option}: the chat template does not speak of {name}, so that it would change nothing.");
        }
    }

    private static object? Value(string text)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(text);
            return json.RootElement.Clone();
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static IReadOnlyList<object?>? List(string? path)
    {
        if (path is null)
        {
            return null;
        }

        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.ValueKind == JsonValueKind.Array
                ? [.. json.RootElement.EnumerateArray().Select(item => (object?)item.Clone())]
                : throw new ModelFileException(path, "the file is no JSON list of objects.");
        }
        catch (JsonException error)
        {
            throw new ModelFileException(
                path, $"the file is not JSON from line {(error.LineNumber ?? 0) + 1} on; a list of objects was expected.", error);
        }
    }
}

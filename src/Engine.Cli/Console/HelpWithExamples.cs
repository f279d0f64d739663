using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Engine.Cli.Console;

/// <summary>The usual help, and below it the command's examples; below the list of commands, where to begin.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private static readonly string[] Beginning =
    [
        "engine train --help                    a small run file, which says what is trained on what",
        "engine keys                            all that a run file may hold",
        "engine train run.yaml                  trains it",
        "engine predict runs/reviews \"A text\"   uses what came of it; chat and generate those of language models",
        "engine COMMAND --help                  options and examples of any command",
    ];

    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is EngineCommand { Examples.Count: > 0 } command)
        {
            TextWriter output = parseResult.InvocationConfiguration.Output;
            if (command.SampleFile is var (heading, lines))
            {
                Write(output, heading, lines);
            }

            Write(output, "Examples:", command.Examples);
        }

        if (parseResult.CommandResult.Command is RootCommand)
        {
            Write(parseResult.InvocationConfiguration.Output, "Begin with:", Beginning);
        }

        return code;
    }

    private static void Write(TextWriter output, string heading, IReadOnlyList<string> lines)
    {
        output.WriteLine(heading);
        foreach (string line in lines)
        {
            output.WriteLine($"  {line}");
        }

        output.WriteLine();
    }
}

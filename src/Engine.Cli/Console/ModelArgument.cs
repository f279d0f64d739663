using System.CommandLine;
using System.CommandLine.Parsing;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>The model that a command works with, written alike everywhere: as the first argument or behind <c>--model</c>.</summary>
internal sealed class ModelArgument
{
    private readonly Argument<string?> argument = new("MODEL") { Description = TrainedModel.Description, Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> option = new("--model") { Description = "The same as MODEL.", HelpName = "MODEL" };

    /// <param name="command">The command; arguments of its own are added after this.</param>
    /// <param name="alone">The command has no other arguments.</param>
    public ModelArgument(Command command, bool alone = true)
    {
        command.Add(argument);
        command.Add(option);
        command.Validators.Add(result =>
        {
            bool first = result.GetResult(argument) is { Tokens.Count: > 0 };
            bool named = result.GetResult(option) is { Implicit: false };
            if (!first && !named)
            {
                result.AddError($"MODEL is missing: {TrainedModel.Description}");
            }
            else if (first && named && alone)
            {
                result.AddError("The model is given twice, as an argument and with --model; give it once.");
            }
        });
    }

    /// <summary>What was given, as it was written.</summary>
    public string Path(ParseResult arguments) => arguments.GetValue(option) ?? arguments.GetValue(argument)!;

    /// <summary>
    /// What stands in the model's place although <c>--model</c> is there, and belongs to the command's other arguments; null for nothing.
    /// </summary>
    public string? Displaced(ParseResult arguments) => arguments.GetValue(option) is null ? null : arguments.GetValue(argument);
}

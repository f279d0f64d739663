using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Engine.Cli.Commands;
using Engine.Cli.Console;
using Engine.Optim;

namespace Engine.Cli;

/// <summary>The <c>engine</c> command: parses its arguments, runs what they ask for, and turns errors into sentences.</summary>
public static class CommandLine
{
    /// <summary>Runs one command line.</summary>
    /// <returns>0, or an <see cref="ExitCode"/>.</returns>
    public static int Run(string[] arguments, CommandHost host)
    {
        Option<bool> verbose = new("--verbose") { Description = "Show where in the program an error arose.", Recursive = true };
        RootCommand root = Root(host, verbose);
        ParseResult parsed = root.Parse(arguments, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
        string[] errors = [.. UnknownOptions(parsed, arguments), .. parsed.Errors.Select(error => Plain(error.Message))];
        if (errors.Length > 0 && parsed.Action is not HelpWithExamples)
        {
            string command = parsed.CommandResult.Command is RootCommand ? "engine" : $"engine {parsed.CommandResult.Command.Name}";
            host.Error.WriteLine($"error: {string.Join(" ", errors.Distinct())}{Hint(parsed)}");
            host.Error.WriteLine($"Write '{command} --help' for how it is used.");
            return ExitCode.Usage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = host.Console.Profile.Out.Writer,
                Error = host.Error,
            });
        }
        catch (Exception exception)
        {
            return ErrorReport.Write(exception, host.Error, parsed.GetValue(verbose));
        }
    }

    private static RootCommand Root(CommandHost host, Option<bool> verbose)
    {
        RootCommand root = new("Fine-tunes Transformers (RoBERTa, BERT, Llama, Qwen) with LoRA and flat-minima methods, and generates text with them, on CPU, OpenCL and CUDA devices.")
        {
            verbose,
            new TrainCommand(host),
            new CompareCommand(host),
            new EvalCommand(host),
            new PredictCommand(host),
            new EstimateCommand(host),
            new InspectCommand(host),
            new DevicesCommand(host),
            new TokenizeCommand(host),
            new TrainTokenizerCommand(host),
            new ForwardCommand(host),
            new ChatCommand(host),
            new GenerateCommand(host),
            new MergeCommand(host),
            new SharpnessCommand(host),
            new KernelsCommand(host),
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.SetAction(arguments =>
        {
            ((HelpWithExamples)help.Action).Invoke(arguments);
            return ExitCode.Usage;
        });
        return root;
    }

    /// <summary>Mistyped options, which the parser takes for files. What stands after <c>--</c> may start as it likes, and so may an option's text of several words.</summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed, string[] arguments)
    {
        string[] known = [.. parsed.CommandResult.Command.Options.Concat(parsed.RootCommandResult.Command.Options).Select(option => option.Name)];
        string[] values = [.. parsed.CommandResult.Children.OfType<OptionResult>().SelectMany(option => option.Tokens).Select(token => token.Value)];
        return from argument in arguments.TakeWhile(argument => argument != "--")
               where argument.StartsWith("--", StringComparison.Ordinal) && !(argument.Contains(' ', StringComparison.Ordinal) && values.Contains(argument))
               let name = argument.Split('=', ':')[0]
               where !known.Contains(name)
               select $"There is no option '{name}'{(NearestName.Find(name, known) is { } nearest ? $"; did you mean '{nearest}'?" : ".")}";
    }

    /// <summary>A parser's message without the name of a .NET type in it.</summary>
    private static string Plain(string message)
    {
        int type = message.IndexOf(" as expected type '", StringComparison.Ordinal);
        return type < 0 ? message
            : message[..type] + (message.AsSpan(type).Contains("UInt", StringComparison.Ordinal) ? "; a whole number from 0 was expected." : "; a whole number was expected.");
    }

    /// <summary>What a mistyped command was probably meant to be.</summary>
    private static string Hint(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand root
        && parsed.UnmatchedTokens.FirstOrDefault() is { } token
        && NearestName.Find(token, root.Subcommands.Select(command => command.Name)) is { } nearest
            ? $" Did you mean '{nearest}'?"
            : "";
}

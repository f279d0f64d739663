using System.CommandLine;
using System.CommandLine.Help;
using Engine.Cli.Commands;
using Engine.Cli.Console;

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
        var parser = new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null };
        ParseResult parsed = root.Parse(arguments, parser);
        if (parsed.Action is not HelpWithExamples && UsageErrors.Of(parsed, arguments) is { Count: > 0 } errors)
        {
            host.Error.WriteLine($"error: {string.Join(" ", errors)}");
            host.Error.WriteLine($"Write '{UsageErrors.Name(parsed.CommandResult.Command)} --help' for how it is used.");
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
            return ErrorReport.Write(exception, parsed.CommandResult.Command, host.Error, parsed.GetValue(verbose));
        }
    }

    private static RootCommand Root(CommandHost host, Option<bool> verbose)
    {
        RootCommand root = new(
            "Fine-tunes Transformers (RoBERTa, BERT, Llama, Qwen) with LoRA and flat-minima methods, and generates text with them, on CPU, "
            + "OpenCL and CUDA devices.")
        {
            verbose,
            new TrainCommand(host),
            new KeysCommand(host),
            new FederateCommand(host),
            new CompareCommand(host),
            new EvalCommand(host),
            new PredictCommand(host),
            new EmbedCommand(host),
            new EstimateCommand(host),
            new InspectCommand(host),
            new DevicesCommand(host),
            new TokenizeCommand(host),
            new TrainTokenizerCommand(host),
            new TemplateCommand(host),
            new ForwardCommand(host),
            new ChatCommand(host),
            new GenerateCommand(host),
            new MergeCommand(host),
            new SharpnessCommand(host),
            new KernelsCommand(host),
        };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Description = "Show what the command does, its options and examples.";
        root.Options.OfType<VersionOption>().Single().Description = "Show the version.";
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        root.SetAction(arguments =>
        {
            ((HelpWithExamples)help.Action).Invoke(arguments);
            return ExitCode.Usage;
        });
        return root;
    }
}

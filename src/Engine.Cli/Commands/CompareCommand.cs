using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Progress;
using Engine.Cli.Tables;
using Engine.Devices;
using Engine.Common.Files;
using Engine.Training.Comparing;
using Engine.Training.Reports;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine compare</c>: trains one run file by several methods with several seeds and puts the results side by side.</summary>
internal sealed class CompareCommand : EngineCommand
{
    private const int DefaultSeeds = 3;
    private const int DefaultSharpnessRows = 128;

    private readonly RunFileOptions runFile;
    private readonly Option<string> methods = new("--methods")
    {
        Description = "What to compare: methods with commas between, such as lora,flat-lora,flat-lora{rho=0.1},flat-lora+nbar (lora: no "
            + "method), or a YAML file with a line for each, of the keys that it has in place of the run file's, such as "
            + "'fast: {method: flat-lora, learning_rate: 1.0e-3}'.",
        HelpName = "LIST|FILE",
        Required = true,
    };

    private readonly Option<int> seeds = new("--seeds")
    {
        Description = "Runs of each method, with seeds one after another from the run file's.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultSeeds,
    };

    private readonly Option<string?> sharpness = new("--sharpness")
    {
        Description = "Also measure how flat the loss is around every run's adapter, by these instruments: some of expected, worst-case, "
            + "eigenvalue, trace, with commas between.",
        HelpName = "LIST",
    };

    private readonly Option<int> sharpnessRows = new("--sharpness-rows")
    {
        Description = "Rows of the validation data that sharpness is measured on: the first.",
        HelpName = "N",
        DefaultValueFactory = _ => DefaultSharpnessRows,
    };

    public CompareCommand(CommandHost host)
        : base(
            host,
            "compare",
            "Trains a run file by several methods with several seeds and compares metric, time and memory, in a table, as JSON and as a "
                + "page. Given again, it keeps finished runs and goes on with the others.",
            "engine compare run.yaml --methods lora,flat-lora,efm-lora,bi-lora --seeds 3",
            "engine compare run.yaml --methods 'lora,flat-lora{rho=0.1},flat-lora+nbar' --set num_train_epochs=1",
            "engine compare run.yaml --methods methods.yaml --seeds 5 --sharpness expected,worst-case --device cuda")
    {
        runFile = new RunFileOptions(this);
        Add(methods);
        Add(seeds);
        Add(sharpness);
        Add(sharpnessRows);
    }

    protected override int Run(ParseResult arguments)
    {
        string given = arguments.GetRequiredValue(methods);
        IReadOnlyList<ComparedMethod> compared = File.Exists(given) ? ComparedMethod.ReadFile(given) : ComparedMethod.ParseList(given);
        var comparison = new Comparison(runFile.Path(arguments), [.. runFile.Settings(arguments)], compared, arguments.GetValue(seeds));
        SharpnessRequest? request = arguments.GetValue(sharpness) is { } list
            ? SharpnessRequest.Parse(list, arguments.GetValue(sharpnessRows))
            : null;
        using Device device = runFile.OpenDevice(arguments, comparison.Runs[0].Run, Host);
        CommonOptions.Announce(device, Host.Console.Profile.Out.Writer);
        ComparisonOutcome outcome = Run(comparison, device, request);
        Show(outcome);
        if (outcome.Interrupted)
        {
            ComparisonReport report = outcome.Report;
            string done = $"{report.Finished} of {Amounts.Of(report.Planned, "run")} {(report.Planned == 1 ? "is" : "are")} done";
            Host.WriteLine($"{done}; go on with: {Invocation.Program} compare {Repeat(arguments)}");
            return ExitCode.Interrupted;
        }

        return outcome.Report.Methods.All(method => method.Failed.Count == 0) ? ExitCode.Success : ExitCode.Failure;
    }

    private ComparisonOutcome Run(Comparison comparison, Device device, SharpnessRequest? request)
    {
        var view = new ComparisonView(Host, comparison.Runs[0].Run.LoggingSteps);
        using Interrupt interrupt =
            new(() => view.Notice("Stopping after this step; finished runs are kept, and this one can go on. Ctrl-C again aborts."));
        try
        {
            return comparison.Run(device, request, view, interrupt.Token);
        }
        finally
        {
            view.End();
        }
    }

    private void Show(ComparisonOutcome outcome)
    {
        ComparisonReport report = outcome.Report;
        Host.Console.Write(ComparisonTables.Of(report));
        foreach ((string space, IReadOnlyList<string> figures) in report.Sharpness)
        {
            Host.Console.Write(ComparisonTables.Sharpness(report, space, figures));
        }

        foreach (MethodResult method in report.Methods)
        {
            foreach (FailedRun failed in method.Failed)
            {
                Host.WriteLine($"failed: {method.Name}, seed {failed.Seed}: {failed.Reason}");
            }
        }

        Host.WriteLine($"written: {outcome.JsonPath} and {outcome.PagePath}");
    }

    /// <summary>What to type after the command to go on with the same comparison.</summary>
    private string Repeat(ParseResult arguments)
    {
        string measured = arguments.GetValue(sharpness) is { } list
            ? $" --sharpness {list} --sharpness-rows {arguments.GetValue(sharpnessRows)}"
            : "";
        string compared = $"--methods {ShellWord.Quoted(arguments.GetRequiredValue(methods))} --seeds {arguments.GetValue(seeds)}";
        return $"{runFile.Repeat(arguments)} {compared}{measured}";
    }
}

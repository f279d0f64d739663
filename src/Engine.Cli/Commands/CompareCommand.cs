using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Html;
using Engine.Cli.Inspection;
using Engine.Cli.Progress;
using Engine.Devices;
using Engine.Common.Files;
using Engine.Training.Comparing;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine compare</c>: trains one run file by several methods with several seeds and puts the results side by side.</summary>
internal sealed class CompareCommand : EngineCommand
{
    private const int DefaultSeeds = 3;
    private const int DefaultSharpnessRows = 128;

    /// <summary>Methods whose code has run in this process.</summary>
    private readonly HashSet<string> warm = [];
    private readonly RunFileOptions runFile;
    private readonly Option<string> methods = new("--methods")
    {
        Description = "What to compare: methods with commas between, such as lora,flat-lora,flat-lora{rho=0.1},flat-lora+nbar (lora: no method), or a YAML file of named settings (docs/compare.md).",
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
        Description = "Also measure how flat the loss is around every run's adapter, by these instruments: some of expected, worst-case, eigenvalue, trace (docs/sharpness.md).",
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
            "Trains a run file by several methods with several seeds and compares metric, time and memory, in a table, as JSON and as a page (docs/compare.md). Given again, it keeps finished runs and goes on with the others.",
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
        int count = arguments.GetValue(seeds);
        if (count < 1)
        {
            throw new ArgumentException($"--seeds is {count}; at least 1 was expected.");
        }

        string given = arguments.GetRequiredValue(methods);
        IReadOnlyList<ComparedMethod> compared = File.Exists(given) ? ComparedMethod.ReadFile(given) : ComparedMethod.ParseList(given);
        var comparison = new Comparison(runFile.Path(arguments), [.. runFile.Settings(arguments)], compared, count);
        SharpnessRequest? request = arguments.GetValue(sharpness) is { } list ? SharpnessRequest.Parse(list, arguments.GetValue(sharpnessRows)) : null;
        using OutputFolder held = OutputFolder.Open(comparison.Folder);
        held.Claim(ComparisonResults.JsonName, ComparisonResults.PageName);
        using Device device = runFile.OpenDevice(arguments, comparison.Runs[0].Run, Host);
        var results = new ComparisonResults(comparison, device.ToString());
        bool interrupted = MakeRuns(comparison, device, request, results);
        ComparisonReport report = results.Report();
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

        Host.WriteLine($"written: {results.JsonPath} and {results.PagePath}");
        if (interrupted)
        {
            Host.WriteLine($"{report.Finished} of {Amounts.Of(report.Planned, "run")} {(report.Planned == 1 ? "is" : "are")} done; go on with: engine compare {runFile.Repeat(arguments)} --methods {ShellWord.Quoted(given)} --seeds {count}{(request is null ? "" : $" --sharpness {arguments.GetValue(sharpness)} --sharpness-rows {request.Rows}")}");
            return ExitCode.Interrupted;
        }

        return report.Methods.All(method => method.Failed.Count == 0) ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Writes what there is so far.</summary>
    private static void Write(ComparisonResults results)
    {
        results.Write();
        ComparisonPage.Of(results.Report()).Write(results.PagePath);
    }

    /// <summary>Makes every run that is not there yet; whether Ctrl-C stopped it.</summary>
    private bool MakeRuns(Comparison comparison, Device device, SharpnessRequest? request, ComparisonResults results)
    {
        TrainingView view = TrainingView.Create(Host, comparison.Runs[0].Run.LoggingSteps);
        using Interrupt interrupt = new(() => view.Notice("Stopping after this step; finished runs are kept, and this one can go on. Ctrl-C again aborts."));
        foreach (PlannedRun planned in comparison.Runs)
        {
            Guard(planned, results, () =>
            {
                if (Comparison.Find(planned, request) is { } finished)
                {
                    results.Add(planned, finished);
                }

                return true;
            });
        }

        Write(results);
        PlannedRun[] left = [.. comparison.Runs.Where(planned =>
            !results.HasFailed(planned) && (results.Find(planned) is not { } run || (request is not null && run.Sharpness is null)))];
        for (int i = 0; i < left.Length; i++)
        {
            Host.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"run {i + 1} of {left.Length}: {left[i].Method.Name}, seed {left[i].Run.Seed}"));
            bool ended = Guard(left[i], results, () => Make(left[i], device, request, results, view, interrupt.Token));
            Write(results);
            if (!ended || (interrupt.Token.IsCancellationRequested && i + 1 < left.Length))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Works on one run; where it fails, the results and the exit code say so, and the other runs, which do not depend on it, go on.</summary>
    private bool Guard(PlannedRun planned, ComparisonResults results, Func<bool> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (ErrorReport.IsForUser(exception))
        {
            results.AddFailed(planned, ErrorReport.Sentence(exception));
            Host.Error.WriteLine($"error: {planned.Method.Name}, seed {planned.Run.Seed}: {ErrorReport.Sentence(exception)}");
            return true;
        }
    }

    /// <summary>Makes one run and measures it, as far as that is not done, and adds what came of it to the results; whether it ended before Ctrl-C.</summary>
    private bool Make(PlannedRun planned, Device device, SharpnessRequest? request, ComparisonResults results, TrainingView view, CancellationToken cancellation)
    {
        if (results.Find(planned) is null)
        {
            if (warm.Add(planned.Method.Name))
            {
                Comparison.WarmUp(planned, device, cancellation);
            }

            if (view.Around(() => Comparison.Make(planned, device, view, cancellation)) is not { } run)
            {
                return false;
            }

            results.Add(planned, run);
        }

        if (request is null)
        {
            return true;
        }

        var sharpnessView = new SharpnessView(Host);
        RunSharpness? measured = Comparison.Measure(planned, device, request, sharpnessView, cancellation);
        sharpnessView.End();
        if (measured is not null)
        {
            results.Add(planned, measured);
        }

        return measured is not null;
    }
}

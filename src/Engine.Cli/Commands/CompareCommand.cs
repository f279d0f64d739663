using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Inspection;
using Engine.Cli.Progress;
using Engine.Devices;
using Engine.Training.Comparing;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine compare</c>: trains one run file by several methods with several seeds and puts the results side by side.</summary>
internal sealed class CompareCommand : EngineCommand
{
    private const int DefaultSeeds = 3;

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

    public CompareCommand(CommandHost host)
        : base(
            host,
            "compare",
            "Trains a run file by several methods with several seeds and compares metric, time and memory, in a table, as JSON and as a page (docs/compare.md). Given again, it keeps finished runs and goes on with the others.",
            "engine compare run.yaml --methods lora,flat-lora,efm-lora,bi-lora --seeds 3",
            "engine compare run.yaml --methods 'lora,flat-lora{rho=0.1},flat-lora+nbar' --set num_train_epochs=1",
            "engine compare run.yaml --methods methods.yaml --seeds 5 --device cuda")
    {
        runFile = new RunFileOptions(this);
        Add(methods);
        Add(seeds);
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
        using Device device = CommonOptions.Open(runFile.DeviceId(arguments, comparison.Runs[0].Run), Host.Console.Profile.Out.Writer);
        var results = new ComparisonResults(comparison, device.ToString());
        bool interrupted = MakeRuns(comparison, device, results);
        ComparisonReport report = results.Report();
        Host.Console.Write(ComparisonTables.Of(report));
        foreach (MethodResult method in report.Methods)
        {
            foreach (FailedRun failed in method.Failed)
            {
                Host.Console.WriteLine($"failed: {method.Name}, seed {failed.Seed}: {failed.Reason}");
            }
        }

        Host.Console.WriteLine($"written: {results.JsonPath}");
        if (interrupted)
        {
            Host.Console.WriteLine($"{report.Finished} of {report.Planned} runs are done; go on with: engine compare {runFile.Repeat(arguments)} --methods {RunFileOptions.Quoted(given)} --seeds {count}");
            return ExitCode.Interrupted;
        }

        return report.Finished == report.Planned ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Makes every run that is not there yet; whether Ctrl-C stopped it.</summary>
    private bool MakeRuns(Comparison comparison, Device device, ComparisonResults results)
    {
        TrainingView view = TrainingView.Create(Host, comparison.Runs[0].Run.LoggingSteps);
        using Interrupt interrupt = new(() => view.Notice("Stopping after this step; finished runs are kept, and this one can go on. Ctrl-C again aborts."));
        results.Write();
        for (int i = 0; i < comparison.Runs.Count; i++)
        {
            PlannedRun planned = comparison.Runs[i];
            Host.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"run {i + 1} of {comparison.Runs.Count}: {planned.Method.Name}, seed {planned.Run.Seed}"));
            try
            {
                if (view.Around(() => Comparison.Make(planned, device, view, interrupt.Token)) is not { } run)
                {
                    return true;
                }

                results.Add(planned, run);
            }
            catch (Exception exception) when (ErrorReport.IsForUser(exception))
            {
                // The other runs do not depend on this one; the table and the exit code say that it failed.
                results.AddFailed(planned, ErrorReport.Sentence(exception));
                Host.Error.WriteLine($"error: {planned.Method.Name}, seed {planned.Run.Seed}: {ErrorReport.Sentence(exception)}");
            }

            results.Write();
            if (interrupt.Token.IsCancellationRequested)
            {
                return true;
            }
        }

        return false;
    }
}

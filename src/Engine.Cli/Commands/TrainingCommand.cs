using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Progress;
using Engine.Cli.Tables;
using Engine.Common;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;
using Profile = Engine.Graph.Profile;

namespace Engine.Cli.Commands;

/// <summary>A command that runs a trainer on a run file.</summary>
internal abstract class TrainingCommand : EngineCommand
{
    private readonly bool isFederated;
    private readonly RunFileOptions runFile;
    private readonly Option<bool> resume = new("--resume")
    {
        Description = "Go on from the newest checkpoint in the run's folder, as if the run had never stopped.",
    };

    private readonly Option<bool> overwrite = new("--overwrite")
    {
        Description = "Let a run that the output folder holds give way, as overwrite_output_dir: true in the run file does; it stays until "
            + "the new one is finished.",
    };

    private readonly Option<bool> profile = new("--profile")
    {
        Description = "Time every operator and print the table at the end; the run is slower, since each launch is waited for.",
    };

    /// <param name="isFederated">Whether it runs files with a section <c>federated</c>, or those without.</param>
    protected TrainingCommand(CommandHost host, bool isFederated, string name, string description, params IReadOnlyList<string> examples)
        : base(host, name, description, examples)
    {
        this.isFederated = isFederated;
        runFile = new RunFileOptions(this);
        Add(resume);
        Add(overwrite);
        Add(profile);
    }

    protected override int Run(ParseResult arguments)
    {
        if (arguments.GetValue(resume) && arguments.GetValue(overwrite))
        {
            throw new ArgumentException("--resume goes on with the run in the output folder and --overwrite removes it; give one of them.");
        }

        RunConfiguration run = runFile.Load(arguments);
        if (run.Federated is not null != isFederated)
        {
            throw new ConfigurationException(isFederated
                ? $"{runFile.Path(arguments)} has no section 'federated:', which says how many clients and rounds there are "
                    + $"('{Invocation.Program} keys federated' lists its keys); engine train runs it."
                : $"{runFile.Path(arguments)} has a section 'federated:'; engine federate runs it, or engine train with --set "
                    + "federated=null.");
        }

        using Device device = runFile.OpenDevice(arguments, run, Host);
        TrainingView view = TrainingView.Create(Host, run.LoggingSteps);
        Profile? times = arguments.GetValue(profile) ? new Profile() : null;
        TrainingOutcome outcome;
        string end = isFederated ? "before this round's end" : "after this step";
        var options = new TrainerOptions
        {
            Resume = arguments.GetValue(resume),
            Overwrite = arguments.GetValue(overwrite),
            Profile = times,
        };
        using (Interrupt interrupt = new(() => view.Notice($"Stopping {end}; what was learned is kept. Ctrl-C again aborts.")))
        using (Trainer trainer = new(run, device, options, view))
        {
            CommonOptions.Announce(device, Host.Console.Profile.Out.Writer);
            view.Begin();
            try
            {
                outcome = trainer.Train(interrupt.Token);
            }
            finally
            {
                view.End();
            }
        }

        if (times is not null)
        {
            Host.Console.Write(ReportTables.ByOperator(times));
        }

        Report(outcome, run, runFile.Repeat(arguments));
        return outcome.Interrupted ? ExitCode.Interrupted : ExitCode.Success;
    }

    private void Report(TrainingOutcome outcome, RunConfiguration run, string repeat)
    {
        IAnsiConsole console = Host.Console;
        if (outcome.After is { } after && !outcome.Interrupted)
        {
            console.Write(ReportTables.Comparison(outcome.Before, after));
        }

        if (outcome.Tasks is { After.Count: > 0 } tasks)
        {
            console.Write(ReportTables.Tasks(tasks));
            string average = Amounts.Metric(tasks.Average), anytime = Amounts.Metric(tasks.Anytime);
            console.WriteLine($"average accuracy {average}, anytime {anytime}, forgetting {Amounts.Metric(tasks.Forgetting)}");
        }

        double pace = outcome.Seconds > 0 ? outcome.Tokens / outcome.Seconds : 0;
        string time = Amounts.Time(TimeSpan.FromSeconds(outcome.Seconds)), memory = Amounts.Bytes(outcome.PeakBytes);
        console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amounts.Of(outcome.Steps, "step")} in {time}, {pace:N0} tokens/s, at most {memory} of device memory"));
        Host.WriteLine($"{(outcome.Interrupted ? "stopped; what was learned so far" : "result")}: {outcome.WeightsFolder}");
        if (outcome.Interrupted)
        {
            Host.WriteLine($"go on with: {Invocation.Program} {Name} {repeat} --resume");
        }
        else if (NextCommand.Of(run) is { } next)
        {
            Host.WriteLine($"try it: {next}");
        }
    }
}

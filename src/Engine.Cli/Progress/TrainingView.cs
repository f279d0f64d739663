using System.Globalization;
using Engine.Cli.Console;
using Engine.Training.Data;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Progress;

/// <summary>Shows a run while it goes; the lines that stay are the same wherever it is shown.</summary>
internal abstract class TrainingView(IAnsiConsole console) : IProgress<TrainingProgress>
{
    protected IAnsiConsole Console { get; } = console;

    /// <summary>The view that fits where the output goes: a bar on a terminal, lines elsewhere.</summary>
    /// <param name="everySteps">Steps between two lines.</param>
    public static TrainingView Create(CommandHost host, int everySteps) => host.Interactive && host.Console.Profile.Capabilities.Ansi
        ? new TrainingBar(host.Console)
        : new TrainingLines(host.Console, everySteps);

    /// <summary>A training begins.</summary>
    public virtual void Begin()
    {
    }

    /// <summary>The training is over, or something else is shown; what was drawn over itself goes.</summary>
    public virtual void End()
    {
    }

    /// <summary>Says something that the run did not report.</summary>
    public virtual void Notice(string message) => Console.WriteLine(message, new Style(Color.Yellow));

    public virtual void Report(TrainingProgress value)
    {
        switch (value)
        {
            case TrainingProgress.Started started:
                foreach (string note in started.Notes)
                {
                    Console.WriteLine($"note: {note}", new Style(Color.Yellow));
                }

                Console.WriteLine(
                    Invariant($"{started.TrainableParameters:N0} of {started.TotalParameters:N0} parameters are trained; ")
                    + $"{Amounts.Of(started.TotalSteps, "step")}; {Amounts.Bytes(started.ForecastBytes)} of device memory");
                if (started.Classes.Count > 0)
                {
                    Console.WriteLine(Classes(started.Classes));
                }

                if (started.FirstStep > 0)
                {
                    Console.WriteLine($"resumed after step {started.FirstStep}");
                }

                break;
            case TrainingProgress.Skipped skipped:
                Console.WriteLine($"note: step {skipped.StepNumber} was skipped: {skipped.Reason}", new Style(Color.Yellow));
                break;
            case TrainingProgress.Evaluated evaluated:
                string when = evaluated.StepNumber == 0 ? "untrained" : Invariant($"epoch {evaluated.Epoch:0.##}");
                string metrics = string.Join("  ", evaluated.Metrics.Select(metric => $"{metric.Key} {Amounts.Metric(metric.Value)}"));
                Console.WriteLine($"{when}: {metrics}{(evaluated.Best ? "  best" : "")}");
                if (evaluated.Warning is not null)
                {
                    Console.WriteLine($"note: {evaluated.Warning}", new Style(Color.Yellow));
                }

                break;
            case TrainingProgress.Saved saved:
                Console.WriteLine($"checkpoint: {saved.Folder}", new Style(decoration: Decoration.Dim));
                break;
            case TrainingProgress.Stopping stopping:
                Console.WriteLine(stopping.Reason);
                break;
        }
    }

    /// <summary>The classes of a run with their rows, the first of very many.</summary>
    public static string Classes(IReadOnlyList<ClassCount> classes)
    {
        const int Most = 20;
        string more = classes.Count > Most ? Invariant($", and {classes.Count - Most} more") : "";
        IEnumerable<string> shown = classes.Take(Most).Select(entry => Invariant($"{entry.Name} ({entry.Rows:N0})"));
        return Invariant($"{classes.Count} classes (rows): {string.Join(", ", shown)}{more}");
    }

    protected static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.Diagnostics;
using Engine.Cli.Console;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Cli.Progress;

/// <summary>
/// A progress bar with the numbers of the last step, drawn over itself at the terminal's lower end: one line where the terminal is wide
/// enough, else two. What stays (evaluations, notes) scrolls above it.
/// </summary>
internal sealed class TrainingBar(IAnsiConsole console) : TrainingView(console)
{
    private const int WideFrom = 120;
    private const int ShortestBar = 10;

    // Redrawing more often than the eye follows only costs time.
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(100);

    private static readonly Style Done = new(Color.Green);
    private static readonly Style Rest = new(Color.Grey37);
    private static readonly Style Dim = new(decoration: Decoration.Dim);

    // Steps are reported by the training thread, a Ctrl-C by the runtime's.
    private readonly Lock gate = new();
    private TrainingProgress.Step? latest;
    private long drawnAt;
    private int drawnLines;
    private bool isShown;

    public override void Begin()
    {
        isShown = true;
        Console.Cursor.Hide();
    }

    public override void End()
    {
        lock (gate)
        {
            if (isShown)
            {
                Erase();
                latest = null;
                isShown = false;
                Console.Cursor.Show();
            }
        }
    }

    public override void Report(TrainingProgress value)
    {
        if (value is not TrainingProgress.Step step)
        {
            Above(() => base.Report(value));
            return;
        }

        lock (gate)
        {
            latest = step;
            if (Stopwatch.GetElapsedTime(drawnAt) >= RedrawEvery || step.StepNumber == step.TotalSteps)
            {
                drawnAt = Stopwatch.GetTimestamp();
                Erase();
                Draw();
            }
        }
    }

    public override void Notice(string message) => Above(() => base.Notice(message));

    private void Above(Action write)
    {
        lock (gate)
        {
            Erase();
            write();
            Draw();
        }
    }

    private void Draw()
    {
        if (latest is not null)
        {
            IReadOnlyList<IRenderable> lines = Lines(latest, Console.Profile.Width);
            Console.Write(new Rows(lines));
            drawnLines = lines.Count;
        }
    }

    private void Erase()
    {
        if (drawnLines > 0)
        {
            // Up to the bar's first line, and clear from there to the end of the screen.
            Console.Write(new ControlCode($"\r\u001b[{drawnLines}A\u001b[0J"));
            drawnLines = 0;
        }
    }

    /// <summary>The bar of a step for a terminal of this many columns, each line shorter than that.</summary>
    internal static IReadOnlyList<IRenderable> Lines(TrainingProgress.Step step, int width)
    {
        string steps = Invariant($"{step.StepNumber}/{step.TotalSteps}");
        string share = Invariant($"{100.0 * step.StepNumber / step.TotalSteps,3:0} %");
        string left = $"{Amounts.Time(step.TimeLeft)} left";
        string epoch = Invariant($"epoch {step.Epoch:0.00}");
        string numbers = Invariant($"loss {step.Loss,-7:0.0000} {OfMethod(step, " ")}lr {step.LearningRate,-8:0.00e-0} ")
            + Invariant($"{step.TokensPerSecond,7:N0} tokens/s  {Amounts.Bytes(step.DeviceBytes)}");
        if (width >= WideFrom)
        {
            return [Line(width, step, $"{epoch}  ", $"  {steps}  {share}  {left}   {numbers}")];
        }

        return [Line(width, step, "", $" {steps} {share}  {left}"), new Text(Fit($"{epoch}  {numbers}", width - 1), Dim)];
    }

    private static Paragraph Line(int width, TrainingProgress.Step step, string before, string after)
    {
        // The last column stays free: some terminals wrap when it is written.
        int bar = Math.Max(ShortestBar, width - 1 - before.Length - after.Length);
        int done = (int)(bar * step.StepNumber / step.TotalSteps);
        return new Paragraph()
            .Append(before)
            .Append(new string('━', done), Done)
            .Append(new string('─', bar - done), Rest)
            .Append(Fit(after, width - 1 - before.Length - bar));
    }

    /// <summary>
    /// What the perturbation adds to the loss, and what of privacy is spent, each with what divides it from the next number; empty where
    /// neither is known.
    /// </summary>
    internal static string OfMethod(TrainingProgress.Step step, string divider) =>
        (step.LossRise is { } rise ? Invariant($"rise {(rise == 0 ? "0" : Invariant($"{rise:0.0e-0}"))}{divider}") : "")
        + (step.Epsilon is { } epsilon ? Invariant($"epsilon {epsilon:0.00}{divider}") : "");

    private static string Fit(string text, int width) => text.Length <= width ? text : text[..Math.Max(0, width)];
}

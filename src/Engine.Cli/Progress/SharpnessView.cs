using System.Diagnostics;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Optim.Sharpness;
using Engine.Training.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Cli.Progress;

/// <summary>
/// Shows how far a measurement is: one line drawn over itself on a terminal; elsewhere a line for each thing that begins.
/// </summary>
internal sealed class SharpnessView : IProgress<SharpnessProgress>
{
    // Redrawing more often than the eye follows only costs time.
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(100);

    private readonly IAnsiConsole console;
    private readonly bool drawsOver;

    // Measurements are reported by the thread that makes them, a Ctrl-C by the runtime's.
    private readonly Lock gate = new();
    private long start = Stopwatch.GetTimestamp();
    private long drawnAt;
    private (string Adapter, string What) shown;

    public SharpnessView(CommandHost host)
    {
        console = host.Console;
        drawsOver = host.Interactive && console.Profile.Capabilities.Ansi;
    }

    public void Report(SharpnessProgress value)
    {
        lock (gate)
        {
            bool isNew = shown != (value.Adapter, value.What);
            if (shown.Adapter != value.Adapter)
            {
                start = Stopwatch.GetTimestamp();
            }

            shown = (value.Adapter, value.What);
            if (drawsOver && (isNew || Stopwatch.GetElapsedTime(drawnAt) >= RedrawEvery))
            {
                drawnAt = Stopwatch.GetTimestamp();
                Erase();
                string line = Line(value);
                console.Write(new Text(line.Length < console.Profile.Width ? line : line[..(console.Profile.Width - 1)]));
            }
            else if (!drawsOver && isNew)
            {
                console.WriteLine(Line(value));
            }
        }
    }

    /// <summary>Says something that stays.</summary>
    public void Notice(string message)
    {
        lock (gate)
        {
            if (drawsOver)
            {
                Erase();
            }

            console.WriteLine(message, new Style(Color.Yellow));
        }
    }

    /// <summary>Takes the line away; what is measured next is something new.</summary>
    public void End()
    {
        lock (gate)
        {
            if (drawsOver && shown != default)
            {
                Erase();
            }

            shown = default;
        }
    }

    private string Line(SharpnessProgress value)
    {
        double percent = 100.0 * value.Done / Math.Max(1, value.Total);
        string share = string.Create(CultureInfo.InvariantCulture, $"{value.Adapter}  {percent,3:0} %");
        string left = value.Done > 0 && drawsOver
            ? $"  at most {Amounts.Time(Stopwatch.GetElapsedTime(start) * ((double)(value.Total - value.Done) / value.Done))} left"
            : "";
        return $"{share}{left}  {value.What}";
    }

    private void Erase() => console.Write(new ControlCode("\r\u001b[K"));
}

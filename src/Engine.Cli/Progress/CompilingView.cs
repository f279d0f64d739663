using Engine.Devices;

namespace Engine.Cli.Progress;

/// <summary>
/// Shows how far a device's kernels are compiled, where that takes longer than a moment: a line drawn over itself on a terminal, beneath
/// whatever else is drawn; elsewhere a line now and then.
/// </summary>
internal sealed class CompilingView(TextWriter output, bool drawsOver, TimeProvider time)
{
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    private long start;
    private long shownAt;
    private bool running;
    private bool shown;

    public void Report(KernelProgress progress)
    {
        bool ends = progress.Compiled == progress.Asked;
        if (!running)
        {
            start = time.GetTimestamp();
        }

        running = !ends;
        if (drawsOver && shown && ends)
        {
            output.Write("\r\u001b[K");
            shown = false;
        }
        else if (time.GetElapsedTime(start) >= Moment && !ends && (drawsOver || !shown || time.GetElapsedTime(shownAt) >= BetweenLines))
        {
            string line = $"compiling kernels: {progress.Compiled} of {progress.Asked}";
            output.Write(drawsOver ? $"\r{line}\u001b[K" : $"{line}{output.NewLine}");
            output.Flush();
            shown = true;
            shownAt = time.GetTimestamp();
        }
    }
}

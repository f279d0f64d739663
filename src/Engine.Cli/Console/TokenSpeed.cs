using System.Diagnostics;

namespace Engine.Cli.Console;

/// <summary>
/// Counts tokens as they come. The speed is that of going on: the time until the first token, in which prompts are read, is left out.
/// </summary>
internal sealed class TokenSpeed
{
    private readonly long start = Stopwatch.GetTimestamp();
    private long first;
    private long last;
    private int untilFirst;

    public int Tokens { get; private set; }

    /// <summary>Tokens per second.</summary>
    public double PerSecond => last > first
        ? (Tokens - untilFirst) / Stopwatch.GetElapsedTime(first, last).TotalSeconds
        : Tokens / Math.Max(Stopwatch.GetElapsedTime(start, last).TotalSeconds, 1e-9);

    /// <summary>A token has come.</summary>
    public void Count()
    {
        last = Stopwatch.GetTimestamp();
        Tokens++;
        if (first == 0)
        {
            (first, untilFirst) = (last, Tokens);
        }
    }
}

using Engine.Cli.Progress;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.EndToEnd.Tests;

/// <summary>The progress bar at the widths terminals have.</summary>
public sealed class TrainingBarTests
{
    private static readonly TrainingProgress.Step Middle =
        new(120, 360, 4, 0.69314, 1.25e-3, 1.5, 12345.6, TimeSpan.FromSeconds(83), 128L << 20);

    [Theory]
    [InlineData(40, 2)]
    [InlineData(80, 2)]
    [InlineData(160, 1)]
    public void Bar_fits_the_terminal(int width, int lines)
    {
        string[] drawn = Draw(Middle, width);
        Assert.Equal(lines, drawn.Length);
        Assert.All(drawn, line => Assert.InRange(line.TrimEnd().Length, 1, width - 1));
    }

    [Theory]
    [InlineData(80)]
    [InlineData(160)]
    public void Bar_shows_progress_loss_rate_pace_time_left_and_memory(int width)
    {
        string drawn = string.Join('\n', Draw(Middle, width));
        foreach (string part in (string[])["120/360", "33 %", "loss 0.6931", "lr 1.25e-3", "12,346 tokens/s", "1:23 left", "128 MiB",
            "epoch 4.00"])
        {
            Assert.Contains(part, drawn, StringComparison.Ordinal);
        }

        double share = (double)drawn.Count(character => character == '━') / drawn.Count(character => character is '━' or '─');
        Assert.Equal(1.0 / 3, share, 0.03);
    }

    private static string[] Draw(TrainingProgress.Step step, int width)
    {
        StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = width;
        console.Write(new Rows(TrainingBar.Lines(step, width)));
        return text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}

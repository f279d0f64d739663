using Engine.Cli.Progress;
using Engine.Devices;

namespace Engine.EndToEnd.Tests;

/// <summary>What is shown while kernels compile.</summary>
public sealed class CompilingViewTests
{
    private readonly Clock clock = new();
    private readonly StringWriter output = new() { NewLine = "\n" };

    [Fact]
    public void A_moments_compilation_is_not_shown()
    {
        var view = new CompilingView(output, drawsOver: false, clock);
        Compile(view, kernels: 3, secondsEach: 0.3);
        Compile(view, kernels: 3, secondsEach: 0.3);
        Assert.Equal("", output.ToString());
    }

    [Fact]
    public void A_file_gets_a_line_every_ten_seconds()
    {
        Compile(new CompilingView(output, drawsOver: false, clock), kernels: 8, secondsEach: 3);
        Assert.Equal("compiling kernels: 1 of 8\ncompiling kernels: 5 of 8\n", output.ToString());
    }

    [Fact]
    public void A_terminal_gets_one_line_that_is_taken_away_at_the_end()
    {
        Compile(new CompilingView(output, drawsOver: true, clock), kernels: 3, secondsEach: 0.6);
        Assert.Equal("\rcompiling kernels: 2 of 3\u001b[K\r\u001b[K", output.ToString());
    }

    private void Compile(CompilingView view, int kernels, double secondsEach)
    {
        for (int asked = 1; asked <= kernels; asked++)
        {
            view.Report(new KernelProgress(0, asked));
        }

        for (int compiled = 1; compiled <= kernels; compiled++)
        {
            clock.Seconds += secondsEach;
            view.Report(new KernelProgress(compiled, kernels));
        }
    }

    private sealed class Clock : TimeProvider
    {
        public double Seconds { get; set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => (long)(Seconds * TimestampFrequency);
    }
}

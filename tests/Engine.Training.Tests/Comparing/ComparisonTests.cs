using Engine.Devices.Cpu;
using Engine.Training.Comparing;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Comparing;

/// <summary>Runs of a comparison, in this process.</summary>
public sealed class ComparisonTests
{
    /// <summary>What is taken before a method's first run leaves no trace of itself: no file, no memory, no other result.</summary>
    [Fact]
    public void Warming_up_takes_steps_and_changes_nothing_about_the_run()
    {
        using var tiny = new TinyRun();
        (ComparedRun cold, _) = Make(tiny.WriteRun("cold"), warm: false);
        (ComparedRun warm, int steps) = Make(tiny.WriteRun("warm"), warm: true);
        Assert.InRange(steps, 1, (int)warm.Steps);
        Assert.Equal(cold.Metrics, warm.Metrics);
        Assert.Equal(cold.PeakBytes, warm.PeakBytes);
    }

    private static (ComparedRun Run, int Steps) Make(string runFile, bool warm)
    {
        var comparison = new Comparison(runFile, [], ComparedMethod.ParseList("bi-lora"), seeds: 1);
        using var device = new CpuDevice();
        long before = device.Memory.Current;
        PlannedRun planned = Assert.Single(comparison.Runs);
        var runner = new ComparisonRunner(comparison, device, sharpness: null, progress: null, CancellationToken.None);
        int steps = 0;
        if (warm)
        {
            steps = runner.WarmUp(planned);
            Assert.Equal(before, device.Memory.Current);
            Assert.False(Directory.Exists(comparison.Folder));
        }

        return (runner.Make(planned)!, steps);
    }
}

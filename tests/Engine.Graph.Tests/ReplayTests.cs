using Engine.Devices;
using Engine.Graph.Passes;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

public sealed class ReplayTests
{
    [Theory]
    [MemberData(nameof(Devices))]
    public void Replaying_allocates_nothing_managed(string deviceName)
    {
        // One thread: what the cpu device's work allocates is then counted here too.
        using Device device = TestDevices.Open(deviceName, threads: 1);
        using EncoderGraph encoder = Trained();
        long bytes = -1;
        encoder.Run(device, plan =>
        {
            plan.Replay();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                plan.Replay();
            }

            bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        Assert.Equal(0, bytes);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Replays_give_the_same_bits_in_any_memory(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        using EncoderGraph first = Trained(), second = Trained();
        using DeviceBuffer elsewhere = device.Allocate(12345, "test");
        var expected = first.Run(device);
        var actual = second.Run(device);
        Assert.Equal(expected.Logits, actual.Logits);
        Assert.Equal(expected.Loss, actual.Loss);
        Assert.All(expected.Gradients, pair => Assert.Equal(pair.Value, actual.Gradients[pair.Key]));
    }

    [Fact]
    public void A_profile_counts_every_launch_under_its_operator()
    {
        using Device device = TestDevices.Open("cpu");
        using EncoderGraph encoder = Trained();
        var profile = new Profile();
        encoder.Run(device, plan =>
        {
            plan.Replay(profile: profile);
            Assert.Equal(plan.Launches, profile.Rows.Sum(row => row.Calls));
        });
        Assert.Contains(profile.Rows, row => row.Operator == "MatMul");
        Assert.Equal(profile.Rows.OrderByDescending(row => row.Time), profile.Rows);
    }

    [Fact]
    public void An_arena_that_is_too_small_is_refused()
    {
        using Device device = TestDevices.Open("cpu");
        using EncoderGraph encoder = Trained();
        PlanLayout layout = Planner.Layout(device, encoder.Graph);
        using DeviceBuffer arena = device.Allocate(layout.ArenaBytes - 1, "arena");
        Assert.Contains($"{layout.ArenaBytes} bytes", Assert.Throws<ArgumentException>(() => Plan.Create(device, layout, arena)).Message);
    }

    public static TheoryData<string> Devices => TestDevices.Names;

    private static EncoderGraph Trained()
    {
        var encoder = new EncoderGraph(_ => true);
        RowSelectionPass.Run(encoder.Graph);
        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        FusionPass.Run(encoder.Graph);
        return encoder;
    }
}

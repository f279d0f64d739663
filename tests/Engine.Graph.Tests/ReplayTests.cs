using Engine.Devices;
using Engine.Graph.Operators;
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
            for (int i = 0; i < 20; i++)
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
        Assert.All(expected.Gradients.Values, Numbers.RequireComputed);
        Assert.All(expected.Gradients, pair => Assert.Equal(pair.Value, actual.Gradients[pair.Key]));
    }

    /// <summary>A layer of 3 x 8 on 5 rows in bfloat16, a second in float32 on its result, and their sum's gradient.</summary>
    [Fact]
    public void A_profile_counts_what_products_cannot_do_without()
    {
        using Device device = TestDevices.Open("cpu");
        using var block = new StorageBlock("test");
        Variable x = block.Reserve("x", new Shape(5, 8)), first = block.Reserve("first", new Shape(3, 8), ElementType.BFloat16),
            second = block.Reserve("second", new Shape(7, 3));
        second.Gradient = block.Reserve("gradient", second.Shape);
        var graph = new GraphBuilder();
        Tensor y = graph.Linear(graph.Linear(graph.Read(x), graph.Read(first)), graph.Read(second));
        GradientBuilder.Differentiate(graph, graph.Probe(y, block.Reserve("probe", y.Shape)));
        block.Allocate(device);
        PlanLayout layout = Planner.Layout(device, graph);
        using DeviceBuffer arena = device.Allocate(layout.ArenaBytes, "arena");
        using Plan plan = Plan.Create(device, layout, arena);
        var profile = new Profile();
        plan.Replay(profile: profile);
        plan.Replay(profile: profile);

        // 5 x 8 by 8 x 3, 5 x 3 by 3 x 7, and 7 x 5 by 5 x 3: twice each, in two replays.
        OperatorProfile products = profile.Rows.Single(row => row.Operator == "MatMul");
        Assert.Equal(6, products.Calls);
        Assert.Equal(2 * 2 * ((5 * 8 * 3) + (5 * 3 * 7) + (7 * 5 * 3)), products.Cost.Operations);
        int forward = (4 * 5 * 8) + (2 * 3 * 8) + (4 * 5 * 3), onward = 4 * ((5 * 3) + (7 * 3) + (5 * 7)),
            gradient = 4 * ((5 * 7) + (5 * 3) + (2 * 7 * 3));
        Assert.Equal(2 * (forward + onward + gradient), products.Cost.Bytes);
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

        // Its kernels are the same calls and the same time.
        foreach (OperatorProfile row in profile.Rows)
        {
            KernelProfile[] kernels = [.. profile.Kernels.Where(kernel => kernel.Operator == row.Operator)];
            Assert.Equal((row.Calls, row.Time), (kernels.Sum(kernel => kernel.Calls), Sum(kernels.Select(kernel => kernel.Time))));
        }

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

    private static TimeSpan Sum(IEnumerable<TimeSpan> times) => times.Aggregate(TimeSpan.Zero, (sum, time) => sum + time);

    private static EncoderGraph Trained()
    {
        var encoder = new EncoderGraph(_ => true);
        RowSelectionPass.Run(encoder.Graph);
        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        FusionPass.Run(encoder.Graph);
        return encoder;
    }
}

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class LaunchTests(TestDevices devices)
{
    public static TheoryData<string> All => TestDevices.All;

    [Theory]
    [MemberData(nameof(All))]
    public void A_kernel_reads_and_writes_views_at_offsets_and_nothing_beside_them(string id)
    {
        Device device = devices[id];
        const int Length = 333;
        float[] left = [.. Enumerable.Range(0, 500).Select(i => (float)i)];
        float[] right = [.. Enumerable.Range(0, 500).Select(i => 0.5f * i)];
        using DeviceBuffer x = device.Allocate(500 * sizeof(float), "x");
        using DeviceBuffer y = device.Allocate(500 * sizeof(float), "y");
        x.Write<float>(left);
        y.Write<float>(right);

        using Launch launch = device.Bind(
            TestKernels.CallScaledAdd(x.View<float>(13 * sizeof(float), Length), y.View<float>(101 * sizeof(float), Length), 3f));
        launch.Enqueue();
        launch.Enqueue();

        float[] expected = [.. right];
        for (int i = 0; i < Length; i++)
        {
            // Small integers and halves: exact in float32, with or without fused multiply-add.
            expected[101 + i] += 2 * (3f * left[13 + i]);
        }

        Assert.Equal(expected, y.View<float>().ToArray());
        Assert.Equal(left, x.View<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Groups_and_scalars_of_every_width_reach_the_kernel(string id)
    {
        Device device = devices[id];
        var shape = new LaunchShape(3, 2, 5, 4);
        const int Groups = 3 * 2 * 5;
        using DeviceBuffer buffer = device.Allocate(4 * Groups * sizeof(int), "indices");
        using Launch launch = device.Bind(TestKernels.CallGroupIndices(buffer.View<int>(), shape, 200, 7L << 32, 1000f));
        launch.Enqueue();
        int[] found = buffer.View<int>().ToArray();

        for (int group = 0; group < Groups; group++)
        {
            int[] expected = [group % 3, (group / 3 % 2) + 200, (group / 6) + 7, (4 * Groups) + 1000];
            Assert.Equal(expected, found[(4 * group)..((4 * group) + 4)]);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Replaying_launches_fills_and_copies_allocates_nothing_managed(string id)
    {
        Device device = devices[id];
        using DeviceBuffer x = device.Allocate(4096 * sizeof(float), "x");
        using DeviceBuffer y = device.Allocate(4096 * sizeof(float), "y");
        x.Clear();
        y.Clear();
        using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
        Replay(launch, x, y, 10);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Replay(launch, x, y, 100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void An_absent_view_reaches_the_kernel_with_length_zero(string id)
    {
        Device device = devices[id];
        using DeviceBuffer output = device.Allocate(4, "output");
        output.Write<float>([5f]);

        // The kernel loops over y, the absent one: it must neither fail to bind nor touch memory.
        using Launch launch =
            device.Bind(TestKernels.CallScaledAdd(output.View<float>(), default, 1f, new LaunchShape(1, TestKernels.GroupSize)));
        launch.Enqueue();
        device.Synchronize();
        Assert.Equal([5f], output.View<float>().ToArray());
    }

    [Fact]
    public void A_scalar_of_more_than_eight_bytes_is_refused() =>
        Assert.Contains("16 bytes", Assert.Throws<ArgumentException>(() => KernelArgument.Scalar(decimal.One)).Message);

    [Theory]
    [MemberData(nameof(All))]
    public void No_groups_are_no_work(string id)
    {
        Device device = devices[id];
        using DeviceBuffer x = device.Allocate(4, "x");
        x.Write<float>([1f]);
        using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(0, 0), x.View<float>(0, 0), 1f));
        launch.Enqueue();
        device.Synchronize();
        Assert.Equal([1f], x.View<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_launch_whose_buffer_is_disposed_is_refused(string id)
    {
        Device device = devices[id];
        using DeviceBuffer x = device.Allocate(64, "kept");
        DeviceBuffer y = device.Allocate(64, "dropped");
        using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
        y.Dispose();

        var error = Assert.Throws<ObjectDisposedException>(launch.Enqueue);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(", error.Message);
        Assert.Contains("dropped", error.Message);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_disposed_launch_is_refused_and_may_be_disposed_again(string id)
    {
        Device device = devices[id];
        using DeviceBuffer x = device.Allocate(64, "x");
        using DeviceBuffer y = device.Allocate(64, "y");
        Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
        launch.Dispose();
        launch.Dispose();
        Assert.Throws<ObjectDisposedException>(launch.Enqueue);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_call_that_does_not_fit_its_kernel_is_refused(string id)
    {
        Device device = devices[id];
        using DeviceBuffer x = device.Allocate(64, "x");
        BufferView<float> view = x.View<float>();
        KernelArgument buffer = KernelArgument.View(view);
        KernelArgument scalar = KernelArgument.Scalar(1f);
        var shape = new LaunchShape(1, 4);

        Refused("takes 1 constants and got 0",
            new HandWrittenCall(TestKernels.ScaledAdd) { Arguments = [buffer, buffer, scalar], Shape = shape });
        Refused("takes 3 arguments and got 2",
            new HandWrittenCall(TestKernels.ScaledAdd) { Constants = [1], Arguments = [buffer, buffer], Shape = shape });
        Refused("takes 1 storage types and got 0", new HandWrittenCall(Tests.CopyKernel.Definition) { Shape = shape });
        Refused("parameter y is a View and got a Scalar", Call(scalar, shape));
        Refused("a group of 0 work-items", Call(buffer, new LaunchShape(1, 0)));
        Refused("groups cannot be launched", Call(buffer, new LaunchShape(-1, 4)));
        Refused("groups cannot be launched", Call(buffer, new LaunchShape(1 << 20, 1 << 20, 1, 4)));

        KernelCall Call(KernelArgument y, LaunchShape launched) =>
            new HandWrittenCall(TestKernels.ScaledAdd) { Constants = [1], Arguments = [buffer, y, scalar], Shape = launched };

        void Refused(string expected, KernelCall call) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => device.Bind(call)).Message);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_buffer_of_another_device_is_refused(string id)
    {
        using Device other = TestDevices.Open(id);
        using DeviceBuffer mine = devices[id].Allocate(64, "mine");
        using DeviceBuffer theirs = other.Allocate(64, "theirs");
        KernelCall call = TestKernels.CallScaledAdd(mine.View<float>(), theirs.View<float>(), 1f);
        Assert.Contains("parameter y", Assert.Throws<ArgumentException>(() => devices[id].Bind(call)).Message);
        Assert.Throws<ArgumentException>(() => mine.CopyFrom(theirs, 0, 0, 8));
    }

    private static void Replay(Launch launch, DeviceBuffer x, DeviceBuffer y, int times)
    {
        Span<float> loss = stackalloc float[1];
        for (int i = 0; i < times; i++)
        {
            x.Write<float>(loss, 4);
            launch.Enqueue();
            y.CopyFrom(x, 0, 1024, 1024);
            x.Clear();
            y.Read(loss, 8);
        }

        x.Device.Synchronize();
    }
}

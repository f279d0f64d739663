using Engine.Devices.Cpu;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class MemoryTests(TestDevices devices)
{
    public static TheoryData<string> All => TestDevices.All;

    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    [Theory]
    [MemberData(nameof(All))]
    public void Live_bytes_are_counted_by_owner_and_the_peak_stays(string id)
    {
        MemoryLedger ledger = devices[id].Memory;
        long baseline = ledger.Current;
        ledger.ResetPeak();

        DeviceBuffer weights = devices[id].Allocate(1000, "weights");
        DeviceBuffer more = devices[id].Allocate(500, "weights");
        DeviceBuffer arena = devices[id].Allocate(3000, "arena");
        Assert.Equal(1500, ledger.ByOwner()["weights"]);
        Assert.Equal(3000, ledger.ByOwner()["arena"]);
        Assert.Equal(baseline + 4500, ledger.Current);

        arena.Dispose();
        more.Dispose();
        more.Dispose();
        Assert.Equal(1000, ledger.ByOwner()["weights"]);
        Assert.False(ledger.ByOwner().ContainsKey("arena"));
        Assert.Equal(baseline + 4500, ledger.Peak);

        weights.Dispose();
        ledger.ResetPeak();
        Assert.Equal(baseline, ledger.Current);
        Assert.Equal(baseline, ledger.Peak);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Work_that_disposes_what_it_made_returns_to_the_baseline(string id)
    {
        long baseline = devices[id].Memory.Current;
        for (int i = 0; i < 20; i++)
        {
            using DeviceBuffer x = devices[id].Allocate(1 << 20, "x");
            using DeviceBuffer y = devices[id].Allocate(1 << 20, "y");
            x.Clear();
            y.Clear();
            using Launch launch = devices[id].Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
            launch.Enqueue();
        }

        devices[id].Synchronize();
        Assert.Equal(baseline, devices[id].Memory.Current);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void More_memory_than_the_device_has_is_refused_and_not_counted(string id)
    {
        Device device = devices[id];
        long baseline = device.Memory.Current;
        var error = Assert.Throws<DeviceOutOfMemoryException>(() => device.Allocate(long.MaxValue, "activations"));
        Assert.Contains("activations", error.Message);
        Assert.Contains(device.ToString(), error.Message);
        Assert.Contains("Smaller batches, shorter texts or another device may help.", error.Message);
        Assert.Equal(baseline, device.Memory.Current);
        Assert.False(device.Memory.ByOwner().ContainsKey("activations"));
    }

    [Fact]
    public void Buffers_that_together_exceed_the_memory_are_refused()
    {
        const long scratch = CpuDevice.ScratchBytes + CpuDevice.SharedScratchBytes;
        using var device = new CpuDevice(new CpuOptions { Threads = 1, MemoryBytes = scratch + 1000 });
        using DeviceBuffer first = device.Allocate(600, "first");
        var error = Assert.Throws<DeviceOutOfMemoryException>(() => device.Allocate(401, "second"));
        Assert.Contains("401 bytes of second", error.Message);
        device.Allocate(400, "second").Dispose();
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void OpenCl_buffers_that_together_exceed_the_memory_are_refused(string id)
    {
        // Drivers hand out pages when they are touched, so the room is taken without being used.
        using Device device = TestDevices.Open(id);
        var held = new List<DeviceBuffer>();
        try
        {
            for (long free = device.MemoryBytes; free >= device.Info.LargestBufferBytes; free -= device.Info.LargestBufferBytes)
            {
                held.Add(device.Allocate(device.Info.LargestBufferBytes, "everything"));
            }

            var error = Assert.Throws<DeviceOutOfMemoryException>(() => device.Allocate(device.Info.LargestBufferBytes, "everything"));
            Assert.Contains("everything", error.Message);
            Assert.True(device.Memory.Current <= device.MemoryBytes);
        }
        finally
        {
            held.ForEach(buffer => buffer.Dispose());
        }

        Assert.Equal(0, device.Memory.Current);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_buffer_above_the_drivers_single_limit_is_an_error_of_its_own(string id)
    {
        Device device = devices[id];
        long bytes = device.Info.LargestBufferBytes + 1;
        if (bytes > device.MemoryBytes - device.Memory.Current)
        {
            // This driver's single limit is the whole memory; the other error speaks for it.
            Assert.Throws<DeviceOutOfMemoryException>(() => device.Allocate(bytes, "huge"));
            return;
        }

        var error = Assert.Throws<DeviceException>(() => device.Allocate(bytes, "huge"));
        Assert.Contains("single buffers of at most", error.Message);
        Assert.Contains("huge", error.Message);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Negative_sizes_and_nameless_owners_are_refused(string id)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => devices[id].Allocate(-1, "negative"));
        Assert.Throws<ArgumentException>(() => devices[id].Allocate(1, ""));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Buffers_and_launches_may_outlive_their_device_but_not_be_used(string id)
    {
        Device device = TestDevices.Open(id);
        DeviceBuffer buffer = device.Allocate(64, "outlives");
        Launch launch = device.Bind(TestKernels.CallScaledAdd(buffer.View<float>(), buffer.View<float>(), 1f));
        device.Dispose();
        device.Dispose();

        Assert.Throws<ObjectDisposedException>(launch.Enqueue);
        Assert.Throws<ObjectDisposedException>(buffer.Clear);
        Assert.Throws<ObjectDisposedException>(device.Synchronize);
        Assert.Throws<ObjectDisposedException>(() => device.Allocate(1, "late"));
        launch.Dispose();
        buffer.Dispose();
        Assert.Equal(0, device.Memory.Current);
    }
}

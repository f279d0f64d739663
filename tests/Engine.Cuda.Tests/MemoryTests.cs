using Engine.Devices;
using Engine.Devices.Cuda;

namespace Engine.Cuda.Tests;

/// <summary>Where buffers come from and how bytes travel.</summary>
public sealed class MemoryTests : FakeDriverTests
{
    [FakeDriverTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Writes_fills_and_copies_arrive_with_a_pool_and_without(bool pools)
    {
        FakeDriver.Set("pools", pools ? 1 : 0);
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(1 << 20, "x"), y = device.Allocate(1 << 20, "y");
        byte[] bytes = [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)((i * 31) + (i >> 9)))];
        x.Write<byte>(bytes);
        y.Fill(7, 0, y.Bytes);
        y.CopyFrom(x, 1000, 300, 70_000);
        byte[] expected = new byte[1 << 20];
        Array.Fill<byte>(expected, 7);
        bytes.AsSpan(1000, 70_000).CopyTo(expected.AsSpan(300));
        Assert.Equal(expected, y.View<byte>().ToArray());
        Assert.Equal(bytes, x.View<byte>().ToArray());
        string kind = pools ? "pool-allocate" : "allocate";
        Assert.Equal(2, FakeDriver.Log.Count(line => line == $"{kind} {1 << 20}"));
        Assert.Equal(pools ? 2L << 20 : 0, FakeDriver.Count("pool_used"));
        Assert.Equal(2L << 20, FakeDriver.Count("bytes"));
    }

    [FakeDriverFact]
    public void Writes_wait_for_no_kernel_and_large_ones_go_piece_by_piece()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(10 << 20, "x");
        FakeDriver.Reset();
        for (int i = 0; i < 100; i++)
        {
            x.Write<int>([i, i], 8 * i);
        }

        // More than all slots of the staging memory together: each is used again once it has been copied.
        byte[] large = [.. Enumerable.Range(0, 9 << 20).Select(i => (byte)(i * 7 / 5))];
        x.Write<byte>(large, 1000);
        Assert.DoesNotContain("synchronize", FakeDriver.Log);
        Assert.Equal([0, 0, 1, 1, 2, 2], x.View<int>(0, 6).ToArray());
        Assert.Equal(large, x.View<byte>(1000, large.Length).ToArray());
        Assert.Contains("synchronize", FakeDriver.Log);
    }

    [FakeDriverFact]
    public void An_empty_buffer_takes_nothing_from_the_driver()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer empty = device.Allocate(0, "empty"), x = device.Allocate(64, "x");
        empty.Clear();
        Assert.Empty(empty.View<float>().ToArray());
        Assert.Equal(1, FakeDriver.Count("blocks"));
        using Launch launch = device.Bind(TestKernels.Call(empty.View<float>(), x.View<float>(), 1f));
        launch.Enqueue();
        Assert.Equal(0UL, Assert.Single(FakeDriver.Launches).Arguments[0].Value);
    }

    [FakeDriverFact]
    public void Returned_blocks_stay_in_the_pool_until_another_needs_their_bytes()
    {
        FakeDriver.Set("memory", 1000);
        using CudaDevice device = FakeDriver.Open();
        device.Allocate(600, "first").Dispose();
        using DeviceBuffer second = device.Allocate(700, "second");
        Assert.Contains("pool-threshold 18446744073709551615", FakeDriver.Log);
        Assert.Equal(
            ["pool-allocate 600", "pool-free 600", "out of memory: 700", "synchronize", "pool-trim 600", "pool-allocate 700"],
            FakeDriver.Log.SkipWhile(line => line != "pool-allocate 600"));
        Assert.Equal(700, FakeDriver.Count("pool_peak"));
    }

    [FakeDriverTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Memory_that_the_driver_does_not_have_is_an_error_by_owner_and_counts_nothing(bool pools)
    {
        FakeDriver.Set("pools", pools ? 1 : 0);
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer kept = device.Allocate(100, "kept");

        // Another program took it: the ledger knows of room that is not there.
        FakeDriver.Set("memory", 500);
        var error = Assert.Throws<DeviceOutOfMemoryException>(() => device.Allocate(600, "activations"));
        Assert.Contains("no room for 600 bytes of activations: 100 of", error.Message);
        Assert.Contains("Smaller batches, shorter texts or another device may help.", error.Message);
        Assert.Equal(100, device.Memory.Current);
        using DeviceBuffer small = device.Allocate(300, "small");
        Assert.Equal(400, device.Memory.Current);
    }

    [FakeDriverFact]
    public void Buffers_and_recordings_may_outlive_their_device()
    {
        CudaDevice device = FakeDriver.Open(), other = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "x");
        Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        Recording recording = device.Record([launch]);
        device.Dispose();

        // Another device keeps the card's context alive, so that nothing but the device itself can have freed them.
        Assert.Equal((0, 0, 0), (FakeDriver.Count("blocks"), FakeDriver.Count("graphs"), FakeDriver.Count("executables")));
        Assert.Throws<ObjectDisposedException>(recording.Replay);
        Assert.Throws<ObjectDisposedException>(() => x.Write<int>([1]));
        recording.Dispose();
        launch.Dispose();
        x.Dispose();
        device.Dispose();
        other.Dispose();
    }

    [FakeDriverTheory]
    [InlineData("cuCtxSetCurrent")]
    [InlineData("cuStreamCreate")]
    [InlineData("cuMemPoolCreate")]
    [InlineData("cuMemPoolSetAttribute")]
    [InlineData("cuMemHostAlloc")]
    [InlineData("cuEventCreate")]
    public void A_device_that_cannot_be_opened_leaves_nothing_behind(string entry)
    {
        // The base class counts.
        FakeDriver.Fail(entry, 1, after: entry == "cuEventCreate" ? 5 : 0);
        var error = Assert.Throws<DeviceException>(() => FakeDriver.Open());
        Assert.Contains($"{entry} failed with CUDA_ERROR_INVALID_VALUE", error.Message);
    }

    [FakeDriverFact]
    public void Nothing_is_left_after_a_thousand_devices_with_buffers_launches_and_graphs()
    {
        string before = FakeDriver.CountAll();
        using CudaDevice lasting = FakeDriver.Open();
        string withOne = FakeDriver.CountAll();
        for (int round = 0; round < 1000; round++)
        {
            FakeDriver.Set("pools", round % 2);
            Round(round);
            Assert.Equal(withOne, FakeDriver.CountAll());
        }

        lasting.Dispose();
        Assert.Equal(before, FakeDriver.CountAll());
    }

    private static void Round(int round)
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(100 + round, "x"), y = device.Allocate(200, "y");
        using Launch first = device.Bind(TestKernels.Call(x.View<float>(0, 10), y.View<float>(), round));
        using Launch second = device.Bind(TestKernels.Call(y.View<float>(), x.View<float>(0, 10), 1f, tile: 16));
        using Recording recording = device.Record([first, second]);
        recording.Replay();
        first.Enqueue();
        x.Clear();
        FakeDriver.Fail("cuLaunchKernel", 1, after: 1);
        Assert.Throws<DeviceException>(() => device.Record([first, second]));
        FakeDriver.Fail("cuGraphInstantiateWithFlags", 2);
        Assert.Throws<DeviceException>(() => device.Record([first, second]));
        FakeDriver.Fail("cuModuleLoadDataEx", 2);
        Assert.Throws<DeviceException>(() => device.Bind(TestKernels.Call(x.View<float>(0, 10), y.View<float>(), round, tile: 32)));
    }
}

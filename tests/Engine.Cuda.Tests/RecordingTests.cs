using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Devices.Cuda;

namespace Engine.Cuda.Tests;

/// <summary>Launches as one CUDA graph.</summary>
public sealed class RecordingTests : FakeDriverTests
{
    [FakeDriverFact]
    public void A_replay_is_one_driver_call_that_runs_every_launch_in_order()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x");
        Launch[] launches = [.. Enumerable.Range(0, 5)
            .Select(i => device.Bind(TestKernels.Call(x.View<float>(4 * i, 64 * (i + 1)), x.View<float>(0, 64 * (i + 1)), i)))];
        using Recording recording = device.Record(launches);
        Assert.Contains("instantiate 5", FakeDriver.Log);
        Assert.Empty(FakeDriver.Launches);
        recording.Replay();
        recording.Replay();
        Assert.Equal(2, FakeDriver.Log.Count(line => line == "graph-launch"));
        FakeLaunch[] seen = FakeDriver.Launches;
        Assert.All(seen, launch => Assert.True(launch.InGraph));
        Assert.Equal(
            ["1,1,1", "2,1,1", "3,1,1", "4,1,1", "5,1,1", "1,1,1", "2,1,1", "3,1,1", "4,1,1", "5,1,1"], seen.Select(launch => launch.Grid));

        // As the launches by themselves: the arguments are the same.
        FakeDriver.Reset();
        Array.ForEach(launches, launch => launch.Enqueue());
        Assert.Equal(FakeDriver.Launches.Select(launch => launch.Arguments), seen[..5].Select(launch => launch.Arguments));
        Array.ForEach(launches, launch => launch.Dispose());
    }

    [FakeDriverFact]
    public void What_buffers_hold_changes_between_replays_and_the_graph_stays()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer scalars = device.Allocate(64, "scalars"), y = device.Allocate(256, "y");
        using Launch launch = device.Bind(TestKernels.Call(scalars.View<float>(), y.View<float>(), 1f));
        using Recording recording = device.Record([launch]);
        FakeDriver.Reset();
        for (int step = 0; step < 3; step++)
        {
            scalars.Write<float>([step, 1f / (step + 1)]);
            recording.Replay();
        }

        // An upload and a graph launch with its node a step: nothing is built again, nothing waits.
        string[] step0 = ["write 8", "graph-launch", "node"];
        Assert.Equal(
            [.. step0, .. step0, .. step0],
            FakeDriver.Log.Select(line => line.StartsWith("node ", StringComparison.Ordinal) ? "node" : line));
    }

    [FakeDriverFact]
    public void Launches_are_left_out_and_taken_in_again_without_building()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x");
        Launch[] launches =
            [.. Enumerable.Range(1, 4).Select(i => device.Bind(TestKernels.Call(x.View<float>(0, 64 * i), x.View<float>(0, 64 * i), 1f)))];
        using Recording recording = device.Record(launches);
        FakeDriver.Reset();
        recording.Select(1, false);
        recording.Select(3, false);
        recording.Replay();
        recording.Select(1, true);
        recording.Select(0, false);
        recording.Replay();
        Assert.Equal(["1,1,1", "3,1,1", "2,1,1", "3,1,1"], FakeDriver.Launches.Select(launch => launch.Grid));
        Assert.DoesNotContain(FakeDriver.Log, line => line.StartsWith("instantiate", StringComparison.Ordinal));
        Array.ForEach(launches, launch => launch.Dispose());
    }

    [FakeDriverFact]
    public void Launches_without_groups_are_no_nodes()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x");
        using Launch some = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f)),
            none = device.Bind(TestKernels.Call(x.View<float>(0, 0), x.View<float>(0, 0), 1f));
        using Recording mixed = device.Record([none, some, none, some]), empty = device.Record([none]), nothing = device.Record([]);
        Assert.Equal(
            ["instantiate 2", "instantiate 0", "instantiate 0"],
            FakeDriver.Log.Where(line => line.StartsWith("instantiate", StringComparison.Ordinal)));
        mixed.Select(0, false);
        mixed.Select(3, false);
        mixed.Replay();
        empty.Replay();
        nothing.Replay();
        Assert.Single(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void A_replay_after_a_buffer_is_gone_is_refused_with_kernel_and_owner()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(64, "kept");
        DeviceBuffer y = device.Allocate(64, "dropped");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), y.View<float>(), 1f));
        using Recording recording = device.Record([launch]);
        y.Dispose();
        var error = Assert.Throws<ObjectDisposedException>(recording.Replay);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(20))", error.Message);
        Assert.Contains("dropped", error.Message);
        Assert.Empty(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void A_launch_of_another_device_is_refused()
    {
        using CudaDevice device = FakeDriver.Open(), other = FakeDriver.Open();
        using DeviceBuffer x = other.Allocate(64, "x");
        using Launch launch = other.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        Assert.Contains("Tests_ScaledAdd is not one of cuda:0", Assert.Throws<ArgumentException>(() => device.Record([launch])).Message);
    }

    [FakeDriverFact]
    public void Replaying_selecting_and_writing_allocate_nothing_managed()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x");
        using Launch first = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f)),
            second = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 2f));
        using Recording recording = device.Record([first, second]);
        Replay(10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Replay(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Replay(int times)
        {
            for (int i = 0; i < times; i++)
            {
                x.Write<int>([i, i]);
                recording.Select(1, i % 3 == 0);
                recording.Replay();
                device.Synchronize();
            }
        }
    }

    [FakeDriverFact]
    public void A_graph_that_the_driver_does_not_launch_is_an_error()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(64, "x");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        using Recording recording = device.Record([launch]);
        FakeDriver.Fail("cuGraphLaunch", 2);
        var error = Assert.Throws<DeviceException>(recording.Replay);
        Assert.Contains("cuGraphLaunch failed with CUDA_ERROR_OUT_OF_MEMORY", error.Message);
        Assert.Contains("1 launches, Tests_ScaledAdd the first", error.Message);
        recording.Replay();
    }

    /// <summary>The same recording where there are no graphs.</summary>
    [Fact]
    public void On_a_device_without_graphs_the_selected_launches_run_in_order()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        var ran = new List<int>();
        Launch[] launches = [.. Enumerable.Range(0, 3).Select(i => new Noting(device, i, ran))];
        using Recording recording = device.Record(launches);
        recording.Replay();
        recording.Select(1, false);
        recording.Replay();
        Assert.Equal([0, 1, 2, 0, 2], ran);
        recording.Dispose();
        Assert.Throws<ObjectDisposedException>(recording.Replay);
    }

    private sealed class Noting(CpuDevice device, int number, List<int> ran) : HostLaunch(device)
    {
        public override string Name => $"noting {number}";

        protected override void Execute(HostThreads threads) => ran.Add(number);
    }
}

using Engine.Devices.Cpu;
using Engine.Devices.Programs;
using Engine.Devices.Sharing;
using Engine.Tests;

namespace Engine.Devices.Tests.Sharing;

/// <summary>
/// Devices, buffers and launches that several threads use and dispose. A fault here used to end the process: that these tests end at all is
/// most of what they say.
/// </summary>
public sealed class DeviceThreadsTests
{
    private static readonly int Rounds = WantedDevices.Long ? 1000 : 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static TheoryData<string> All => TestDevices.All;

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_buffer_that_is_disposed_under_a_working_thread_ends_its_work_and_nothing_else(string id)
    {
        using Device device = TestDevices.Open(id);
        for (int round = 0; round < (WantedDevices.Long ? 100 : 25); round++)
        {
            using DeviceBuffer x = device.Allocate(4096 * sizeof(float), "x");
            DeviceBuffer y = device.Allocate(4096 * sizeof(float), "y");
            x.Clear();
            y.Clear();
            using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
            var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task work = Task.Run(() =>
            {
                var values = new float[4096];
                while (true)
                {
                    launch.Enqueue();
                    y.Write<float>(values);
                    begun.TrySetResult();
                    y.Read<float>(values);
                    y.CopyFrom(x, 0, 0, 4096);
                }
            });
            await begun.Task.WaitAsync(Patience);
            y.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => work.WaitAsync(Patience));
        }

        device.Synchronize();
        Assert.False(device.Memory.ByOwner().ContainsKey("y"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_device_that_is_disposed_under_working_threads_ends_their_work(string id)
    {
        string folder = Directory.CreateTempSubdirectory("engine-programs-").FullName;
        var cache = new ProgramCache(folder);
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                Device device = TestDevices.Open(id, cache);
                int working = 0;
                Task[] work = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
                {
                    while (true)
                    {
                        using DeviceBuffer x = device.Allocate(256 * sizeof(float), "x"), y = device.Allocate(256 * sizeof(float), "y");
                        using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 1f));
                        x.Clear();
                        launch.Enqueue();
                        Interlocked.Increment(ref working);
                        y.View<float>().ToArray();
                    }
                }))];
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref working) > 0 || work.All(task => task.IsCompleted), Patience));
                device.Dispose();
                device.Dispose();
                foreach (Task task in work)
                {
                    await Assert.ThrowsAsync<ObjectDisposedException>(() => task.WaitAsync(Patience));
                }

                Assert.Empty(device.Memory.ByOwner());
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Launches_and_copies_of_several_threads_give_what_they_give_alone(string id)
    {
        using Device device = TestDevices.Open(id);
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            using DeviceBuffer x = device.Allocate(1000 * sizeof(float), $"x{thread}"),
                y = device.Allocate(1000 * sizeof(float), $"y{thread}");
            x.Write<float>(Enumerable.Repeat((float)(thread + 1), 1000).ToArray());
            y.Clear();
            using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 2f));
            for (int i = 1; i <= 200; i++)
            {
                launch.Enqueue();
                Assert.All(y.View<float>().ToArray(), value => Assert.Equal(2f * (thread + 1) * i, value));
            }
        });
        Assert.DoesNotContain(device.Memory.ByOwner(), owner => owner.Key[0] is 'x' or 'y');
    }

    [Fact]
    public void Buffers_launches_and_the_device_are_refused_inside_a_kernel()
    {
        using Device device = TestDevices.Open("cpu");
        using DeviceBuffer x = device.Allocate(64, "x");
        foreach (Action call in (Action[])[() => x.Clear(), x.Dispose, device.Dispose, () => device.Allocate(4, "y")])
        {
            var kernel = new KernelDefinition("Tests_Nested", "Tests.cs:1", [], [], typeof(Tests));
            using Launch launch = device.Bind(new HandWrittenCall(kernel, (_, _, _) => call()) { Shape = new LaunchShape(8, 1) });
            Assert.Contains("inside a kernel", Assert.Throws<InvalidOperationException>(launch.Enqueue).Message);
        }

        x.Clear();
    }

    [Fact]
    public async Task Threads_that_are_disposed_under_a_call_finish_it_first()
    {
        for (int round = 0; round < 200; round++)
        {
            var threads = new HostThreads(2);
            var body = new CountingBody();
            Task work = Task.Run(() =>
            {
                while (true)
                {
                    threads.For(16, body);
                }
            });
            Assert.True(SpinWait.SpinUntil(() => body.Count > 0, Patience));
            threads.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => work.WaitAsync(Patience));
            Assert.Equal(0, body.Count % 16);
        }
    }

    private sealed class CountingBody : IHostBody
    {
        private int count;

        public int Count => Volatile.Read(ref count);

        public void Run(int piece, int worker) => Interlocked.Increment(ref count);
    }
}

using System.Collections.Concurrent;
using Engine.Devices.Cpu;
using Engine.Devices.Sharing;

namespace Engine.Devices.Tests.Sharing;

/// <summary>Who waits for whom on a device. No kernel runs: a turn is a turn on every device.</summary>
public sealed class DeviceTurnsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Device device = new CpuDevice(new CpuOptions { Threads = 1 });

    public void Dispose() => device.Dispose();

    [Fact]
    public async Task Those_who_wait_get_their_turns_in_the_order_in_which_they_came()
    {
        var order = new ConcurrentQueue<int>();
        var waiting = new List<Task>();
        using (Held held = Hold(device))
        {
            for (int i = 0; i < 20; i++)
            {
                int number = i;
                waiting.Add(i % 2 == 0
                    ? device.Turns.RunAsync(() => Note(number))
                    : Task.Factory.StartNew(() => InTurn(() => Note(number)), TaskCreationOptions.LongRunning));
                Until(() => device.Turns.Waiting == number + 1);
            }
        }

        await Task.WhenAll(waiting).WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(0, 20), order);

        bool Note(int number)
        {
            order.Enqueue(number);
            return true;
        }
    }

    /// <summary>A training that takes turn after turn does not keep a chat waiting for more than one of them.</summary>
    [Fact]
    public async Task Who_takes_turn_after_turn_lets_others_in_between()
    {
        int steps = 0, seen = 0;
        bool stop = false;
        Task training = Task.Factory.StartNew(
            () =>
            {
                while (!Volatile.Read(ref stop))
                {
                    InTurn(() => Interlocked.Increment(ref steps));
                }
            },
            TaskCreationOptions.LongRunning);
        for (int i = 0; i < 200; i++)
        {
            seen += await device.Turns.RunAsync(() => 1).WaitAsync(Patience);
        }

        Volatile.Write(ref stop, true);
        await training.WaitAsync(Patience);
        Assert.Equal(200, seen);
        Assert.True(steps > 0);
    }

    [Fact]
    public async Task Two_hundred_callers_wait_without_a_thread_and_leave_at_once_when_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        Task<int>[] waiting;
        int threads;
        using (Held held = Hold(device))
        {
            threads = ThreadPool.ThreadCount;
            waiting = [.. Enumerable.Range(0, 200).Select(i => device.Turns.RunAsync(() => i, i % 2 == 1 ? cancellation.Token : default))];
            Assert.Equal(200, device.Turns.Waiting);
            Assert.InRange(ThreadPool.ThreadCount - threads, 0, 8);
            await cancellation.CancelAsync();
            Assert.Equal(100, device.Turns.Waiting);
            foreach (Task cancelled in waiting.Where((_, i) => i % 2 == 1))
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WaitAsync(Patience));
            }
        }

        Assert.Equal(
            Enumerable.Range(0, 100).Select(i => 2 * i), await Task.WhenAll(waiting.Where((_, i) => i % 2 == 0)).WaitAsync(Patience));
    }

    [Fact]
    public async Task A_thread_that_waits_is_cancelled_at_once()
    {
        using var cancellation = new CancellationTokenSource();
        using Held held = Hold(device);
        Task waiting = Task.Factory.StartNew(
            () => InTurn(() => Assert.Fail("It was cancelled."), cancellation.Token), TaskCreationOptions.LongRunning);
        Until(() => device.Turns.Waiting == 1);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Patience));
    }

    [Fact]
    public void Cancellations_that_race_with_turns_lose_none_of_them()
    {
        int done = 0, cancelled = 0;
        const int Rounds = 1000, Callers = 4;
        Parallel.For(0, Callers, caller =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                using var cancellation = new CancellationTokenSource();
                Task<int> work = device.Turns.RunAsync(() => 1, cancellation.Token);
                cancellation.Cancel();
                try
                {
                    Interlocked.Add(ref done, work.WaitAsync(Patience).GetAwaiter().GetResult());
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref cancelled);
                }
            }
        });
        Assert.Equal(Rounds * Callers, done + cancelled);
        InTurn(() => done++);
    }

    [Fact]
    public async Task Disposing_refuses_those_who_wait_and_waits_for_the_one_whose_turn_it_is()
    {
        Task disposing, waiting, asynchronous;
        using (Held held = Hold(device))
        {
            waiting = Task.Factory.StartNew(() => InTurn(() => { }), TaskCreationOptions.LongRunning);
            asynchronous = device.Turns.RunAsync(() => 1);
            Until(() => device.Turns.Waiting == 2);
            disposing = Task.Factory.StartNew(device.Dispose, TaskCreationOptions.LongRunning);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
            await Assert.ThrowsAsync<ObjectDisposedException>(() => asynchronous.WaitAsync(Patience));
            Assert.Throws<ObjectDisposedException>(() => device.Allocate(4, "late"));
            await Task.Delay(20);
            Assert.False(disposing.IsCompleted);
        }

        await disposing.WaitAsync(Patience);
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(() => InTurn(() => { }));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => device.Turns.RunAsync(() => 1));
    }

    [Fact]
    public void A_callback_may_work_in_the_turn_that_it_is_part_of_and_dispose_the_device()
    {
        int inside = 0;
        InTurn(() =>
        {
            using WorkScope work = WorkScope.Enter(device.Turns);
            InTurn(() => inside++);
            inside += device.Turns.RunAsync(() => 1).GetAwaiter().GetResult();
            device.Dispose();
            device.Dispose();
            Assert.Throws<ObjectDisposedException>(() => device.Allocate(4, "late"));
        });
        Assert.Equal(2, inside);
        Assert.Empty(device.Memory.ByOwner());
    }

    [Fact]
    public async Task A_task_that_a_callback_starts_is_refused_while_the_work_goes_on_and_served_after_it()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> late = Task.FromResult(0);
        InTurn(() =>
        {
            using WorkScope work = WorkScope.Enter(device.Turns);
            Task[] started = [Task.Run(() => InTurn(() => { })), Task.Run(() => device.Turns.RunAsync(() => 1))];
            foreach (Task refused in started)
            {
                Assert.Contains(
                    "callback",
                    Assert.Throws<InvalidOperationException>(() => refused.WaitAsync(Patience).GetAwaiter().GetResult()).Message);
            }

            late = Task.Run(async () =>
            {
                await ended.Task;
                return await device.Turns.RunAsync(() => 7);
            });
        });
        ended.SetResult();
        Assert.Equal(7, await late.WaitAsync(Patience));
    }

    /// <summary>Two threads that hold a device each and ask for the other's: the second to ask is refused, the first goes on.</summary>
    [Fact]
    public async Task A_circle_of_waiting_threads_is_refused()
    {
        using Device other = new CpuDevice(new CpuOptions { Threads = 1 });
        using var both = new Barrier(2);
        Task<string> Ask(Device own, Device wanted) => Task.Factory.StartNew(
            () =>
            {
                using Turn turn = own.Turns.Take();
                both.SignalAndWait(Patience);
                try
                {
                    using Turn second = wanted.Turns.Take();
                    return "served";
                }
                catch (InvalidOperationException)
                {
                    return "refused";
                }
            },
            TaskCreationOptions.LongRunning);
        string[] answers = await Task.WhenAll(Ask(device, other), Ask(other, device)).WaitAsync(Patience);
        Assert.Equal(["refused", "served"], answers.Order());
    }

    private static void Until(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, Patience));

    private static Held Hold(Device device) => new(device);

    private void InTurn(Action work, CancellationToken cancellation = default)
    {
        using Turn turn = device.Turns.Take(cancellation);
        work();
    }

    /// <summary>A turn that a thread of its own holds until it is disposed.</summary>
    private sealed class Held : IDisposable
    {
        private readonly ManualResetEventSlim end = new();
        private readonly Thread thread;

        public Held(Device device)
        {
            using var taken = new ManualResetEventSlim();
            thread = new Thread(() =>
            {
                using Turn turn = device.Turns.Take();
                taken.Set();
                end.Wait();
            });
            thread.Start();
            taken.Wait();
        }

        public void Dispose()
        {
            end.Set();
            thread.Join();
            end.Dispose();
        }
    }
}

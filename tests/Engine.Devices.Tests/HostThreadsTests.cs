using System.Diagnostics;
using Engine.Devices.Cpu;
using Engine.Tests;

namespace Engine.Devices.Tests;

public sealed class HostThreadsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(8)]
    public void Every_piece_runs_exactly_once_under_stress(int count)
    {
        using var threads = new HostThreads(count);
        var body = new CountingBody(2000, count);
        for (int round = 0; round < 5000; round++)
        {
            // Sizes below, at and above the number of threads, and pauses long enough for helpers to park.
            int pieces = round % 97 == 0 ? 2000 : round % 19;
            body.Expect(pieces);
            threads.For(pieces, body);
            Assert.True(body.Complete(pieces), $"round {round}, {pieces} pieces");
            if (round % 500 == 0)
            {
                Thread.Sleep(2);
            }
        }
    }

    [Fact]
    public void The_other_threads_take_part_after_they_have_parked()
    {
        using var threads = new HostThreads(2);
        var body = new MeetingBody();
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(10);
            body.Arrived = 0;

            // Two pieces that wait for each other end only when two threads run them.
            threads.For(2, body);
            Assert.Equal(2, body.Arrived);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_failing_piece_is_thrown_at_the_caller_and_the_threads_live_on(int count)
    {
        using var threads = new HostThreads(count);
        var body = new CountingBody(1000, count);
        for (int round = 0; round < 200; round++)
        {
            var error = Assert.Throws<InvalidOperationException>(() => threads.For(1000, new FailingBody(round)));
            Assert.Equal($"piece {round}", error.Message);
            body.Expect(1000);
            threads.For(1000, body);
            Assert.True(body.Complete(1000));
        }
    }

    [Fact]
    public void Work_inside_a_piece_is_refused()
    {
        using var threads = new HostThreads(2);
        var body = new NestingBody(threads);
        Assert.Contains("already running", Assert.Throws<InvalidOperationException>(() => threads.For(4, body)).Message);
        Assert.Contains("already running", Assert.Throws<InvalidOperationException>(() => threads.For(1, body)).Message);
    }

    [Fact]
    public void Sharing_work_allocates_nothing_managed()
    {
        using var threads = new HostThreads(2);
        var body = new CountingBody(64, 2);
        threads.For(64, body);
        Thread.Sleep(5);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            threads.For(64, body);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Disposing_while_threads_are_about_to_park_ends_them()
    {
        // An idle thread parks about 100 microseconds after its last piece; pauses around that meet the moment in which it decides to. One
        // that missed the end would never be joined. Stores to cold memory just before keep the word that ends the threads from their eyes
        // for longer, which is the case to be met.
        const int ShortestPause = 980, Pauses = 100, ColdStores = 56, Stride = 1 << 14;
        int rounds = WantedDevices.Long ? 2000 : 500;
        var body = new MeetingBody();
        var cold = new byte[64 << 20];
        Task meeting = Task.Run(() =>
        {
            for (int round = 0; round < rounds; round++)
            {
                using var threads = new HostThreads(2);
                body.Arrived = 0;
                threads.For(2, body);
                long end = Stopwatch.GetTimestamp() + (Stopwatch.Frequency * (ShortestPause + (round % Pauses)) / 10_000_000);
                while (Stopwatch.GetTimestamp() < end)
                {
                }

                for (int i = 0; i < ColdStores; i++)
                {
                    cold[(int)(((long)(round * ColdStores) + i) * Stride % cold.Length)] = (byte)round;
                }
            }
        });
        await meeting.WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Fact]
    public void Disposing_ends_parked_and_spinning_threads_and_may_be_repeated()
    {
        for (int round = 0; round < 50; round++)
        {
            var threads = new HostThreads(3);
            threads.For(10, new CountingBody(10, 3));
            if (round % 10 == 0)
            {
                Thread.Sleep(5);
            }

            threads.Dispose();
            threads.Dispose();
            Assert.Throws<ObjectDisposedException>(() => threads.For(1, new CountingBody(1, 3)));
        }
    }

    /// <summary>Counts how often each piece ran, without atomics: a lost or doubled piece shows.</summary>
    private sealed class CountingBody(int capacity, int workers) : IHostBody
    {
        private readonly byte[] runs = new byte[capacity];

        public void Expect(int pieces) => runs.AsSpan(0, pieces).Clear();

        public bool Complete(int pieces) => !runs.AsSpan(0, pieces).ContainsAnyExcept((byte)1);

        public void Run(int piece, int worker)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(worker, workers);
            runs[piece]++;
        }
    }

    private sealed class MeetingBody : IHostBody
    {
        public int Arrived;

        public void Run(int piece, int worker)
        {
            Interlocked.Increment(ref Arrived);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref Arrived) == 2, TimeSpan.FromSeconds(20)));
        }
    }

    private sealed class FailingBody(int failing) : IHostBody
    {
        public void Run(int piece, int worker)
        {
            if (piece == failing)
            {
                throw new InvalidOperationException($"piece {piece}");
            }
        }
    }

    private sealed class NestingBody(HostThreads threads) : IHostBody
    {
        public void Run(int piece, int worker) => threads.For(1, this);
    }
}

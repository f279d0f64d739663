namespace Engine.Devices.Cpu;

/// <summary>Work in numbered pieces that may run at once, in any order, on any worker.</summary>
public interface IHostBody
{
    /// <summary>Runs one piece.</summary>
    /// <param name="piece">0 to the number of pieces less one.</param>
    /// <param name="worker">The running thread, 0 to <see cref="HostThreads.Count"/> less one: the key of per-thread scratch.</param>
    void Run(int piece, int worker);
}

/// <summary>
/// The cpu device's threads: the caller and helpers that are kept and wait by spinning a while, then by parking.
/// How work is cut into pieces must not depend on <see cref="Count"/>, so that results do not either.
/// </summary>
public sealed class HostThreads : IDisposable
{
    /// <summary>Spins before a waiting helper parks: about 50 microseconds, longer than the gap between two launches of a step.</summary>
    private const int SpinLimit = 2000;

    private readonly Thread[] helpers;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] parked;
    private volatile IHostBody? body;
    private volatile int generation;
    private volatile bool stopping;
    private volatile Exception? failure;
    private int pieces;
    private int next;
    private int running;

    public HostThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        helpers = new Thread[count - 1];
        wake = new SemaphoreSlim[count - 1];
        parked = new int[count - 1];
        for (int i = 0; i < helpers.Length; i++)
        {
            int index = i;
            wake[i] = new SemaphoreSlim(0);
            helpers[i] = new Thread(() => Help(index)) { IsBackground = true, Name = $"engine-cpu-{index + 1}" };
            helpers[i].Start();
        }
    }

    /// <summary>Threads that run pieces, the caller's among them.</summary>
    public int Count { get; }

    /// <summary>Runs all pieces and returns when the last one has ended. Not reentrant; allocates nothing.</summary>
    public void For(int pieceCount, IHostBody work)
    {
        if (pieceCount <= 1 || helpers.Length == 0)
        {
            for (int piece = 0; piece < pieceCount; piece++)
            {
                work.Run(piece, 0);
            }

            return;
        }

        pieces = pieceCount;
        next = 0;
        failure = null;
        body = work;
        Volatile.Write(ref running, helpers.Length);
        Interlocked.Increment(ref generation);
        for (int i = 0; i < helpers.Length; i++)
        {
            if (Interlocked.Exchange(ref parked[i], 0) == 1)
            {
                wake[i].Release();
            }
        }

        Drain(work, 0);
        var spinner = default(SpinWait);
        while (Volatile.Read(ref running) != 0)
        {
            spinner.SpinOnce(sleep1Threshold: -1);
        }

        body = null;
        if (failure is { } first)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }

    public void Dispose()
    {
        stopping = true;
        Interlocked.Increment(ref generation);
        for (int i = 0; i < helpers.Length; i++)
        {
            wake[i].Release();
            helpers[i].Join();
            wake[i].Dispose();
        }
    }

    private void Drain(IHostBody work, int worker)
    {
        try
        {
            for (int piece = Interlocked.Increment(ref next) - 1; piece < pieces; piece = Interlocked.Increment(ref next) - 1)
            {
                work.Run(piece, worker);
            }
        }
        catch (Exception exception)
        {
            // The first failure is rethrown on the calling thread by For; the other pieces are not begun.
            failure ??= exception;
            Volatile.Write(ref next, pieces);
        }
    }

    private void Help(int index)
    {
        int seen = 0;
        while (true)
        {
            for (int spin = 0; generation == seen && spin < SpinLimit; spin++)
            {
                Thread.SpinWait(8);
            }

            while (generation == seen)
            {
                Interlocked.Exchange(ref parked[index], 1);
                if (generation == seen)
                {
                    wake[index].Wait();
                }

                Interlocked.Exchange(ref parked[index], 0);
            }

            seen = generation;
            if (stopping)
            {
                return;
            }

            if (body is { } work)
            {
                Drain(work, index + 1);
                Interlocked.Decrement(ref running);
            }
        }
    }
}

using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Engine.Devices.Cpu;

/// <summary>Work in numbered pieces that may run at once, in any order, on any worker.</summary>
internal interface IHostBody
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
/// <remarks>
/// One word, the ticket, holds the number of the current <see cref="For"/> and how many of its pieces nobody has claimed.
/// A thread that lowers it by compare-and-swap owns the pieces it took, and until it reports them finished
/// <see cref="For"/> cannot return: so <c>body</c> and <c>pieces</c>, read after a claim, belong to that claim. A helper that wakes
/// late finds nothing to claim, and nobody waits for it.
/// </remarks>
internal sealed class HostThreads : IDisposable
{
    /// <summary>How long an idle helper spins before it parks: longer than the gap between two launches of a step.</summary>
    private const double SpinMicroseconds = 100;

    /// <summary>
    /// A claim takes this fraction of a thread's even share of what is left: few claims, so that a thread reads memory in long stretches
    /// (with an eighth of a share decoding is a tenth slower), and still an even end.
    /// </summary>
    private const int ClaimsPerThread = 2;

    private static readonly long SpinTicks = (long)(SpinMicroseconds * 1e-6 * Stopwatch.Frequency);

    /// <summary>Whether this thread runs a piece, or is a helper that does nothing else.</summary>
    [ThreadStatic]
    private static bool insidePiece;

    private readonly Thread[] helpers;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] parked;
    private Counters counters;
    private IHostBody? body;
    private volatile Exception? failure;
    private volatile bool disposed;
    private volatile bool stopping;
    private int pieces;
    private int calls;
    private int busy;

    public HostThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        helpers = new Thread[count - 1];
        wake = new SemaphoreSlim[count - 1];
        parked = new int[count - 1];
        for (int i = 0; i < helpers.Length; i++)
        {
            wake[i] = new SemaphoreSlim(0);
        }

        for (int i = 0; i < helpers.Length; i++)
        {
            int index = i;
            helpers[i] = new Thread(() => Help(index)) { IsBackground = true, Name = $"engine-cpu-{index + 1}" };
            helpers[i].Start();
        }
    }

    /// <summary>Whether the calling thread runs a piece of any of these.</summary>
    internal static bool IsInsidePiece => insidePiece;

    /// <summary>Threads that run pieces, the caller's among them.</summary>
    public int Count { get; }

    /// <summary>Runs all pieces and returns when the last one has ended; allocates nothing.</summary>
    /// <exception cref="InvalidOperationException">Called from a piece, or from two threads at once.</exception>
    /// <remarks>The first exception of a piece is thrown here, once no piece runs any more; pieces not yet begun are left out.</remarks>
    public void For(int pieceCount, IHostBody work)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(pieceCount);
        ObjectDisposedException.ThrowIf(disposed, this);
        if (Interlocked.Exchange(ref busy, 1) != 0)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            throw new InvalidOperationException(
                "The cpu device is already running work: enqueue from one thread at a time, and not from inside a kernel.");
        }

        insidePiece = true;
        try
        {
            if (pieceCount <= 1 || helpers.Length == 0)
            {
                for (int piece = 0; piece < pieceCount; piece++)
                {
                    work.Run(piece, 0);
                }
            }
            else
            {
                Share(pieceCount, work);
            }
        }
        finally
        {
            insidePiece = false;
            Volatile.Write(ref busy, 0);
        }
    }

    /// <summary>Ends the threads, once the call of <see cref="For"/> that is under way has returned.</summary>
    /// <exception cref="InvalidOperationException">Called from a piece.</exception>
    public void Dispose()
    {
        if (insidePiece)
        {
            throw new InvalidOperationException("The cpu device's threads cannot be disposed from inside a kernel that they run.");
        }

        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }

        // Nobody gives this back: later calls of For find the threads gone.
        var spinner = default(SpinWait);
        while (Interlocked.Exchange(ref busy, 1) != 0)
        {
            spinner.SpinOnce();
        }

        stopping = true;

        // A full fence, as in Share: a helper that parks either sees that it is to stop or is seen parked.
        Interlocked.MemoryBarrier();
        Wake(helpers.Length);
        for (int i = 0; i < helpers.Length; i++)
        {
            helpers[i].Join();
            wake[i].Dispose();
        }
    }

    private void Share(int pieceCount, IHostBody work)
    {
        pieces = pieceCount;
        body = work;
        failure = null;
        counters.Unfinished = pieceCount;
        calls++;

        // A full fence: the fields above are seen by whoever claims, and a helper that parks either sees the pieces or is seen parked.
        Interlocked.Exchange(ref counters.Ticket, ((long)calls << 32) | (uint)pieceCount);
        Wake(Math.Min(pieceCount - 1, helpers.Length));

        Drain(0);
        var spinner = default(SpinWait);
        while (Volatile.Read(ref counters.Unfinished) != 0)
        {
            spinner.SpinOnce(sleep1Threshold: -1);
        }

        body = null;
        if (failure is { } first)
        {
            failure = null;
            ExceptionDispatchInfo.Throw(first);
        }
    }

    private void Wake(int wanted)
    {
        for (int i = 0; i < wanted; i++)
        {
            if (Volatile.Read(ref parked[i]) == 1 && Interlocked.Exchange(ref parked[i], 0) == 1)
            {
                wake[i].Release();
            }
        }
    }

    private void Drain(int worker)
    {
        while (TryClaim(out int first, out int count))
        {
            try
            {
                for (int piece = first; piece < first + count && failure is null; piece++)
                {
                    body!.Run(piece, worker);
                }
            }
            catch (Exception exception)
            {
                // For throws the first failure on the calling thread; later pieces are claimed but not run.
                failure ??= exception;
            }

            Interlocked.Add(ref counters.Unfinished, -count);
        }
    }

    private bool TryClaim(out int first, out int count)
    {
        long ticket = Volatile.Read(ref counters.Ticket);
        while (true)
        {
            int left = (int)(uint)ticket;
            if (left == 0)
            {
                first = count = 0;
                return false;
            }

            count = Math.Max(1, left / (ClaimsPerThread * Count));
            long found = Interlocked.CompareExchange(ref counters.Ticket, ticket - count, ticket);
            if (found == ticket)
            {
                first = pieces - left;
                return true;
            }

            ticket = found;
        }
    }

    private void Help(int index)
    {
        insidePiece = true;
        while (!stopping)
        {
            Drain(index + 1);
            if (!SpinForWork())
            {
                Park(index);
            }
        }
    }

    /// <summary>
    /// Waits for pieces; false when none came for a while. A call whose pieces the others took first also keeps this helper awake.
    /// </summary>
    private bool SpinForWork()
    {
        long idleTicket = Volatile.Read(ref counters.Ticket);
        long deadline = Stopwatch.GetTimestamp() + SpinTicks;
        while (!stopping)
        {
            for (int spin = 0; spin < 16; spin++)
            {
                long ticket = Volatile.Read(ref counters.Ticket);
                if ((uint)ticket != 0)
                {
                    return true;
                }

                if (ticket != idleTicket)
                {
                    idleTicket = ticket;
                    deadline = Stopwatch.GetTimestamp() + SpinTicks;
                }

                Thread.SpinWait(4);
            }

            if (Stopwatch.GetTimestamp() > deadline)
            {
                return false;
            }
        }

        return true;
    }

    private void Park(int index)
    {
        Interlocked.Exchange(ref parked[index], 1);
        bool awaited = (uint)Volatile.Read(ref counters.Ticket) != 0 || stopping;
        if (awaited && Interlocked.Exchange(ref parked[index], 0) == 1)
        {
            return;
        }

        // Whoever clears the flag releases the semaphore exactly once.
        wake[index].Wait();
    }

    /// <summary>The words that all threads write, each on a cache line of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Counters
    {
        /// <summary>Number of the call in the upper half, pieces nobody has claimed in the lower half.</summary>
        [FieldOffset(64)]
        public long Ticket;

        /// <summary>Pieces that have not ended.</summary>
        [FieldOffset(128)]
        public int Unfinished;
    }
}

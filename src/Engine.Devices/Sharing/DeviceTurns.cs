namespace Engine.Devices.Sharing;

/// <summary>
/// Whose turn it is on a device. A piece of work (an answer, a training step, a batch) runs in a turn; others wait for theirs in the order
/// in which they came, so that of a long training and a chat neither keeps the other out. A single buffer or launch needs no turn: calls on
/// one device wait for one another anyway.
/// </summary>
/// <remarks>A turn belongs to a thread. What a callback does on that thread is part of the turn.</remarks>
public sealed class DeviceTurns
{
    /// <summary>One for all devices, so that circles of threads that would wait for one another are seen.</summary>
    private static readonly Lock Gate = new();

    /// <summary>The threads that hold a turn and wait for another device's.</summary>
    private static readonly Dictionary<int, DeviceTurns> WaitingHolders = [];

    /// <summary>Turns that this thread holds.</summary>
    [ThreadStatic]
    private static int held;

    private readonly string device;
    private readonly SharedLifetime lifetime;
    private readonly LinkedList<Waiter> waiting = [];

    /// <summary>Turns within turns; 0 where nobody's turn it is.</summary>
    private int depth;

    /// <summary>The thread whose turn it is; 0 while it is not known, as of work that is about to start.</summary>
    private int holder;

    internal DeviceTurns(string device, SharedLifetime lifetime)
    {
        this.device = device;
        this.lifetime = lifetime;
        lifetime.Closing.UnsafeRegister(static turns => ((DeviceTurns)turns!).RefuseWaiting(), this);
    }

    /// <summary>Callers that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (Gate)
            {
                return waiting.Count;
            }
        }
    }

    /// <summary>
    /// Waits for a turn, which lasts until it is disposed. Where it is this thread's turn already, the new one is part of it. Allocates
    /// nothing where nobody waits.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    /// <exception cref="InvalidOperationException">The turn would never come, as the caller is part of what it waits for.</exception>
    public Turn Take(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int thread = Environment.CurrentManagedThreadId;
        Waiter? waiter;
        lock (Gate)
        {
            waiter = TakeOrQueue(thread);
            if (waiter is not null && held > 0)
            {
                WaitingHolders.Add(thread, this);
            }
        }

        if (waiter is not null)
        {
            try
            {
                using CancellationTokenRegistration registration = Register(waiter, cancellationToken);
                waiter.Granted.Task.GetAwaiter().GetResult();
            }
            finally
            {
                if (held > 0)
                {
                    lock (Gate)
                    {
                        WaitingHolders.Remove(thread);
                    }
                }
            }
        }

        held++;
        return new Turn(this);
    }

    /// <summary>
    /// Waits for a turn without a thread, then does the work on the thread pool; at once on this thread where it is its turn already.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    /// <exception cref="ObjectDisposedException">The device is disposed.</exception>
    /// <exception cref="InvalidOperationException">The turn would never come, as the caller is part of what it waits for.</exception>
    public async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        int thread = Environment.CurrentManagedThreadId;
        Waiter? waiter = null;
        bool nested;
        lock (Gate)
        {
            nested = depth > 0 && holder == thread;
            if (!nested)
            {
                waiter = TakeOrQueue(0);
            }
        }

        if (nested)
        {
            using Turn turn = Take(CancellationToken.None);
            return work();
        }

        if (waiter is not null)
        {
            using CancellationTokenRegistration registration = Register(waiter, cancellationToken);
            await waiter.Granted.Task.ConfigureAwait(false);
        }

        return await Task.Run(() => Hold(work), CancellationToken.None).ConfigureAwait(false);
    }

    internal void Leave()
    {
        held--;
        lock (Gate)
        {
            if (--depth > 0)
            {
                return;
            }

            PassOn();
        }

        lifetime.Leave();
    }

    /// <summary>Takes the turn if it is free or the thread's own; otherwise gives a place in the queue.</summary>
    /// <param name="thread">0 for work that starts on a thread of the pool.</param>
    private Waiter? TakeOrQueue(int thread)
    {
        lifetime.ThrowIfClosed();
        if (depth > 0 && holder == thread && thread != 0)
        {
            depth++;
            return null;
        }

        if (WorkScope.IsInside(this) || (depth > 0 && thread != 0 && ClosesCircle(thread)))
        {
            throw new InvalidOperationException(
                $"Work on {device} was started by a callback of work on it that has not ended, and would wait for itself; "
                + "start it when that work has returned.");
        }

        if (depth == 0)
        {
            lifetime.Enter();
            (depth, holder) = (1, thread);
            return null;
        }

        var waiter = new Waiter(thread);
        waiter.Place = waiting.AddLast(waiter);
        return waiter;
    }

    /// <summary>Whether the thread whose turn it is waits, over any number of others, for a turn that this thread holds.</summary>
    private bool ClosesCircle(int thread)
    {
        for (DeviceTurns? next = this; next is not null && next.holder != 0; next = WaitingHolders.GetValueOrDefault(next.holder))
        {
            if (next.holder == thread)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The turn goes to whoever waits longest.</summary>
    private void PassOn()
    {
        holder = 0;

        // Those who wait for a disposed device are refused by its lifetime.
        if (waiting.First is { } first && lifetime.TryEnter())
        {
            waiting.RemoveFirst();
            (depth, holder) = (1, first.Value.Thread);
            first.Value.Granted.SetResult();
        }
    }

    private CancellationTokenRegistration Register(Waiter waiter, CancellationToken cancellationToken) =>
        cancellationToken.UnsafeRegister(_ => Withdraw(waiter, cancellationToken), null);

    private void Withdraw(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            // Who is no longer in the queue has the turn, or was refused.
            if (waiter.Place!.List is not null)
            {
                waiting.Remove(waiter.Place);
                waiter.Granted.SetCanceled(cancellationToken);
            }
        }
    }

    private void RefuseWaiting()
    {
        lock (Gate)
        {
            foreach (Waiter waiter in waiting)
            {
                waiter.Granted.SetException(lifetime.Disposed());
            }

            waiting.Clear();
        }
    }

    private T Hold<T>(Func<T> work)
    {
        lock (Gate)
        {
            holder = Environment.CurrentManagedThreadId;
        }

        held++;
        using var turn = new Turn(this);
        lifetime.ThrowIfClosed();
        return work();
    }

    private sealed class Waiter(int thread)
    {
        public int Thread => thread;

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public LinkedListNode<Waiter>? Place { get; set; }
    }
}

/// <summary>A turn on a device (<see cref="DeviceTurns.Take"/>); disposing ends it.</summary>
public readonly ref struct Turn
{
    private readonly DeviceTurns turns;

    internal Turn(DeviceTurns turns) => this.turns = turns;

    /// <summary>Ends the turn: the next in the queue begins.</summary>
    public void Dispose() => turns.Leave();
}

namespace Engine.Devices.Sharing;

/// <summary>
/// Lets an object that several threads use be disposed at any time: new uses are refused, those under way are told to end, and what the
/// object holds is released once, when the last of them has ended.
/// </summary>
/// <param name="name">The object, for errors: "The generator of qwen2".</param>
/// <param name="release">Frees what the object holds.</param>
internal sealed class SharedLifetime(string name, Action release)
{
    private readonly Lock gate = new();
    private readonly CancellationTokenSource closing = new();
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int uses;
    private int releases;
    private string cause = "";
    private volatile bool closed;

    /// <summary>Whether the object is disposed, or about to be.</summary>
    public bool IsClosed => closed;

    /// <summary>Is cancelled when the object is disposed: uses under way end then.</summary>
    public CancellationToken Closing => closing.Token;

    /// <summary>Begins a use; every one is ended by <see cref="Leave"/>.</summary>
    /// <exception cref="ObjectDisposedException">The object is disposed.</exception>
    public void Enter()
    {
        if (!TryEnter())
        {
            throw Disposed();
        }
    }

    /// <summary>As <see cref="Enter"/>; false where the object is disposed.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            uses += closed ? 0 : 1;
            return !closed;
        }
    }

    /// <summary>Ends a use. The last one of a disposed object releases it.</summary>
    public void Leave()
    {
        bool last;
        lock (gate)
        {
            last = --uses == 0 && closed;
        }

        if (last)
        {
            Release();
        }
    }

    /// <exception cref="ObjectDisposedException">The object is disposed.</exception>
    public void ThrowIfClosed()
    {
        if (closed)
        {
            throw Disposed();
        }
    }

    /// <summary>The error of work that the disposal ended.</summary>
    public ObjectDisposedException Disposed() => new(null, $"{name} is disposed{cause}.");

    /// <summary>
    /// Disposes the object and waits until it is released. Called by a callback (<see cref="WorkScope"/>) it returns at once, as the work
    /// that calls back may be the use that it would wait for: the object is then released at that use's end. May be called again, and by
    /// several threads.
    /// </summary>
    public void Close()
    {
        bool idle;
        lock (gate)
        {
            idle = !closed && uses == 0;
            closed = true;
        }

        closing.Cancel();
        if (idle)
        {
            Release();
        }
        else if (!WorkScope.IsInsideAny)
        {
            released.Task.GetAwaiter().GetResult();
        }
    }

    /// <summary>
    /// Disposes the object and releases it at once, though it may be in use, as what it stands on goes away: uses under way end at their
    /// next call.
    /// </summary>
    /// <param name="with">What it goes with, for errors: "with its accelerator".</param>
    internal void CloseNow(string with)
    {
        lock (gate)
        {
            cause = closed ? cause : $" {with}";
            closed = true;
        }

        closing.Cancel();
        Release();
    }

    private void Release()
    {
        if (Interlocked.Increment(ref releases) > 1)
        {
            released.Task.GetAwaiter().GetResult();
            return;
        }

        try
        {
            release();
            released.SetResult();
        }
        catch (Exception failure)
        {
            released.SetException(failure);
            throw;
        }
    }
}

namespace Engine.Devices;

/// <summary>
/// One piece of device work with every argument bound: made once when a plan is built, enqueued at every replay.
/// Enqueuing allocates nothing managed.
/// </summary>
public abstract class Launch : IDisposable
{
    private readonly Device device;
    private bool disposed;

    private protected Launch(Device device) => this.device = device;

    /// <summary>The kernel's name, as profiles and errors show it.</summary>
    public abstract string Name { get; }

    /// <summary>What a vendor's library computes here, as profiles show it; null where the work is a kernel of Engine's own.</summary>
    public virtual string? Library => null;

    /// <summary>
    /// Waits until the launch is ready to run: kernels bound by <see cref="Device.BindTogether"/> may still be compiled.
    /// <see cref="Enqueue"/> waits by itself.
    /// </summary>
    /// <exception cref="DeviceException">The kernel does not compile; the message holds the compiler's log.</exception>
    public void Complete()
    {
        WaitForProgram();
        using Lock.Scope call = device.Call();
        ThrowIfDisposed();
        device.ThrowIfDisposed();
        CompleteCore();
    }

    /// <summary>Puts the work on its device's queue. The cpu device runs it at once.</summary>
    /// <exception cref="ObjectDisposedException">The launch, its device or a buffer it is bound to is disposed.</exception>
    public void Enqueue()
    {
        WaitForProgram();
        using Lock.Scope call = device.Call();
        ThrowIfDisposed();
        device.ThrowIfDisposed();
        EnqueueCore();
    }

    /// <summary>Frees what the driver holds for this launch (not the buffers it is bound to).</summary>
    public void Dispose()
    {
        using Lock.Scope call = device.Call();
        if (!disposed)
        {
            disposed = true;
            Release();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the launch holds; called once.</summary>
    protected virtual void Release()
    {
    }

    private protected abstract void EnqueueCore();

    /// <summary>
    /// Waits for what is made without the device's lock, so that other threads use the device meanwhile. What fails is thrown by
    /// <see cref="CompleteCore"/>.
    /// </summary>
    internal virtual void WaitForProgram()
    {
    }

    internal virtual void CompleteCore()
    {
    }

    /// <summary>Whether the launch is one of a device.</summary>
    internal bool IsOf(Device other) => ReferenceEquals(device, other);

    private protected void ThrowIfDisposed()
    {
        if (disposed)
        {
            throw new ObjectDisposedException(GetType().Name, $"The launch of {Name} is disposed.");
        }
    }
}

/// <summary>How many groups of how many work-items run.</summary>
public readonly record struct LaunchShape(int GroupsX, int GroupsY, int GroupsZ, int GroupSize)
{
    /// <summary>Groups along x alone.</summary>
    /// <param name="groups">Groups.</param>
    /// <param name="groupSize">Items of a group.</param>
    public LaunchShape(int groups, int groupSize)
        : this(groups, 1, 1, groupSize)
    {
    }

    /// <summary>Enough groups of <paramref name="groupSize"/> work-items for one item an element.</summary>
    public static LaunchShape Cover(long items, int groupSize) => new(checked((int)((items + groupSize - 1) / groupSize)), groupSize);
}

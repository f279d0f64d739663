namespace Engine.Devices;

/// <summary>
/// One piece of device work with every argument bound: made once when a plan is built, enqueued at every replay.
/// Enqueuing allocates nothing managed.
/// </summary>
public abstract class Launch : IDisposable
{
    private readonly Device device;
    private bool disposed;

    /// <param name="device">The device.</param>
    /// <param name="cost">What the launch asks of it, where that is known.</param>
    private protected Launch(Device device, WorkCost? cost = null)
    {
        this.device = device;
        Cost = cost;
    }

    /// <summary>The kernel's name, as profiles and errors show it.</summary>
    public abstract string Name { get; }

    /// <summary>What a vendor's library computes here, as profiles show it; null where the work is a kernel of Engine's own.</summary>
    public virtual string? Library => null;

    /// <summary>The storage types and constants that its kernel is compiled with, in words; empty where there are none.</summary>
    internal virtual string Variant => "";

    /// <summary>What reaches the device one by one: the launch itself, or those that it is made of.</summary>
    internal virtual IReadOnlyList<Launch> Parts => [this];

    /// <summary>
    /// What the launch asks of the device. Of a kernel, where nothing else was said, every view read or written once, which is right where
    /// it goes through each of them one way. Null of vectorised host code, and of a launch that is made of others.
    /// </summary>
    internal WorkCost? Cost { get; private set; }

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

    /// <summary>Says how many bytes the launch moves where its views do not: it reads parts of them.</summary>
    internal Launch Moves(long bytes)
    {
        Cost = new WorkCost(bytes, Cost?.Operations ?? 0);
        return this;
    }

    /// <summary>Says what the launch moves beside each of its views once: a view that it reads and then writes.</summary>
    internal Launch AlsoMoves(long bytes) => Moves((Cost?.Bytes ?? 0) + bytes);

    /// <summary>Says how many operations of matrix products the launch computes, 2 for a multiply-add.</summary>
    internal Launch Computes(double operations)
    {
        Cost = new WorkCost(Cost?.Bytes ?? 0, operations);
        return this;
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

namespace Engine.Devices;

/// <summary>
/// A device: memory, and work in one queue that runs in order. Used by one thread at a time. Buffers and launches are
/// disposed before or after their device; using either after its own or the device's disposal is an <see cref="ObjectDisposedException"/>.
/// </summary>
public abstract class Device : IDisposable
{
    /// <summary>Bytes to which buffers and arena offsets are aligned.</summary>
    public const int Alignment = 256;

    private bool disposed;

    private protected Device(DeviceInfo info) => Info = info;

    /// <summary>What the device is, as <see cref="DeviceCatalog.List()"/> shows it.</summary>
    public DeviceInfo Info { get; }

    public DeviceKind Kind => Info.Kind;

    /// <summary>What a user types to choose it: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:1</c>.</summary>
    public string Id => Info.Id;

    /// <summary>The product's name as its driver gives it.</summary>
    public string Name => Info.Name;

    /// <summary>Memory in bytes.</summary>
    public long MemoryBytes => Info.MemoryBytes;

    public DeviceFeatures Features => Info.Features;

    /// <summary>Live bytes by owner.</summary>
    public MemoryLedger Memory { get; } = new();

    /// <summary>Allocates device memory. Its content is undefined.</summary>
    /// <param name="bytes">Size in bytes; 0 is allowed.</param>
    /// <param name="owner">What the bytes are for ("weights", "arena"): the ledger's key, and named in errors.</param>
    /// <exception cref="DeviceOutOfMemoryException">The memory is not there.</exception>
    /// <exception cref="DeviceException">The driver does not make single buffers of this size.</exception>
    public DeviceBuffer Allocate(long bytes, string owner)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentException.ThrowIfNullOrEmpty(owner);
        ThrowIfDisposed();
        if (bytes > Info.LargestBufferBytes && bytes <= MemoryBytes - Memory.Current)
        {
            throw new DeviceException(
                $"{this} makes single buffers of at most {Info.LargestBufferBytes:N0} bytes (the driver's limit), and {owner} asks for {bytes:N0}. "
                + "Lower per_device_train_batch_size or max_length, or choose another device.");
        }

        if (!Memory.TryAdd(owner, bytes, MemoryBytes))
        {
            throw new DeviceOutOfMemoryException(ToString(), owner, bytes, Memory.Current, MemoryBytes);
        }

        try
        {
            return AllocateCore(bytes, owner);
        }
        catch
        {
            Memory.Remove(owner, bytes);
            throw;
        }
    }

    /// <summary>Compiles the kernel's variant (or finds it in the program cache) and binds its arguments.</summary>
    /// <exception cref="ArgumentException">The call does not fit its kernel's definition, or a buffer is of another device.</exception>
    /// <exception cref="DeviceException">The driver refused the text; the message holds its log.</exception>
    public Launch Bind(KernelCall call)
    {
        ThrowIfDisposed();
        KernelBinding.Check(call, this);
        return BindCore(call);
    }

    /// <summary>Makes bound launches of this device one thing to replay.</summary>
    /// <exception cref="ArgumentException">A launch is of another device.</exception>
    public Recording Record(IReadOnlyList<Launch> launches)
    {
        ArgumentNullException.ThrowIfNull(launches);
        ThrowIfDisposed();
        return RecordCore(launches);
    }

    /// <summary>Waits until everything enqueued has run, and reports what failed on the way.</summary>
    /// <exception cref="DeviceException">Work enqueued earlier failed.</exception>
    public void Synchronize()
    {
        ThrowIfDisposed();
        SynchronizeCore();
    }

    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Release();
        }

        GC.SuppressFinalize(this);
    }

    public override string ToString() => Info.ToString();

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(disposed, this);

    private protected abstract DeviceBuffer AllocateCore(long bytes, string owner);

    private protected abstract Launch BindCore(KernelCall call);

    private protected virtual Recording RecordCore(IReadOnlyList<Launch> launches) => new EnqueuedRecording(launches);

    private protected abstract void SynchronizeCore();

    private protected abstract void Release();
}

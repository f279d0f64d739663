using Engine.Devices.Cpu;
using Engine.Devices.Sharing;
using ILGPU.Runtime;

namespace Engine.Devices;

/// <summary>
/// A device: memory, and work in one queue that runs in order. Safe for use by several threads: single calls, of buffers and launches too,
/// wait for one another, and work of many calls takes <see cref="Turns"/>. Buffers and launches are disposed before or after their device;
/// using either after its own or the device's disposal is an <see cref="ObjectDisposedException"/>.
/// </summary>
public abstract class Device : IDisposable
{
    /// <summary>Bytes to which buffers and arena offsets are aligned.</summary>
    public const int Alignment = 256;

    private readonly Lock calls = new();
    private readonly SharedLifetime lifetime;
    private int bindingTogether;

    private protected Device(DeviceInfo info)
    {
        Info = info;
        lifetime = new SharedLifetime($"The device {info.Id}", () =>
        {
            using Lock.Scope call = Call();
            if (Accelerator is { } accelerator)
            {
                accelerator.Disposed -= CloseWithAccelerator;
            }

            Wrapped.Clear();
            Release();
        });
        Turns = new DeviceTurns(info.Id, lifetime);
    }

    /// <summary>What the device is, as <see cref="DeviceCatalog.List()"/> shows it.</summary>
    public DeviceInfo Info { get; }

    /// <summary>The API it is reached through.</summary>
    public DeviceKind Kind => Info.Kind;

    /// <summary>What a user types to choose it: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:1</c>.</summary>
    public string Id => Info.Id;

    /// <summary>The product's name as its driver gives it.</summary>
    public string Name => Info.Name;

    /// <summary>Memory in bytes.</summary>
    public long MemoryBytes => Info.MemoryBytes;

    /// <summary>What kernels choose their variant by.</summary>
    public DeviceFeatures Features => Info.Features;

    /// <summary>
    /// What was chosen when the device was opened: the library that computes its products is named here whether it was asked for or not.
    /// </summary>
    public virtual DeviceOptions Options { get; } = new() { Products = ProductLibrary.Own };

    /// <summary>Live bytes by owner.</summary>
    public MemoryLedger Memory { get; } = new();

    /// <summary>
    /// Whose turn it is: how work of many calls, such as an answer or a training step, keeps other threads' work apart from it.
    /// </summary>
    public DeviceTurns Turns { get; }

    /// <summary>
    /// Told how far the compilation of kernels is: the latest counts, one report after another, on a thread of the pool. What a handler
    /// throws is ignored.
    /// </summary>
    public event Action<KernelProgress>? Compiling;

    /// <summary>
    /// The accelerator of ILGPU that the device was opened on (<see cref="Ilgpu.IlgpuInterop.Open"/>); null where it was opened by name.
    /// </summary>
    internal Accelerator? Accelerator { get; private set; }

    /// <summary>
    /// Buffers over memory of ILGPU, kept while launches may hold their addresses: ILGPU frees memory that nothing refers to.
    /// </summary>
    internal HashSet<DeviceBuffer> Wrapped { get; } = [];

    /// <summary>Allocates device memory. Its content is undefined.</summary>
    /// <param name="bytes">Size in bytes; 0 is allowed.</param>
    /// <param name="owner">What the bytes are for ("weights", "arena"): the ledger's key, and named in errors.</param>
    /// <exception cref="DeviceOutOfMemoryException">The memory is not there.</exception>
    /// <exception cref="DeviceException">The driver does not make single buffers of this size.</exception>
    public DeviceBuffer Allocate(long bytes, string owner)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentException.ThrowIfNullOrEmpty(owner);
        using Lock.Scope call = Call();
        ThrowIfDisposed();
        if (bytes > Info.LargestBufferBytes && bytes <= MemoryBytes - Memory.Current)
        {
            throw new DeviceException(
                $"{this} makes single buffers of at most {Info.LargestBufferBytes:N0} bytes (the driver's limit), "
                    + $"and {owner} asks for {bytes:N0}. "
                + "Smaller batches, shorter texts or another device may help.");
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
    /// <exception cref="DeviceException">The kernel does not compile; the message holds the compiler's log. Inside of
    /// <see cref="BindTogether"/> it comes later.</exception>
    public Launch Bind(KernelCall kernel)
    {
        Launch launch;
        bool together;
        using (Call())
        {
            ThrowIfDisposed();
            KernelBinding.Check(kernel, this);
            launch = BindCore(kernel);
            together = bindingTogether > 0;
        }

        if (!together)
        {
            launch.Complete();
        }

        return launch;
    }

    /// <summary>
    /// Until what it gives is disposed, <see cref="Bind"/>, on any thread, does not wait for compilers, so that kernels compile side by
    /// side. <see cref="Launch.Complete"/> waits for one and throws what its compiler said; a launch that nobody completed waits when it is
    /// enqueued or recorded.
    /// </summary>
    internal BindingScope BindTogether()
    {
        using Lock.Scope call = Call();
        bindingTogether++;
        return new BindingScope(this);
    }

    /// <summary>Makes bound launches of this device one thing to replay.</summary>
    /// <param name="buffers">What launches are bound to; a replay is refused where one of them is disposed. Compiled kernels know their
    /// own.</param>
    /// <exception cref="ArgumentException">A launch is of another device.</exception>
    internal Recording Record(IReadOnlyList<Launch> launches, IReadOnlyCollection<DeviceBuffer>? buffers = null)
    {
        ArgumentNullException.ThrowIfNull(launches);
        foreach (Launch launch in launches)
        {
            launch.Complete();
        }

        using Lock.Scope call = Call();
        ThrowIfDisposed();
        return RecordCore(launches, [.. buffers ?? []]);
    }

    /// <summary>Waits until everything enqueued has run, and reports what failed on the way.</summary>
    /// <exception cref="DeviceException">Work enqueued earlier failed.</exception>
    public void Synchronize()
    {
        using Lock.Scope call = Call();
        ThrowIfDisposed();
        SynchronizeCore();
    }

    /// <summary>
    /// Closes the device. Work under way ends at its next call with an <see cref="ObjectDisposedException"/>, and so does work that waits
    /// for its turn; the call returns when none uses the device any more. Called by a callback of such work it returns at once, and the
    /// device closes when that work has ended.
    /// </summary>
    public void Dispose()
    {
        RefuseWithinKernel();
        lifetime.Close();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    public override string ToString() => Info.ToString();

    /// <summary>Makes the device one on an accelerator of ILGPU: it closes with it.</summary>
    internal void LiveOn(Accelerator accelerator)
    {
        Accelerator = accelerator;
        accelerator.Disposed += CloseWithAccelerator;
    }

    internal void EndBindTogether()
    {
        using Lock.Scope call = Call();
        bindingTogether--;
    }

    internal void ReportCompiling(KernelProgress progress) => Compiling?.Invoke(progress);

    internal void ThrowIfDisposed() => lifetime.ThrowIfClosed();

    /// <summary>
    /// Begins a call of the driver, of the ledger with it, or of host code: calls of all threads wait for one another, so that none uses
    /// what another frees.
    /// </summary>
    /// <exception cref="InvalidOperationException">Called from inside a kernel, whose launch is a call itself.</exception>
    internal Lock.Scope Call()
    {
        RefuseWithinKernel();
        return calls.EnterScope();
    }

    private protected abstract DeviceBuffer AllocateCore(long bytes, string owner);

    private protected abstract Launch BindCore(KernelCall call);

    private protected virtual Recording RecordCore(IReadOnlyList<Launch> launches, DeviceBuffer[] buffers) =>
        new EnqueuedRecording(this, launches, buffers);

    private protected abstract void SynchronizeCore();

    private protected abstract void Release();

    /// <summary>
    /// While what the device lives on is still there. Work under way is not waited for: it may wait for the accelerator, which this call
    /// holds.
    /// </summary>
    private void CloseWithAccelerator(object? sender, EventArgs arguments)
    {
        try
        {
            lifetime.CloseNow("with the ILGPU accelerator that it was opened on");
        }
        catch (DeviceException)
        {
            // Dispose throws it again; ILGPU, which is disposing or finalising the accelerator, goes on.
        }
    }

    private void RefuseWithinKernel()
    {
        if (HostThreads.IsInsidePiece)
        {
            throw new InvalidOperationException(
                $"{Id} was called from inside a kernel that it runs; call it when the launch has returned.");
        }
    }
}

/// <summary>How many kernels that were asked for are compiled; counted anew when all were.</summary>
public readonly record struct KernelProgress(int Compiled, int Asked);

/// <summary>While it lasts, kernels that are bound to its device compile side by side (<see cref="Device.BindTogether"/>).</summary>
internal sealed class BindingScope : IDisposable
{
    private Device? device;

    internal BindingScope(Device device) => this.device = device;

    public void Dispose() => Interlocked.Exchange(ref device, null)?.EndBindTogether();
}

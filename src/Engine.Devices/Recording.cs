namespace Engine.Devices;

/// <summary>
/// Launches in their order, made to be replayed many times, whole or in part: <see cref="Device.Record"/>. On a device with graphs a replay
/// is one driver call. What kernels read from buffers may change between replays; the launches may not. They belong to whoever recorded
/// them, and outlive the recording.
/// </summary>
internal abstract class Recording : IDisposable
{
    private readonly Device device;
    private readonly Launch[] launches;
    private readonly DeviceBuffer[] buffers;
    private readonly bool[] selected;
    private bool disposed;

    private protected Recording(Device device, IReadOnlyList<Launch> launches, DeviceBuffer[] buffers)
    {
        this.device = device;
        this.launches = [.. launches];
        this.buffers = buffers;
        selected = new bool[launches.Count];
        Array.Fill(selected, true);
    }

    private protected IReadOnlyList<Launch> Launches => launches;

    /// <summary>Whether the next replays run a launch; at first they run all. Allocates nothing managed.</summary>
    /// <param name="launch">The launch by its place in the recording.</param>
    /// <param name="runs">Whether it runs.</param>
    public void Select(int launch, bool runs)
    {
        using Lock.Scope call = device.Call();
        if (selected[launch] != runs)
        {
            SelectCore(launch, runs);
            selected[launch] = runs;
        }
    }

    /// <summary>Puts the selected launches on the device's queue. Allocates nothing managed.</summary>
    /// <exception cref="ObjectDisposedException">The recording, its device or a buffer that a launch is bound to is disposed.</exception>
    public void Replay()
    {
        using Lock.Scope call = device.Call();
        CheckAlive();
        ReplayCore();
    }

    /// <summary>Puts a part of one launch on the device's queue, whether it is selected or not.</summary>
    /// <param name="launch">The launch by its place in the recording.</param>
    /// <param name="part">The part by its place in <see cref="Launch.Parts"/>.</param>
    /// <exception cref="ObjectDisposedException">As <see cref="Replay()"/>.</exception>
    public void Replay(int launch, int part)
    {
        using Lock.Scope call = device.Call();
        CheckAlive();
        launches[launch].Parts[part].Enqueue();
    }

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

    private protected bool IsSelected(int launch) => selected[launch];

    private protected abstract void SelectCore(int launch, bool runs);

    private protected abstract void ReplayCore();

    private protected abstract void Release();

    /// <summary>
    /// Refuses to run where something is gone. Host code holds addresses: without this it would read and write memory that is another's.
    /// </summary>
    private void CheckAlive()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        device.ThrowIfDisposed();
        foreach (DeviceBuffer buffer in buffers)
        {
            buffer.ThrowIfDisposed();
        }
    }
}

/// <summary>A recording on a device without graphs: its launches are enqueued one by one.</summary>
internal sealed class EnqueuedRecording(Device device, IReadOnlyList<Launch> launches, DeviceBuffer[] buffers)
    : Recording(device, launches, buffers)
{
    private protected override void SelectCore(int launch, bool runs)
    {
    }

    private protected override void ReplayCore()
    {
        for (int i = 0; i < Launches.Count; i++)
        {
            if (IsSelected(i))
            {
                Launches[i].Enqueue();
            }
        }
    }

    private protected override void Release()
    {
    }
}

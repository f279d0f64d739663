namespace Engine.Devices;

/// <summary>
/// Launches in their order, made to be replayed many times, whole or in part: <see cref="Device.Record"/>. On a device with graphs a replay is one driver
/// call. What kernels read from buffers may change between replays; the launches may not. They belong to whoever recorded them, and outlive the recording.
/// </summary>
public abstract class Recording : IDisposable
{
    private readonly bool[] selected;
    private bool disposed;

    private protected Recording(int launches)
    {
        selected = new bool[launches];
        Array.Fill(selected, true);
    }

    /// <summary>Whether the next replays run a launch; at first they run all. Allocates nothing managed.</summary>
    /// <param name="launch">The launch by its place in the recording.</param>
    /// <param name="runs">Whether it runs.</param>
    public void Select(int launch, bool runs)
    {
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
        ObjectDisposedException.ThrowIf(disposed, this);
        ReplayCore();
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

    private protected bool IsSelected(int launch) => selected[launch];

    private protected abstract void SelectCore(int launch, bool runs);

    private protected abstract void ReplayCore();

    private protected abstract void Release();
}

/// <summary>A recording on a device without graphs: its launches are enqueued one by one.</summary>
internal sealed class EnqueuedRecording(IReadOnlyList<Launch> launches) : Recording(launches.Count)
{
    private readonly Launch[] launches = [.. launches];

    private protected override void SelectCore(int launch, bool runs)
    {
    }

    private protected override void ReplayCore()
    {
        for (int i = 0; i < launches.Length; i++)
        {
            if (IsSelected(i))
            {
                launches[i].Enqueue();
            }
        }
    }

    private protected override void Release()
    {
    }
}

using Engine.Devices;

namespace Engine.Model.Execution;

/// <summary>
/// The one block of memory in which every plan of a run keeps its intermediates. It is sized for the largest plan known; a larger one
/// makes it anew, and plans bound to the old memory are then bound again. What shares it runs one at a time (<see cref="Enter"/>).
/// </summary>
internal sealed class Arena(Device device) : IDisposable
{
    private readonly Lock gate = new();
    private DeviceBuffer? buffer;
    private bool disposed;

    /// <summary>Counts the times the memory moved.</summary>
    public int Generation { get; private set; }

    /// <summary>Counts the times the memory was asked for, by whoever writes to it: results are there until the next one.</summary>
    public long Uses { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => buffer?.Bytes ?? 0;

    /// <summary>Begins a use: other threads' wait until it ends.</summary>
    public Lock.Scope Enter() => gate.EnterScope();

    /// <summary>Memory of at least this many bytes.</summary>
    /// <exception cref="ObjectDisposedException">The arena is disposed.</exception>
    public DeviceBuffer Require(long bytes)
    {
        using Lock.Scope use = Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        Uses++;
        if (buffer is null || buffer.Bytes < bytes)
        {
            device.Synchronize();
            buffer?.Dispose();
            buffer = null;
            buffer = device.Allocate(bytes, "arena");
            Generation++;
        }

        return buffer;
    }

    public void Dispose()
    {
        using Lock.Scope use = Enter();
        disposed = true;
        buffer?.Dispose();
    }
}

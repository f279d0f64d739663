using Engine.Devices;

namespace Engine.Model.Execution;

/// <summary>
/// The one block of memory in which every plan of a run keeps its intermediates. It is sized for the largest plan known; a larger one
/// makes it anew, and plans bound to the old memory are then bound again.
/// </summary>
public sealed class Arena(Device device) : IDisposable
{
    private DeviceBuffer? buffer;

    /// <summary>Counts the times the memory moved.</summary>
    public int Generation { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => buffer?.Bytes ?? 0;

    /// <summary>Memory of at least this many bytes.</summary>
    public DeviceBuffer Require(long bytes)
    {
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

    public void Dispose() => buffer?.Dispose();
}

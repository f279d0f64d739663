namespace Engine.Devices;

/// <summary>The API through which a device is reached.</summary>
public enum DeviceKind
{
    Cpu,
    OpenCl,
    Cuda,
}

/// <summary>A device: memory, and work in one queue that runs in order.</summary>
public abstract class Device : IDisposable
{
    public abstract DeviceKind Kind { get; }

    /// <summary>What a user types to choose it: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:1</c>.</summary>
    public abstract string Id { get; }

    /// <summary>The product's name as its driver gives it.</summary>
    public abstract string Name { get; }

    /// <summary>Memory in bytes.</summary>
    public abstract long MemoryBytes { get; }

    public abstract DeviceFeatures Features { get; }

    /// <summary>Live bytes by owner.</summary>
    public MemoryLedger Memory { get; } = new();

    /// <summary>Bytes to which buffers and arena offsets are aligned.</summary>
    public const int Alignment = 256;

    /// <summary>Allocates device memory. Its content is undefined.</summary>
    /// <exception cref="DeviceOutOfMemoryException">The memory is not there.</exception>
    public abstract DeviceBuffer Allocate(long bytes, string owner);

    /// <summary>Compiles the kernel's variant (or finds it in the program cache) and binds its arguments.</summary>
    /// <exception cref="DeviceException">The driver refused the text; the message holds its log.</exception>
    public abstract Launch Bind(KernelCall call);

    /// <summary>Waits until everything enqueued has run, and reports what failed on the way.</summary>
    public abstract void Synchronize();

    public abstract void Dispose();

    public override string ToString() => $"{Id} ({Name})";
}

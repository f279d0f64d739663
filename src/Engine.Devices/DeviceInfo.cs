namespace Engine.Devices;

/// <summary>The API through which a device is reached.</summary>
public enum DeviceKind
{
    /// <summary>The processor, by managed code.</summary>
    Cpu,

    /// <summary>An OpenCL device of at least version 1.2.</summary>
    OpenCl,

    /// <summary>An NVIDIA card, by its driver.</summary>
    Cuda,
}

/// <summary>What a device is, known without opening it.</summary>
public sealed record DeviceInfo
{
    /// <summary>The API it is reached through.</summary>
    public required DeviceKind Kind { get; init; }

    /// <summary>What a user types to choose it: <c>cpu</c>, <c>opencl:0</c>, <c>cuda:1</c>.</summary>
    public required string Id { get; init; }

    /// <summary>The product's name as its driver gives it.</summary>
    public required string Name { get; init; }

    /// <summary>Driver and version; compiled programs are kept per driver.</summary>
    public required string Driver { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>The largest single buffer in bytes; drivers may set it below <see cref="MemoryBytes"/>.</summary>
    public required long LargestBufferBytes { get; init; }

    /// <summary>What kernels choose their variant by.</summary>
    public required DeviceFeatures Features { get; init; }

    /// <summary>
    /// What computes matrix products where nothing else is asked for: "cublasLt 12.4.5", or "Engine's kernels" with the reason.
    /// </summary>
    public string Products { get; init; } = "Engine's kernels";

    /// <inheritdoc/>
    public override string ToString() => $"{Id} ({Name})";
}

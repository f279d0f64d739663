namespace Engine.Devices;

/// <summary>What a device can do. Operators choose a kernel variant by these, never by the device's API.</summary>
public sealed record DeviceFeatures
{
    /// <summary>Runs vectorised host code (<see cref="Cpu.HostLaunch"/>) instead of compiled kernels.</summary>
    public bool HostVectors { get; init; }

    /// <summary>Kernels of <see cref="Kernels.Tile"/> run: by matrix units where the device has them, else by loops.</summary>
    public bool Tiles { get; init; }

    /// <summary>
    /// Products of 16 x 16 tiles of float16 and bfloat16 are computed by matrix units, so that kernels of <see cref="Kernels.Tile"/> are
    /// the fast form. CUDA cards have them, from compute capability 8.0 on.
    /// </summary>
    public bool MatrixUnits { get; init; }

    /// <summary>Largest number of work-items in a group.</summary>
    public int MaxGroupSize { get; init; } = 256;

    /// <summary>Shared (local) memory per group in bytes.</summary>
    public int SharedMemoryBytes { get; init; } = 32 * 1024;

    /// <summary>Multiprocessors, or cores.</summary>
    public int ComputeUnits { get; init; } = 1;
}

using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda;

/// <summary>A card that the CUDA driver offers.</summary>
/// <param name="Handle">The <c>CUdevice</c>.</param>
/// <param name="DriverVersion">As <c>cuDriverGetVersion</c> counts.</param>
/// <param name="Architecture">Compute capability as one number, 90 for 9.0.</param>
/// <param name="HasPools">Whether memory can come from a pool; some virtual cards have none.</param>
/// <param name="Info">What it is.</param>
internal sealed record CudaCandidate(int Handle, int DriverVersion, int Architecture, bool HasPools, DeviceInfo Info);

/// <summary>Finds the CUDA devices of this machine.</summary>
internal static unsafe class CudaPlatform
{
    private const int MaxThreadsPerBlock = 1;
    private const int MaxSharedMemoryPerBlock = 8;
    private const int MultiprocessorCount = 16;
    private const int CapabilityMajor = 75;
    private const int CapabilityMinor = 76;
    private const int MemoryPoolsSupported = 115;

    private const int NameCapacity = 256;

    /// <summary>All cards, in the driver's order (which <c>CUDA_VISIBLE_DEVICES</c> sets).</summary>
    /// <exception cref="DeviceException">There is no driver, it is too old, or it finds no card.</exception>
    public static List<CudaCandidate> Find(DriverLibrary library)
    {
        const string Where = "The CUDA driver";
        library.Load();
        CudaError.Check(
            CudaApi.Init(0), "cuInit", Where, "Check that nvidia-smi lists the card, and that CUDA_VISIBLE_DEVICES does not hide it.");
        int version;
        CudaError.Check(CudaApi.DriverGetVersion(&version), "cuDriverGetVersion", Where);
        if (version < CudaApi.OldestVersion)
        {
            throw new DeviceException(
                $"The CUDA driver speaks {Version(version)}, and {Version(CudaApi.OldestVersion)} is needed: install driver 510 or later. "
                + "The card's OpenCL driver, which comes with it, may serve meanwhile.");
        }

        int count;
        CudaError.Check(CudaApi.DeviceGetCount(&count), "cuDeviceGetCount", Where);
        if (count == 0)
        {
            throw new DeviceException(
                "The CUDA driver finds no card. Check that nvidia-smi lists one, and that CUDA_VISIBLE_DEVICES does not hide it.");
        }

        int driver = version;
        return [.. Enumerable.Range(0, count).Select(ordinal => Describe(ordinal, driver))];
    }

    private static string Version(int version) => $"CUDA {version / 1000}.{version % 1000 / 10}";

    private static CudaCandidate Describe(int ordinal, int driver)
    {
        string id = $"cuda:{ordinal}";
        int device;
        CudaError.Check(CudaApi.DeviceGet(&device, ordinal), "cuDeviceGet", id);
        byte* name = stackalloc byte[NameCapacity];
        CudaError.Check(CudaApi.DeviceGetName(name, NameCapacity, device), "cuDeviceGetName", id);
        nuint memory;
        CudaError.Check(CudaApi.DeviceTotalMemory(&memory, device), "cuDeviceTotalMem", id);
        int architecture = (10 * Attribute(device, CapabilityMajor, id)) + Attribute(device, CapabilityMinor, id);
        return new CudaCandidate(device, driver, architecture, Attribute(device, MemoryPoolsSupported, id) != 0, new DeviceInfo
        {
            Kind = DeviceKind.Cuda,
            Id = id,
            Name = Marshal.PtrToStringUTF8((nint)name) ?? id,
            Driver = Version(driver),
            MemoryBytes = (long)memory,
            LargestBufferBytes = (long)memory,
            Features = new DeviceFeatures
            {
                Tiles = architecture >= 80,
                MatrixUnits = architecture >= 80,
                MaxGroupSize = Attribute(device, MaxThreadsPerBlock, id),
                SharedMemoryBytes = Attribute(device, MaxSharedMemoryPerBlock, id),
                ComputeUnits = Attribute(device, MultiprocessorCount, id),
            },
        });
    }

    private static int Attribute(int device, int attribute, string id)
    {
        int value;
        CudaError.Check(CudaApi.DeviceGetAttribute(&value, attribute, device), $"cuDeviceGetAttribute({attribute})", id);
        return value;
    }
}

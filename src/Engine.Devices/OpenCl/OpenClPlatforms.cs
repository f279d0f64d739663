using System.Text;
using Engine.Devices.Native;

namespace Engine.Devices.OpenCl;

/// <summary>A device that an OpenCL platform offers.</summary>
/// <param name="Handle">The <c>cl_device_id</c>.</param>
/// <param name="Platform">The <c>cl_platform_id</c>.</param>
/// <param name="Info">What it is.</param>
internal sealed record OpenClCandidate(nint Handle, nint Platform, DeviceInfo Info);

/// <summary>Finds the OpenCL devices of this machine.</summary>
internal static unsafe class OpenClPlatforms
{
    private const uint PlatformName = 0x0902;
    private const uint TypeOfDevice = 0x1000;
    private const uint MaxComputeUnits = 0x1002;
    private const uint MaxWorkGroupSize = 0x1004;
    private const uint MaxMemAllocSize = 0x1010;
    private const uint GlobalMemSize = 0x101F;
    private const uint LocalMemSize = 0x1023;
    private const uint EndianLittle = 0x1026;
    private const uint Available = 0x1027;
    private const uint CompilerAvailable = 0x1028;
    private const uint DeviceName = 0x102B;
    private const uint DriverVersion = 0x102D;
    private const uint DeviceVersion = 0x102F;

    private const ulong CpuType = 2;

    /// <summary>Items, and bytes of local memory, that kernels of tiles ask for.</summary>
    private const int TileGroup = 256;
    private const int TileMemory = 48 * 1024;

    private delegate int Query(nuint capacity, void* value, nuint* size);

    /// <summary>
    /// All devices, graphics cards and accelerators before processors, otherwise in the loader's order: the order of their numbers.
    /// </summary>
    /// <param name="library">The loader.</param>
    /// <param name="problems">One sentence for each platform or device that cannot be used.</param>
    /// <exception cref="DeviceException">There is no loader, or it knows no platform.</exception>
    public static List<OpenClCandidate> Find(DriverLibrary library, out List<string> problems)
    {
        library.Load();
        uint count;
        int code = OpenClApi.GetPlatformIds(0, null, &count);
        if (code == OpenClError.PlatformNotFound || (code == OpenClError.Success && count == 0))
        {
            throw new DeviceException(
                "The OpenCL loader knows no platform: no driver has registered itself. Install the graphics driver's OpenCL runtime, "
                + "or an OpenCL for the processor (Debian: pocl-opencl-icd).");
        }

        OpenClError.Check(code, "clGetPlatformIDs", "The OpenCL loader");
        var platforms = new nint[count];
        fixed (nint* first = platforms)
        {
            OpenClError.Check(OpenClApi.GetPlatformIds(count, first, null), "clGetPlatformIDs", "The OpenCL loader");
        }

        problems = [];
        var found = new List<(nint Platform, nint Device, bool Cpu)>();
        foreach (nint platform in platforms)
        {
            try
            {
                foreach (nint device in DevicesOf(platform))
                {
                    found.Add((platform, device, (Number(device, TypeOfDevice) & CpuType) != 0));
                }
            }
            catch (DeviceException exception)
            {
                // One broken driver must not hide the devices of the others; the catalogue shows its error.
                problems.Add(exception.Message);
            }
        }

        var candidates = new List<OpenClCandidate>();
        foreach ((nint platform, nint device, _) in found.OrderBy(entry => entry.Cpu))
        {
            string id = $"opencl:{candidates.Count}";
            if (Unusable(device) is { } reason)
            {
                problems.Add($"{Text(device, DeviceName)} cannot be used: {reason}");
            }
            else
            {
                candidates.Add(new OpenClCandidate(device, platform, Describe(platform, device, id)));
            }
        }

        return candidates;
    }

    private static nint[] DevicesOf(nint platform)
    {
        string where = $"OpenCL platform {PlatformText(platform)}";
        uint count;
        int code = OpenClApi.GetDeviceIds(platform, OpenClApi.DeviceTypeAll, 0, null, &count);
        if (code == OpenClError.DeviceNotFound)
        {
            return [];
        }

        OpenClError.Check(code, "clGetDeviceIDs", where);
        var devices = new nint[count];
        fixed (nint* first = devices)
        {
            OpenClError.Check(OpenClApi.GetDeviceIds(platform, OpenClApi.DeviceTypeAll, count, first, null), "clGetDeviceIDs", where);
        }

        return devices;
    }

    private static string? Unusable(nint device)
    {
        string version = Text(device, DeviceVersion);
        if (version.StartsWith("OpenCL 1.0", StringComparison.Ordinal) || version.StartsWith("OpenCL 1.1", StringComparison.Ordinal))
        {
            return $"it speaks {version}, and 1.2 is needed.";
        }

        if (Number(device, Available) == 0)
        {
            return "its driver says it is not available (CL_DEVICE_AVAILABLE).";
        }

        if (Number(device, CompilerAvailable) == 0)
        {
            return "its driver has no compiler (CL_DEVICE_COMPILER_AVAILABLE).";
        }

        return Number(device, EndianLittle) == 0 ? "it is not little-endian." : null;
    }

    private static DeviceInfo Describe(nint platform, nint device, string id) => new()
    {
        Kind = DeviceKind.OpenCl,
        Id = id,
        Name = Text(device, DeviceName),
        Driver = $"{PlatformText(platform)}, {Text(device, DeviceVersion)}, driver {Text(device, DriverVersion)}",
        MemoryBytes = Clamp(Number(device, GlobalMemSize)),
        LargestBufferBytes = Clamp(Number(device, MaxMemAllocSize)),
        Features = new DeviceFeatures
        {
            Tiles = Number(device, MaxWorkGroupSize) >= TileGroup && Number(device, LocalMemSize) >= TileMemory,
            // What CUDA's cards take; PoCL would take 4096.
            MaxGroupSize = (int)Math.Min(Number(device, MaxWorkGroupSize), 1024),
            SharedMemoryBytes = (int)Math.Min(Number(device, LocalMemSize), int.MaxValue),
            ComputeUnits = (int)Number(device, MaxComputeUnits),
        },
    };

    private static long Clamp(ulong bytes) => (long)Math.Min(bytes, long.MaxValue);

    /// <summary>A property of up to eight bytes; the API is little-endian on every host .NET runs on.</summary>
    private static ulong Number(nint device, uint what)
    {
        ulong value = 0;
        OpenClError.Check(OpenClApi.GetDeviceInfo(device, what, sizeof(ulong), &value, null), $"clGetDeviceInfo(0x{what:X})", "OpenCL");
        return value;
    }

    private static string Text(nint device, uint what) =>
        ReadText((capacity, value, size) => OpenClApi.GetDeviceInfo(device, what, capacity, value, size), $"clGetDeviceInfo(0x{what:X})");

    private static string PlatformText(nint platform) =>
        ReadText((capacity, value, size) => OpenClApi.GetPlatformInfo(platform, PlatformName, capacity, value, size), "clGetPlatformInfo");

    private static string ReadText(Query query, string call)
    {
        nuint size;
        OpenClError.Check(query(0, null, &size), call, "OpenCL");
        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            OpenClError.Check(query(size, first, null), call, "OpenCL");
        }

        return Encoding.UTF8.GetString(bytes).TrimEnd('\0').Trim();
    }
}

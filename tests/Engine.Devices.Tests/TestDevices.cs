using Engine.Devices.Cpu;
using Engine.Devices.Cuda;
using Engine.Devices.OpenCl;
using Engine.Devices.Programs;
using Engine.Tests;

namespace Engine.Devices.Tests;

/// <summary>The devices of this machine, each opened once for all tests of the collection.</summary>
public sealed class TestDevices : IDisposable
{
    private readonly Dictionary<string, Device> open = [];

    /// <summary>Cpu and every OpenCL and CUDA device, as theory rows: the suite is written once and stamped over them.</summary>
    public static TheoryData<string> All { get; } = [.. Ids()];

    /// <summary>Every OpenCL device.</summary>
    public static TheoryData<string> OpenCl { get; } = [.. Ids().Where(id => id.StartsWith("opencl", StringComparison.Ordinal))];

    /// <summary>Why there is no OpenCL device here; null where there is one.</summary>
    internal static string? WithoutOpenCl { get; } = OpenCl.Count > 0
        ? null
        : "no OpenCL device: " + DeviceCatalog.List().Single(listing => listing.Kind == DeviceKind.OpenCl).Problem;

    public Device this[string id]
    {
        get
        {
            if (!open.TryGetValue(id, out Device? device))
            {
                device = Open(id);
                open.Add(id, device);
            }

            return device;
        }
    }

    public void Dispose()
    {
        foreach (Device device in open.Values)
        {
            device.Dispose();
        }
    }

    /// <summary>A device of the test's own; a driver's without a disk cache unless one is given.</summary>
    internal static Device Open(string id, ProgramCache? cache = null) => id.Split(':')[0] switch
    {
        "cpu" => new CpuDevice(new CpuOptions { Threads = 2 }),
        "opencl" => OpenClDevice.Open(
            OpenClPlatforms.Find(OpenClApi.Library, out _).Single(candidate => candidate.Info.Id == id), cache ?? new ProgramCache(null)),
        _ => CudaDevice.Open(
            CudaPlatform.Find(CudaApi.Library).Single(candidate => candidate.Info.Id == id), cache: cache ?? new ProgramCache(null)),
    };

    private static IEnumerable<string> Ids() =>
        DeviceCatalog.List().SelectMany(listing => listing.Devices).Select(device => device.Id).Where(WantedDevices.Contains);
}

/// <summary>One collection: the cpu device runs work of one thread at a time.</summary>
[CollectionDefinition(Name)]
public sealed class DeviceCollection : ICollectionFixture<TestDevices>
{
    public const string Name = "devices";
}

/// <summary>A test of the first OpenCL device; skipped with the reason where there is none.</summary>
internal sealed class OpenClFactAttribute : FactAttribute
{
    public OpenClFactAttribute() => Skip = TestDevices.WithoutOpenCl;
}

/// <summary>A theory over the OpenCL devices; skipped with the reason where there is none.</summary>
internal sealed class OpenClTheoryAttribute : TheoryAttribute
{
    public OpenClTheoryAttribute() => Skip = TestDevices.WithoutOpenCl;
}

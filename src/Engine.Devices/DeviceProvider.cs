using Engine.Devices.Cpu;
using Engine.Devices.Cuda;
using Engine.Devices.Native;
using Engine.Devices.OpenCl;

namespace Engine.Devices;

/// <summary>A kind of device: how its devices are found and opened. <see cref="DeviceCatalog"/> has a list of these.</summary>
/// <param name="kind">The kind.</param>
/// <param name="name">What ids begin with.</param>
internal abstract class DeviceProvider(DeviceKind kind, string name)
{
    public DeviceKind Kind => kind;

    public string Name => name;

    /// <summary>Whether there may be several, so that an id may end in a number.</summary>
    public virtual bool IsNumbered => true;

    /// <summary>Whether a library of the vendor's may compute products.</summary>
    public virtual bool HasProductLibrary => false;

    /// <summary>What there is.</summary>
    /// <exception cref="DeviceException">It cannot be found out; the message says why.</exception>
    public abstract DeviceListing List();

    /// <summary>What opens each device, in the order of their numbers.</summary>
    /// <exception cref="DeviceException">It cannot be found out; the message says why.</exception>
    public abstract IReadOnlyList<Func<DeviceOptions, Device>> Find();
}

/// <summary>The processor, which is there on every machine.</summary>
internal sealed class CpuProvider() : DeviceProvider(DeviceKind.Cpu, DeviceCatalog.Default)
{
    public override bool IsNumbered => false;

    public override DeviceListing List() => new(Kind, [CpuDevice.Describe(new CpuOptions())], Problem: null);

    public override IReadOnlyList<Func<DeviceOptions, Device>> Find() => [_ => new CpuDevice()];
}

/// <summary>The devices of OpenCL's platforms.</summary>
internal sealed class OpenClProvider(DriverLibrary library) : DeviceProvider(DeviceKind.OpenCl, "opencl")
{
    public override DeviceListing List()
    {
        List<OpenClCandidate> found = OpenClPlatforms.Find(library, out List<string> problems);
        string? none = found.Count == 0 ? "The OpenCL platforms have no devices." : null;
        return new(Kind, [.. found.Select(candidate => candidate.Info)], problems.Count > 0 ? string.Join(" ", problems) : none);
    }

    public override IReadOnlyList<Func<DeviceOptions, Device>> Find() =>
    [
        .. OpenClPlatforms.Find(library, out _).Select(candidate => (Func<DeviceOptions, Device>)(_ => OpenClDevice.Open(candidate))),
    ];
}

/// <summary>NVIDIA's cards.</summary>
internal sealed class CudaProvider(DriverLibrary library) : DeviceProvider(DeviceKind.Cuda, "cuda")
{
    public override bool HasProductLibrary => true;

    public override DeviceListing List() => new(Kind, [.. CudaPlatform.Find(library).Select(CudaProducts.Describe)], Problem: null);

    public override IReadOnlyList<Func<DeviceOptions, Device>> Find() =>
    [
        .. CudaPlatform.Find(library).Select(card => (Func<DeviceOptions, Device>)(options => CudaDevice.Open(card, options))),
    ];
}

using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Tests;

namespace Engine.Compiler.Tests;

/// <summary>The devices that every construct is tried on: the managed executor with its checks, and each OpenCL and CUDA device.</summary>
public sealed class DeviceFixture : IDisposable
{
    private readonly Dictionary<string, Device> open = [];

    public static TheoryData<string> All { get; } =
        [.. DeviceCatalog.List().SelectMany(listing => listing.Devices).Select(device => device.Id).Where(WantedDevices.Contains)];

    public Device this[string id]
    {
        get
        {
            if (!open.TryGetValue(id, out Device? device))
            {
                device = id == "cpu" ? new CpuDevice(new CpuOptions { Threads = 2, CheckReads = true }) : DeviceCatalog.Open(id);
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
}

/// <summary>Buffers of one test, freed at its end.</summary>
internal sealed class Buffers(Device device) : IDisposable
{
    private readonly List<DeviceBuffer> all = [];

    public BufferView<T> Of<T>(params T[] values)
        where T : unmanaged
    {
        BufferView<T> view = New<T>(values.Length);
        view.Write(values);
        return view;
    }

    public unsafe BufferView<T> New<T>(int length)
        where T : unmanaged
    {
        DeviceBuffer buffer = device.Allocate((long)length * sizeof(T), "test");
        all.Add(buffer);
        return buffer.View<T>();
    }

    /// <summary>Runs a launch and waits for it.</summary>
    public void Run(Launch launch)
    {
        using (launch)
        {
            launch.Enqueue();
            device.Synchronize();
        }
    }

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in all)
        {
            buffer.Dispose();
        }
    }
}

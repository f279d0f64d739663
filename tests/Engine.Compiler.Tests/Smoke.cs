using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Compiler.Tests.Kernels;

namespace Engine.Compiler.Tests;

public class Smoke
{
    [Fact]
    public void Runs()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using DeviceBuffer a = device.Allocate(4096, "t");
        using DeviceBuffer b = device.Allocate(4096, "t");
        a.View<float>().Write(Enumerable.Range(0, 1024).Select(i => (float)i).ToArray());
        SmallKernels.ScaleKernel.Bind(device, LaunchShape.Cover(1024, 64), a.View<float>(), b.View<float>(), 2f, 1024).Enqueue();
        Assert.Equal(2046f, b.View<float>().ToArray()[1023]);
        SmallKernels.GroupSumKernel.Bind(device, new LaunchShape(8, 128), a.View<float>(), b.View<float>(), 128).Enqueue();
        Assert.Equal(Enumerable.Range(128, 128).Sum(), b.View<float>().ToArray()[1]);
        SmallKernels.WarpSumKernel.Bind(device, new LaunchShape(8, 128), a.View<float>(), b.View<float>()).Enqueue();
        Assert.Equal(Enumerable.Range(32, 32).Sum(), b.View<float>().ToArray()[1]);
        using DeviceBuffer c = device.Allocate(4096, "t");
        SmallKernels.OuterProductKernel.Bind(device, new LaunchShape(1, 1), a.View<float>(), b.View<float>(), c.View<float>(), 3, 4).Enqueue();
    }
}

using Engine.Compiler.Tests.Kernels;
using Engine.Devices;
using Engine.Devices.Cpu;

namespace Engine.Compiler.Tests;

/// <summary>What the managed executor notices and a GPU does not.</summary>
public sealed class SanitizerTests : IDisposable
{
    private readonly CpuDevice device = new(new CpuOptions { Threads = 1, CheckReads = true });

    public void Dispose() => device.Dispose();

    [Fact]
    public void A_write_outside_of_a_view_names_index_length_kernel_and_group()
    {
        using var buffers = new Buffers(device);
        string message = Message(GroupKernels.ScatterKernel.Bind(device, new LaunchShape(1, 2), buffers.Of(0, 8), buffers.New<float>(8)));
        Assert.Contains("index 8 is outside of a view of 8 elements of Single", message);
        Assert.Contains("GroupKernels_Scatter (GroupKernels.cs(", message);
        Assert.Contains("group (0, 0, 0)", message);
    }

    [Fact]
    public void A_read_of_a_buffer_that_nothing_wrote_is_an_error()
    {
        using var buffers = new Buffers(device);
        BufferView<float> fresh = buffers.New<float>(4);
        Assert.Contains("element 0 of a view of 4 elements of Single is read, but nothing has written it", Message(CopyKernel(fresh)));
        fresh.Write([1f, 2f, 3f, 4f]);
        CopyKernel(fresh).Enqueue();
        Assert.Contains("nothing has written it", Message(CopyKernel(buffers.New<Half>(4))));
        Assert.Contains("nothing has written it", Message(CopyKernel(buffers.New<long>(4))));
    }

    [Fact]
    public void A_read_of_shared_memory_that_nothing_wrote_is_an_error()
    {
        using var buffers = new Buffers(device);
        Assert.Contains(
            "element 1 of a view of 64", Message(GroupKernels.UnwrittenKernel.Bind(device, new LaunchShape(1, 8), buffers.New<float>(8))));
    }

    [Fact]
    public void A_barrier_that_some_items_miss_is_an_error()
    {
        using var buffers = new Buffers(device);
        string message = Message(GroupKernels.DivergentKernel.Bind(device, new LaunchShape(1, 32), buffers.New<int>(32)));
        Assert.Contains("work-item 16 of the group evaluates it differently from item 0", message);
        Assert.Contains("GroupKernels.cs(", message);
    }

    [Fact]
    public void Warp_functions_need_whole_warps()
    {
        using var buffers = new Buffers(device);
        Launch launch = SmallKernels.WarpSumKernel.Bind(device, new LaunchShape(1, 48), buffers.New<float>(48), buffers.New<float>(2));
        Assert.Contains("must be a multiple of 32", Message(launch));
    }

    [Fact]
    public void Without_the_option_unwritten_memory_is_not_looked_for()
    {
        using var plain = new CpuDevice(new CpuOptions { Threads = 1 });
        using var buffers = new Buffers(plain);
        buffers.Run(GroupKernels.CopyKernel.Bind(plain, new LaunchShape(1, 4), buffers.New<float>(4), buffers.New<float>(4)));
    }

    [Fact]
    public void Running_a_kernel_with_barriers_allocates_nothing_managed()
    {
        using var buffers = new Buffers(device);
        BufferView<float> x = buffers.Of(new float[64]);
        using Launch launch = GroupKernels.BlockReduceKernel.Bind(device, new LaunchShape(2, 32), x, buffers.New<float>(64), 32);
        launch.Enqueue();
        long before = GC.GetAllocatedBytesForCurrentThread();
        launch.Enqueue();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private Launch CopyKernel<T>(BufferView<T> x)
        where T : unmanaged => GroupKernels.CopyKernel.Bind(device, new LaunchShape(1, (int)x.Length), x, x);

    private static string Message(Launch launch) => Assert.Throws<DeviceException>(launch.Enqueue).Message;
}

using System.Globalization;
using System.Runtime.InteropServices;
using Engine.Devices.Cpu;
using Engine.Devices.Ilgpu;
using Engine.Devices.OpenCl;
using Engine.Devices.Programs;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Device = Engine.Devices.Device;

namespace Engine.Devices.Tests;

/// <summary>A program's own ILGPU code and Engine on the same memory.</summary>
public sealed unsafe class IlgpuInteropTests : IDisposable
{
    private const int Count = 100;

    private readonly Context context = Context.Create(builder => builder.DefaultCPU());
    private readonly CPUAccelerator accelerator;

    // ILGPU asks for libOpenCL.so, which is there only where programs are built.
    static IlgpuInteropTests() =>
        NativeLibrary.SetDllImportResolver(
            typeof(Context).Assembly,
            (name, _, _) => name == "OpenCL" && OperatingSystem.IsLinux() ? NativeLibrary.Load("libOpenCL.so.1") : 0);

    public IlgpuInteropTests() => accelerator = context.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential);

    public static TheoryData<string> All => TestDevices.All;

    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    public void Dispose()
    {
        accelerator.Dispose();
        context.Dispose();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Kernels_of_both_work_on_memory_of_either(string id)
    {
        using Context own = Context.Create(builder => builder.Optimize(OptimizationLevel.O2).DefaultCPU().OpenCL(_ => true).Cuda());
        using Accelerator accelerator = OwnAccelerator(own, id);
        using MemoryBuffer1D<float, Stride1D.Dense> x = accelerator.Allocate1D<float>(Count);
        using Device device = IlgpuInterop.Open(accelerator);
        Assert.Equal(id, device.Id);
        using DeviceBuffer wrapped = device.Wrap(x, "x"), sum = device.Allocate(Count * sizeof(float), "sum");
        sum.View<float>().Write([.. Enumerable.Range(0, Count).Select(i => 1000f * i)]);

        // ILGPU writes its own memory, Engine adds it to its own, ILGPU goes on with that.
        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>>(Number)(Count, x.View);
        using (Launch launch = device.Bind(TestKernels.CallScaledAdd(wrapped.View<float>(), sum.View<float>(), 0.5f)))
        {
            launch.Enqueue();
        }

        accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>>(Negate)(Count, sum.View<float>().AsArrayView());
        accelerator.Synchronize();
        Assert.Equal([.. Enumerable.Range(0, Count).Select(i => -(1000f * i) - (0.5f * i))], sum.View<float>().ToArray());
        wrapped.Fill(0, 0, 4 * sizeof(float));
        Assert.Equal([0f, 0f, 0f, 0f, 4f, 5f], x.GetAsArray1D()[..6]);
        sum.View<float>(8 * sizeof(float), 2).AsArrayView().MemSetToZero();
        Assert.Equal([-7003.5f, 0f, 0f, -10005f], sum.View<float>(7 * sizeof(float), 4).ToArray());
        accelerator.Dispose();
        Assert.Throws<ObjectDisposedException>(sum.Clear);
    }

    [Fact]
    public void Windows_show_the_same_elements_on_both_sides()
    {
        using MemoryBuffer1D<float, Stride1D.Dense> x = accelerator.Allocate1D([.. Enumerable.Range(0, Count).Select(i => (float)i)]);
        using Device device = IlgpuInterop.Open(accelerator);
        using DeviceBuffer wrapped = device.Wrap(x, "x"), own = device.Allocate(Count * sizeof(float), "own");
        Assert.Equal([30f, 31f, 32f], wrapped.View<float>(x.View.SubView(30, 3)).ToArray());
        Assert.Equal(Count, wrapped.View<float>(x.View).Length);

        ArrayView<float> window = own.View<float>(8 * sizeof(float), 4).AsArrayView();
        own.Clear();
        window.CopyFrom((ArrayView<float>)x.View.SubView(50, 4));
        Assert.Equal([0f, 50f, 51f, 52f, 53f, 0f], own.View<float>(7 * sizeof(float), 6).ToArray());
        window.MemSetToZero();
        Assert.Equal([51f, 52f], wrapped.View<float>(51 * sizeof(float), 2).AsArrayView().GetAsArray());
        Assert.All(own.View<float>().ToArray(), value => Assert.Equal(0f, value));
        Assert.Equal(0, default(BufferView<float>).AsArrayView().Length);

        using MemoryBuffer1D<float, Stride1D.Dense> other = accelerator.Allocate1D<float>(Count);
        Assert.Contains("other memory", Assert.Throws<ArgumentException>(() => wrapped.View<float>(other.View)).Message);
        Assert.Throws<ArgumentException>(() => own.View<float>(x.View));
    }

    [Fact]
    public void Wrapped_memory_is_neither_counted_nor_freed()
    {
        using MemoryBuffer1D<int, Stride1D.Dense> x = accelerator.Allocate1D<int>([1, 2, 3]);
        using (Device device = IlgpuInterop.Open(accelerator))
        {
            long before = device.Memory.Current;
            DeviceBuffer wrapped = device.Wrap(x, "x"), again = device.Wrap(x, "again");
            Assert.Equal(before, device.Memory.Current);
            wrapped.Dispose();
            Assert.Contains("(owner x)", Assert.Throws<ObjectDisposedException>(wrapped.Clear).Message);
            again.View<int>(0, 1).Write([7]);
            Assert.Equal(before, device.Memory.Current);
        }

        Assert.False(accelerator.IsDisposed);
        Assert.Equal([7, 2, 3], x.GetAsArray1D());
    }

    [Fact]
    public void Empty_memory_is_allowed()
    {
        using MemoryBuffer1D<int, Stride1D.Dense> x = accelerator.Allocate1D<int>(0);
        using Device device = IlgpuInterop.Open(accelerator);
        using DeviceBuffer wrapped = device.Wrap(x, "x");
        wrapped.Clear();
        Assert.Empty(wrapped.View<int>().ToArray());
        Assert.Equal(0, wrapped.View<int>().AsArrayView().Length);
    }

    [Fact]
    public void Memory_of_another_accelerator_and_devices_opened_by_name_are_refused()
    {
        using CPUAccelerator second = context.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential);
        using MemoryBuffer1D<int, Stride1D.Dense> x = accelerator.Allocate1D<int>(3), foreign = second.Allocate1D<int>(3);
        using Device device = IlgpuInterop.Open(accelerator), named = TestDevices.Open("cpu");
        using DeviceBuffer buffer = named.Allocate(4, "own");
        Assert.Contains(
            "wrap it on a device of its own accelerator", Assert.Throws<ArgumentException>(() => device.Wrap(foreign, "foreign")).Message);
        Assert.Contains("opened by its name", Assert.Throws<InvalidOperationException>(() => named.Wrap(x, "x")).Message);
        Assert.Throws<InvalidOperationException>(() => buffer.View<int>().AsArrayView());

        MemoryBuffer1D<int, Stride1D.Dense> gone = accelerator.Allocate1D<int>(3);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => device.Wrap(gone, "gone"));
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => IlgpuInterop.Open(second));
        Assert.Contains(
            "no library of matrix products",
            Assert.Throws<DeviceException>(
                () => IlgpuInterop.Open(accelerator, new DeviceOptions { Products = ProductLibrary.Vendor })).Message);
    }

    [Fact]
    public void Memory_that_its_maker_disposed_is_refused_by_name()
    {
        using Device device = IlgpuInterop.Open(accelerator);
        MemoryBuffer1D<float, Stride1D.Dense> x = accelerator.Allocate1D<float>(8);
        using DeviceBuffer wrapped = device.Wrap(x, "x"), y = device.Allocate(8 * sizeof(float), "y");
        using Launch launch = device.Bind(TestKernels.CallScaledAdd(wrapped.View<float>(), y.View<float>(), 1f));
        using Recording recording = device.Record([launch], [wrapped, y]);
        x.Dispose();
        Assert.Contains("ILGPU's memory of 32 bytes (owner x)", Assert.Throws<ObjectDisposedException>(wrapped.Clear).Message);
        Assert.Contains("(owner x)", Assert.Throws<ObjectDisposedException>(launch.Enqueue).Message);
        Assert.Throws<ObjectDisposedException>(recording.Replay);
        y.Clear();
    }

    [Fact]
    public void An_accelerator_that_is_disposed_first_closes_the_device_even_within_a_turn()
    {
        CPUAccelerator shortLived = context.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential);
        MemoryBuffer1D<float, Stride1D.Dense> x = shortLived.Allocate1D<float>(8);
        Device device = IlgpuInterop.Open(shortLived);
        DeviceBuffer wrapped = device.Wrap(x, "x"), own = device.Allocate(8, "own");
        using (device.Turns.Take())
        {
            shortLived.Dispose();
            Assert.Contains("with the ILGPU accelerator", Assert.Throws<ObjectDisposedException>(() => device.Allocate(8, "more")).Message);
        }

        Assert.Throws<ObjectDisposedException>(wrapped.Clear);
        Assert.Throws<ObjectDisposedException>(own.Clear);
        Assert.Throws<ObjectDisposedException>(() => device.Turns.Take());
        wrapped.Dispose();
        own.Dispose();
        device.Dispose();
    }

    [Fact]
    public void Memory_that_only_a_device_refers_to_is_kept()
    {
        using Device device = IlgpuInterop.Open(accelerator);
        float* address = Wrapped(device, accelerator);
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(3f, address[3]);
        Assert.False(Assert.Single(device.Wrapped).IsDisposed);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static float* Wrapped(Device device, Accelerator accelerator) =>
            CpuDevice.Pointer(device.Wrap(accelerator.Allocate1D([0f, 1f, 2f, 3f]), "x").View<float>());
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Work_on_a_lent_queue_is_in_one_order_and_handles_are_given_back(string id)
    {
        OpenClCandidate candidate = OpenClPlatforms.Find(OpenClApi.Library, out _).Single(candidate => candidate.Info.Id == id);
        nint handle = candidate.Handle;
        int code;
        nint user = OpenClApi.CreateContext(null, 1, &handle, 0, 0, &code);
        nint queue = OpenClApi.CreateCommandQueue(user, handle, 0, &code);
        Assert.Equal(OpenClError.Success, code);
        const int Elements = 1 << 20;
        nint x = OpenClApi.CreateBuffer(user, OpenClApi.MemoryReadWrite, Elements * sizeof(float), null, &code);
        nint result = OpenClApi.CreateBuffer(user, OpenClApi.MemoryReadWrite, Elements * sizeof(float), null, &code);
        var counts = new OpenClCounts();
        (uint Context, uint Queue, uint Memory) before = (counts.Context(user), counts.Queue(queue), counts.Memory(x));
        using (OpenClDevice.OpenOn(handle, user, queue, new ProgramCache(null)))
        {
            Assert.Equal((before.Context + 1, before.Queue + 1), (counts.Context(user), counts.Queue(queue)));
        }

        Assert.Equal(before, (counts.Context(user), counts.Queue(queue), counts.Memory(x)));
        using (MemoryBuffer1D<float, Stride1D.Dense> lender = accelerator.Allocate1D<float>(1))
        using (OpenClDevice device = OpenClDevice.OpenOn(handle, user, queue, new ProgramCache(null)))
        {
            Assert.Equal(candidate.Info, device.Info);
            DeviceBuffer wrapped = IlgpuInterop.Over(device, x, Elements * sizeof(float), "x", lender),
                sum = device.Allocate(Elements * sizeof(float), "sum");
            Assert.Equal(x, IlgpuInterop.Memory(wrapped));
            Assert.Equal(before.Memory + 1, counts.Memory(x));
            using Launch launch = device.Bind(TestKernels.CallScaledAdd(wrapped.View<float>(), sum.View<float>(), 2f));

            // The queue's own work, Engine's, and again the queue's own: nothing waits in between.
            for (int round = 1; round <= 10; round++)
            {
                float value = round;
                sum.Clear();
                Assert.Equal(0, OpenClApi.EnqueueFillBuffer(queue, x, &value, sizeof(float), 0, Elements * sizeof(float), 0, null, null));
                launch.Enqueue();
                Assert.Equal(
                    0, OpenClApi.EnqueueCopyBuffer(queue, IlgpuInterop.Memory(sum), result, 0, 0, Elements * sizeof(float), 0, null, null));
                wrapped.Clear();
            }

            var read = new float[Elements];
            fixed (float* to = read)
            {
                Assert.Equal(0, OpenClApi.EnqueueReadBuffer(queue, result, OpenClApi.True, 0, Elements * sizeof(float), to, 0, null, null));
            }

            Assert.All(read.Distinct(), value => Assert.Equal(20f, value));
            Assert.All(wrapped.View<float>().ToArray().Distinct(), value => Assert.Equal(0f, value));

            // Let go of by its maker, the memory is still there.
            OpenClApi.ReleaseMemObject(x);
            wrapped.Fill(1, 0, wrapped.Bytes);
            Assert.Equal(1, wrapped.View<byte>(Elements, 1).ToArray()[0]);
            OpenClApi.RetainMemObject(x);
            wrapped.Dispose();
            sum.Dispose();
        }

        // PoCL's last commands hold their queue until others follow.
        Assert.Equal((before.Context, before.Memory), (counts.Context(user), counts.Memory(x)));
        OpenClApi.ReleaseMemObject(x);
        OpenClApi.ReleaseMemObject(result);
        OpenClApi.ReleaseCommandQueue(queue);
        OpenClApi.ReleaseContext(user);
    }

    [OpenClFact]
    public void A_device_of_no_platform_is_refused()
    {
        OpenClApi.Library.Load();
        Assert.Contains("cannot be used", Assert.Throws<DeviceException>(() => OpenClDevice.OpenOn(1, 1, 1)).Message);
    }

    /// <summary>ILGPU's own accelerator on a device of <see cref="TestDevices"/>.</summary>
    private static Accelerator OwnAccelerator(Context context, string id)
    {
        int number = int.Parse(id.Split(':') is [_, var text] ? text : "0", CultureInfo.InvariantCulture);
        if (id == "cpu")
        {
            return context.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential);
        }

        if (id.StartsWith("cuda", StringComparison.Ordinal))
        {
            return context.CreateCudaAccelerator(number);
        }

        // ILGPU takes no device without a generic address space, which these kernels do not use, and PoCL 3.1 has none.
        nint handle = OpenClPlatforms.Find(OpenClApi.Library, out _)[number].Handle;
        CLDevice device = context.Devices.OfType<CLDevice>().Single(device => device.DeviceId == handle);
        typeof(CLCapabilityContext).GetProperty(nameof(CLCapabilityContext.GenericAddressSpace))!.SetValue(device.Capabilities, true);
        return device.CreateCLAccelerator(context);
    }

    private static void Number(Index1D i, ArrayView<float> x) => x[i] = i;

    private static void Negate(Index1D i, ArrayView<float> x) => x[i] = -x[i];

    /// <summary>How often handles of OpenCL are retained.</summary>
    private sealed class OpenClCounts
    {
        private readonly nint library = NativeLibrary.Load(OperatingSystem.IsWindows() ? "OpenCL.dll" : "libOpenCL.so.1");

        public uint Context(nint handle) => Of("clGetContextInfo", handle, 0x1080);

        public uint Queue(nint handle) => Of("clGetCommandQueueInfo", handle, 0x1092);

        public uint Memory(nint handle) => Of("clGetMemObjectInfo", handle, 0x1105);

        private uint Of(string entry, nint handle, uint what)
        {
            uint count;
            Assert.Equal(
                0, ((delegate* unmanaged<nint, uint, nuint, void*, nuint*, int>)NativeLibrary.GetExport(library, entry))(
                    handle, what, sizeof(uint), &count, null));
            return count;
        }
    }
}

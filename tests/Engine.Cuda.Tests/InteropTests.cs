using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using CudaDevice = Engine.Devices.Cuda.CudaDevice;
using Device = Engine.Devices.Device;

namespace Engine.Cuda.Tests;

/// <summary>
/// A device in a context that somebody else made: ILGPU's accelerator, which finds the fake driver too, or the driver itself; a small
/// memory of ILGPU's CPU accelerator stands then for the one that is wrapped.
/// </summary>
public sealed unsafe class InteropTests : FakeDriverTests
{
    private const int Second = 1;

    private readonly Context ilgpu = Context.Create(builder => builder.DefaultCPU());
    private readonly CPUAccelerator accelerator;
    private readonly MemoryBuffer1D<byte, Stride1D.Dense> lender;

    public InteropTests()
    {
        accelerator = ilgpu.CreateCPUAccelerator(0, CPUAcceleratorMode.Sequential);
        lender = accelerator.Allocate1D<byte>(1);
    }

    [FakeDriverFact]
    public void Memory_of_an_accelerator_and_of_the_device_on_it_are_one_for_both()
    {
        FakeDriver.Set("devices", 2);
        using Context own = Context.Create(builder => builder.Cuda());
        using CudaAccelerator card = own.CreateCudaAccelerator(Second);
        using MemoryBuffer1D<int, Stride1D.Dense> x = card.Allocate1D<int>(16);
        string before = FakeDriver.CountAll();
        using (Device device = IlgpuInterop.Open(card))
        {
            Assert.Equal("cuda:1 (Fake Card B)", device.ToString());
            using DeviceBuffer wrapped = device.Wrap(x, "x"), buffer = device.Allocate(64, "y");
            ArrayView<int> y = buffer.View<int>().AsArrayView();
            x.MemSetToZero();
            wrapped.View<int>(x.View.SubView(4, 2)).Write([7, 8]);
            Assert.Equal([0, 0, 0, 0, 7, 8, 0], x.GetAsArray1D()[..7]);
            y.CopyFrom((ArrayView<int>)x.View);
            y.SubView(5, 1).MemSet(255);
            Assert.Equal([7, -1, 0], buffer.View<int>(16, 3).ToArray());
            Assert.Equal([7, -1, 0], y.SubView(4, 3).GetAsArray());
            using Launch launch = device.Bind(TestKernels.Call(wrapped.View<float>(), buffer.View<float>(), 1f));
            launch.Enqueue();
            Assert.Equal((ulong)x.NativePtr, Assert.Single(FakeDriver.Launches).Arguments[0].Value);
            Assert.Equal(ProductLibrary.Vendor, device.Options.Products);
            Assert.Same(card, Accelerator.Current);
        }

        Assert.Equal(before, FakeDriver.CountAll());
        Assert.Equal(7, x.GetAsArray1D()[4]);
    }

    [FakeDriverFact]
    public void An_accelerator_disposed_before_its_device_leaves_nothing_of_either()
    {
        using Context own = Context.Create(builder => builder.Cuda());
        CudaAccelerator card = own.CreateCudaAccelerator(0);
        MemoryBuffer1D<float, Stride1D.Dense> x = card.Allocate1D<float>(16);
        Device device = IlgpuInterop.Open(card);
        DeviceBuffer wrapped = device.Wrap(x, "x"), y = device.Allocate(64, "y");
        Launch launch = device.Bind(TestKernels.Call(wrapped.View<float>(), y.View<float>(), 1f));
        Recording recording = device.Record([launch]);
        recording.Replay();
        card.Dispose();
        FakeDriver.Reset();
        Assert.Equal((0, 0, 0), (FakeDriver.Count("contexts"), FakeDriver.Count("streams"), FakeDriver.Count("blocks")));
        Assert.Contains("with the ILGPU accelerator", Assert.Throws<ObjectDisposedException>(recording.Replay).Message);
        Assert.Throws<ObjectDisposedException>(wrapped.Clear);
        Array.ForEach<IDisposable>([recording, launch, wrapped, y, device], left => left.Dispose());
        Assert.Empty(FakeDriver.Log);
    }

    [FakeDriverFact]
    public void The_context_stays_its_makers_and_the_stream_keeps_the_order_of_its_default_one()
    {
        nint context = UsersContext();
        string before = FakeDriver.CountAll();
        Assert.DoesNotContain("stream in order with the default one", FakeDriver.Log);
        using (CudaDevice device = Open(context))
        {
            Assert.Equal("cuda:1 (Fake Card B)", device.ToString());
            Assert.Contains("stream in order with the default one", FakeDriver.Log);
            using DeviceBuffer x = device.Allocate(64, "x");
            using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
            using Recording recording = device.Record([launch]);
            recording.Replay();
            device.Synchronize();
        }

        Assert.Equal(before, FakeDriver.CountAll());
        ReleaseUsersContext();
        Assert.Equal(0, FakeDriver.Count("contexts"));
    }

    [FakeDriverFact]
    public void Blocks_of_the_context_are_read_written_and_launched_on_and_never_freed()
    {
        nint context = UsersContext();
        CudaApi.SetCurrentContext(context);
        ulong address;
        Assert.Equal(0, CudaApi.MemoryAllocate(&address, 64));
        using (CudaDevice device = Open(context))
        {
            DeviceBuffer wrapped = IlgpuInterop.Over(device, (nint)address, 64, "x", lender), copy = device.Allocate(64, "copy");
            Assert.Equal((nint)address, IlgpuInterop.Memory(wrapped));
            Assert.Equal(64, device.Memory.Current);
            wrapped.View<int>().Write([.. Enumerable.Range(0, 16)]);
            copy.CopyFrom(wrapped, 0, 0, 64);
            Assert.Equal(15, copy.View<int>().ToArray()[15]);
            FakeDriver.Reset();
            using (Launch launch = device.Bind(TestKernels.Call(wrapped.View<float>(16, 4), copy.View<float>(), 1f)))
            {
                launch.Enqueue();
                Assert.Equal(address + 16, Assert.Single(FakeDriver.Launches).Arguments[0].Value);
            }

            wrapped.Dispose();
            Assert.Throws<ObjectDisposedException>(wrapped.Clear);
            Assert.DoesNotContain(FakeDriver.Log, line => line.StartsWith("free", StringComparison.Ordinal));
            _ = IlgpuInterop.Over(device, (nint)address, 64, "left to the device", lender);
        }

        Assert.Equal(1, FakeDriver.Count("blocks"));
        CudaApi.SetCurrentContext(context);
        Assert.Equal(0, CudaApi.MemoryFree(address));
        ReleaseUsersContext();
    }

    [FakeDriverFact]
    public void Memory_that_its_maker_freed_reaches_no_kernel()
    {
        nint context = UsersContext();
        CudaApi.SetCurrentContext(context);
        ulong address;
        Assert.Equal(0, CudaApi.MemoryAllocate(&address, 64));
        using (CudaDevice device = Open(context))
        {
            using DeviceBuffer wrapped = IlgpuInterop.Over(device, (nint)address, 64, "features", lender);
            using Launch launch = device.Bind(TestKernels.Call(wrapped.View<float>(), wrapped.View<float>(), 1f));
            using Recording recording = device.Record([launch]);
            CudaApi.MemoryFree(address);
            lender.Dispose();
            FakeDriver.Reset();
            Assert.Contains("(owner features)", Assert.Throws<ObjectDisposedException>(launch.Enqueue).Message);
            Assert.Contains("(owner features)", Assert.Throws<ObjectDisposedException>(recording.Replay).Message);
            Assert.Throws<ObjectDisposedException>(wrapped.Clear);
            Assert.Empty(FakeDriver.Log);
        }

        ReleaseUsersContext();
    }

    [FakeDriverFact]
    public void An_accelerator_that_is_disposed_first_takes_the_device_with_it_while_the_context_is_there()
    {
        nint context = UsersContext();
        string before = FakeDriver.CountAll();
        CudaDevice device = Open(context);
        device.LiveOn(accelerator);
        DeviceBuffer x = device.Allocate(64, "x");
        Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        Recording recording = device.Record([launch]);
        accelerator.Dispose();
        Assert.Equal(before, FakeDriver.CountAll());

        // As ILGPU does with a context of its own.
        ReleaseUsersContext();
        FakeDriver.Reset();
        Assert.Contains("with the ILGPU accelerator", Assert.Throws<ObjectDisposedException>(recording.Replay).Message);
        Assert.Throws<ObjectDisposedException>(x.Clear);
        recording.Dispose();
        launch.Dispose();
        x.Dispose();
        device.Dispose();
        Assert.Empty(FakeDriver.Log);
    }

    [FakeDriverTheory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_context_that_is_gone_and_one_that_gives_no_stream_are_errors_that_leave_nothing_behind(int streams)
    {
        nint context = UsersContext();
        string before = FakeDriver.CountAll();
        FakeDriver.Fail("cuStreamCreate", 1, streams);
        Assert.Contains("cuStreamCreate failed", Assert.Throws<DeviceException>(() => Open(context)).Message);
        Assert.Equal(before, FakeDriver.CountAll());
        ReleaseUsersContext();
        Assert.Contains(
            "The CUDA context that a device is opened on: cuCtxSetCurrent failed",
            Assert.Throws<DeviceException>(() => Open(context)).Message);
    }

    protected override void Dispose(bool disposing)
    {
        accelerator.Dispose();
        ilgpu.Dispose();
    }

    /// <summary>A context of the second card, as ILGPU's accelerator has one.</summary>
    private static nint UsersContext()
    {
        FakeDriver.Set("devices", 2);
        nint context;
        CudaApi.Library.Load();
        Assert.Equal(0, CudaApi.PrimaryContextRetain(&context, Second));
        return context;
    }

    private static void ReleaseUsersContext()
    {
        // A reset takes the second card away.
        FakeDriver.Set("devices", 2);
        Assert.Equal(0, CudaApi.PrimaryContextRelease(Second));
    }

    private static CudaDevice Open(nint context) =>
        CudaDevice.OpenOn(context, new DeviceOptions { Products = ProductLibrary.Own }, new ProgramCache(null));
}

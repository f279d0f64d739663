using Engine.Devices;
using Engine.Devices.Cuda;

namespace Engine.Cuda.Tests;

/// <summary>What reaches the driver when a kernel is launched.</summary>
public sealed class LaunchTests : FakeDriverTests
{
    [FakeDriverFact]
    public void A_view_is_the_address_of_its_first_element_and_its_length_and_a_scalar_has_its_own_width()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x"), y = device.Allocate(4000, "y");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(52, 333), y.View<float>(404, 333), 1.5f));
        launch.Enqueue();
        FakeLaunch seen = Assert.Single(FakeDriver.Launches);
        Assert.Equal("Tests_ScaledAdd", seen.Kernel);
        Assert.Equal(("6,1,1", 64), (seen.Grid, seen.GroupSize));
        Assert.Equal(
            [
                (((CudaBuffer)x).Address + 52, 0), (333, 8), (((CudaBuffer)y).Address + 404, 0), (333, 8),
                (BitConverter.SingleToUInt32Bits(1.5f), 4), (1, 1), (7UL << 40, 8),
            ],
            seen.Arguments);
    }

    [FakeDriverFact]
    public void An_absent_view_is_a_null_pointer_of_length_zero()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(64, "x");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), default, 1f, shape: new LaunchShape(2, 3, 4, 32)));
        launch.Enqueue();
        FakeLaunch seen = Assert.Single(FakeDriver.Launches);
        Assert.Equal([(0UL, 0), (0UL, 8)], seen.Arguments[2..4]);
        Assert.Equal(("2,3,4", 32), (seen.Grid, seen.GroupSize));
    }

    [FakeDriverFact]
    public void No_groups_are_no_launch()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(64, "x");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(0, 0), x.View<float>(0, 0), 1f));
        launch.Enqueue();
        Assert.Empty(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void A_group_larger_than_the_kernels_registers_allow_is_refused_when_it_is_bound()
    {
        FakeDriver.Set("threads", 32);
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(64, "x");
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f)));
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(20)) in groups of at most 32 work-items", error.Message);
    }

    [FakeDriverFact]
    public void A_launch_the_driver_refuses_is_named_with_its_shape()
    {
        using CudaDevice device = FakeDriver.Open();
        using DeviceBuffer x = device.Allocate(4000, "x");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        FakeDriver.Fail("cuLaunchKernel", 701);
        var error = Assert.Throws<DeviceException>(launch.Enqueue);
        Assert.Contains("cuLaunchKernel failed with CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701", error.Message);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(20)), launched as 16 x 1 x 1 groups of 64", error.Message);

        // Nothing is lost: the next launch runs.
        launch.Enqueue();
        device.Synchronize();
        Assert.Single(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void A_module_without_the_entry_point_is_an_error_that_names_it()
    {
        using CudaDevice device = FakeDriver.Open(compile: _ => TestKernels.Ptx("Tests_Other"));
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Absent")));
        Assert.Contains("CUDA_ERROR_NOT_FOUND", error.Message);
        Assert.Contains("Tests_Absent (Broken.cs:7)", error.Message);
    }

    [FakeDriverFact]
    public void Disposed_launches_buffers_and_devices_are_refused()
    {
        CudaDevice device = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "dropped");
        Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f)),
            other = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 2f));
        other.Dispose();
        Assert.Throws<ObjectDisposedException>(other.Enqueue);
        x.Dispose();
        Assert.Contains("dropped", Assert.Throws<ObjectDisposedException>(launch.Enqueue).Message);
        device.Dispose();
        Assert.Throws<ObjectDisposedException>(launch.Enqueue);
        launch.Dispose();
        Assert.Empty(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void Two_cards_have_each_their_own_context_stream_and_memory()
    {
        FakeDriver.Set("devices", 2);
        Assert.Equal(["cuda:0 (Fake Card A)", "cuda:1 (Fake Card B)"], DeviceCatalog.List()[2].Devices.Select(device => device.ToString()));
        using Device first = DeviceCatalog.Open("cuda"), second = DeviceCatalog.Open("cuda:1");
        Assert.Equal(("cuda:0", "cuda:1"), (first.Id, second.Id));

        // The fake refuses what belongs to the other card's context, so turns show that each call sets its own.
        for (int turn = 0; turn < 3; turn++)
        {
            foreach (Device device in (Device[])[first, second])
            {
                using DeviceBuffer x = device.Allocate(64, "x");
                x.Write<int>([turn, 2]);
                using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
                launch.Enqueue();
                Assert.Equal([turn, 2], x.View<int>(0, 2).ToArray());
            }
        }

        Assert.Contains("cuda:2 is not there: 2 of that kind", Assert.Throws<DeviceException>(() => DeviceCatalog.Open("cuda:2")).Message);
    }
}

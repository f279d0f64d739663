using Engine.Devices;
using Engine.Devices.Cuda;

namespace Engine.Cuda.Tests;

/// <summary>Machines that are not as they should be, and a card that is lost.</summary>
public sealed class FaultTests : FakeDriverTests
{
    /// <summary>Every code after which the header says that the process can use the card no more.</summary>
    public static TheoryData<int> Losses => [700, 714, 715, 716, 717, 718, 719];

    [FakeDriverTheory]
    [MemberData(nameof(Losses))]
    public void A_fault_of_a_kernel_is_a_clear_error_after_which_the_device_refuses_work_and_is_still_disposed(int code)
    {
        CudaDevice device = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "x");
        Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        Recording recording = device.Record([launch]);
        launch.Enqueue();
        FakeDriver.Lose(code);
        var first = Assert.Throws<DeviceLostException>(device.Synchronize);
        Assert.StartsWith("cuda:0 (Fake Card A): cuStreamSynchronize failed with", first.Message);
        Assert.Contains($"({code}", first.Message);
        Assert.Contains("start the program again", first.Message);

        // Every way to give it work says so, with the first fault, and none calls the driver.
        string[] log = FakeDriver.Log;
        foreach (Action work in (Action[])[
            launch.Enqueue, recording.Replay, () => recording.Select(0, false), device.Synchronize, () => device.Allocate(4, "more"),
            x.Clear, () => x.Write<int>([1]),
            () => x.View<int>().ToArray(), () => device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 2f)),
            () => device.Record([launch])])
        {
            string message = Assert.Throws<DeviceLostException>(work).Message;
            Assert.Contains("takes no more work: it was lost earlier", message);
            Assert.Contains(first.Message, message);
        }

        Assert.Equal(log, FakeDriver.Log);
        recording.Dispose();
        launch.Dispose();
        x.Dispose();
        device.Dispose();
        Assert.Equal(0, device.Memory.Current);

        // The driver's objects went with the context; a test cannot let them go otherwise.
        FakeDriver.Forget();
    }

    [FakeDriverFact]
    public void A_fault_first_seen_while_disposing_does_not_throw()
    {
        CudaDevice device = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "x"), y = device.Allocate(64, "y");
        FakeDriver.Fail("cuMemFreeAsync", 719);
        x.Dispose();
        Assert.Throws<DeviceLostException>(y.Clear);
        y.Dispose();
        device.Dispose();
        Assert.Equal(0, device.Memory.Current);
        FakeDriver.Forget();
    }

    [FakeDriverFact]
    public void A_fault_after_the_last_read_does_not_disturb_the_devices_disposal()
    {
        CudaDevice device = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "x");
        FakeDriver.Lose(700);
        device.Dispose();
        x.Dispose();
        FakeDriver.Forget();
    }

    [FakeDriverFact]
    public void A_failed_launch_that_loses_the_card_names_the_kernel()
    {
        CudaDevice device = FakeDriver.Open();
        DeviceBuffer x = device.Allocate(64, "x");
        Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        FakeDriver.Fail("cuLaunchKernel", 719);
        var error = Assert.Throws<DeviceLostException>(launch.Enqueue);
        Assert.Contains("CUDA_ERROR_LAUNCH_FAILED (719", error.Message);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(20))", error.Message);
        launch.Dispose();
        x.Dispose();
        device.Dispose();
        FakeDriver.Forget();
    }

    [FakeDriverFact]
    public void A_driver_that_is_too_old_says_which_is_needed()
    {
        FakeDriver.Set("driver", 11020);
        DeviceListing listing = DeviceCatalog.List()[2];
        Assert.Empty(listing.Devices);
        Assert.Contains("CUDA 11.2, and CUDA 11.6 is needed: install driver 510 or later", listing.Problem);
        Assert.Contains(listing.Problem!, Assert.Throws<DeviceException>(() => DeviceCatalog.Open("cuda")).Message);
    }

    [FakeDriverFact]
    public void A_driver_without_a_card_says_so()
    {
        FakeDriver.Set("devices", 0);
        DeviceListing listing = DeviceCatalog.List()[2];
        Assert.Empty(listing.Devices);
        Assert.Contains("CUDA_ERROR_NO_DEVICE", listing.Problem);
        Assert.Contains("nvidia-smi", listing.Problem);
    }

    [Fact]
    public void A_wrong_ENGINE_CUDA_is_named()
    {
        var error = Assert.Throws<DeviceException>(CudaApi.Find("/absent/libcuda.so").Load);
        Assert.Contains("ENGINE_CUDA is /absent/libcuda.so", error.Message);
    }
}

using Engine.Devices.Cuda;
using Engine.Devices.Native;
using Engine.Devices.OpenCl;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class DeviceCatalogTests
{
    private static readonly DriverLibrary AbsentOpenCl =
        new("OpenCL", "The OpenCL loader", ["libengine-absent-opencl.so.1"], "Install it.");
    private static readonly DriverLibrary AbsentCuda = new("cuda", "The CUDA driver", ["libengine-absent-cuda.so.1"], "Install that.");

    private static readonly DeviceProvider[] Absent = [new CpuProvider(), new OpenClProvider(AbsentOpenCl), new CudaProvider(AbsentCuda)];

    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    [Fact]
    public void Every_kind_is_listed_with_devices_or_the_reason_why_none()
    {
        IReadOnlyList<DeviceListing> listings = DeviceCatalog.List();
        Assert.Equal([DeviceKind.Cpu, DeviceKind.OpenCl, DeviceKind.Cuda], listings.Select(listing => listing.Kind));
        Assert.All(listings, listing => Assert.True(listing.Devices.Count > 0 || listing.Problem is { Length: > 0 }));
        foreach (DeviceInfo device in listings.SelectMany(listing => listing.Devices))
        {
            Assert.NotEmpty(device.Name);
            Assert.NotEmpty(device.Driver);
            Assert.InRange(device.MemoryBytes, 1, long.MaxValue);
            Assert.InRange(device.LargestBufferBytes, 1, device.MemoryBytes);
            Assert.InRange(device.Features.MaxGroupSize, 1, int.MaxValue);
            Assert.InRange(device.Features.SharedMemoryBytes, 1, int.MaxValue);
            Assert.InRange(device.Features.ComputeUnits, 1, int.MaxValue);
        }
    }

    [Fact]
    public void Cpu_opens_by_name_and_is_what_the_list_says()
    {
        using Device device = DeviceCatalog.Open("cpu");
        Assert.Equal(DeviceKind.Cpu, device.Kind);
        Assert.Equal(DeviceCatalog.List()[0].Devices[0], device.Info);
    }

    [OpenClFact]
    public void OpenCl_without_a_number_is_the_first()
    {
        using Device device = DeviceCatalog.Open("opencl");
        Assert.Equal("opencl:0", device.Id);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void OpenCl_devices_open_by_number_and_are_what_the_list_says(string id)
    {
        using Device device = DeviceCatalog.Open(id);
        Assert.Equal(DeviceKind.OpenCl, device.Kind);
        Assert.Contains(device.Info, DeviceCatalog.List()[1].Devices);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("CPU")]
    [InlineData("cpu:0")]
    [InlineData("opencl:")]
    [InlineData("opencl:-1")]
    [InlineData("opencl:0:1")]
    [InlineData("opencl: 0")]
    [InlineData("cuda:first")]
    [InlineData("cuda:99999999999")]
    public void An_unknown_name_is_an_error_that_lists_what_is_there(string id)
    {
        var error = Assert.Throws<DeviceException>(() => DeviceCatalog.Open(id));
        Assert.Contains($"'{id}'", error.Message);
        Assert.Contains("opencl:N", error.Message);
        Assert.Contains("cpu (managed", error.Message);
    }

    [OpenClFact]
    public void A_number_beyond_the_last_device_is_an_error_that_lists_what_is_there()
    {
        var error = Assert.Throws<DeviceException>(() => DeviceCatalog.Open("opencl:99"));
        Assert.Contains("opencl:99 is not there", error.Message);
        Assert.Contains("\n  opencl:0 (", error.Message);
    }

    [Fact]
    public void Missing_libraries_are_reasons_in_the_list_and_the_cpu_is_still_there()
    {
        IReadOnlyList<DeviceListing> listings = DeviceCatalog.List(Absent);
        Assert.Single(listings[0].Devices);
        Assert.Empty(listings[1].Devices);
        Assert.Equal("The OpenCL loader is missing: libengine-absent-opencl.so.1 could not be loaded. Install it.", listings[1].Problem);
        Assert.Empty(listings[2].Devices);
        Assert.Equal("The CUDA driver is missing: libengine-absent-cuda.so.1 could not be loaded. Install that.", listings[2].Problem);
    }

    [Theory]
    [InlineData("opencl", "The OpenCL loader is missing")]
    [InlineData("opencl:0", "The OpenCL loader is missing")]
    [InlineData("cuda", "The CUDA driver is missing")]
    [InlineData("cuda:1", "The CUDA driver is missing")]
    public void A_device_whose_library_is_missing_is_an_error_and_not_another_device(string id, string reason)
    {
        var error = Assert.Throws<DeviceException>(() => DeviceCatalog.Open(id, Absent));
        Assert.Contains($"Device {id} cannot be opened. {reason}", error.Message);
        Assert.Contains("\n  cpu (managed", error.Message);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("opencl")]
    public void Devices_without_a_library_of_products_refuse_it_and_tf32(string id)
    {
        foreach ((DeviceOptions options,
            string left) in new[] { (new DeviceOptions { Products = ProductLibrary.Vendor }, "the vendor's products"),
                (new DeviceOptions { Tf32 = true }, "TF32") })
        {
            Assert.Contains(
                $"cublasLt runs on cuda alone. Leave out {left}, or choose cuda",
                Assert.Throws<DeviceException>(() => DeviceCatalog.Open(id, options)).Message);
        }

        using Device cpu = DeviceCatalog.Open("cpu", new DeviceOptions { Products = ProductLibrary.Own });
        Assert.Equal(ProductLibrary.Own, cpu.Options.Products);
    }

    [Fact]
    public void The_real_libraries_say_what_to_do_when_they_are_missing()
    {
        foreach (DriverLibrary library in (DriverLibrary[])[OpenClApi.Library, CudaApi.Library])
        {
            DriverLibrary absent = library.WithCandidates(["libengine-absent.so"]);
            var error = Assert.Throws<DeviceException>(absent.Load);
            Assert.Contains("nstall", error.Message);
        }
    }
}

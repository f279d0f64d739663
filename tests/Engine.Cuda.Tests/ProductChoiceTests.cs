using Engine.Common;
using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Cuda.CublasLt;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Cuda.Tests;

/// <summary>Which library computes products, by what was asked for and what is there.</summary>
public sealed class ProductChoiceTests : FakeDriverTests
{
    private static CublasLtFolders Nothing { get; } = new(_ => null, Path.GetTempPath());

    [FakeDriverFact]
    public void Without_a_choice_the_library_is_used_where_it_is_found()
    {
        using Device device = DeviceCatalog.Open("cuda");
        Assert.Equal(new DeviceOptions { Products = ProductLibrary.Vendor }, device.Options);
        Assert.Equal("cublasLt 12.4.5", device.Info.Products);
        Assert.Equal("cublasLt 12.4.5", Assert.Single(DeviceCatalog.List()[2].Devices).Products);
    }

    [FakeDriverFact]
    public void Without_a_choice_kernels_do_and_say_why_where_it_is_not_found()
    {
        DeviceInfo info = CudaProducts.Choose(Older(FakeDriver.Candidate(0)), new DeviceOptions(), Nothing, out ProductLibrary chosen);
        Assert.Equal(ProductLibrary.Own, chosen);
        Assert.StartsWith(
            "Engine's kernels (cublasLt, NVIDIA's library of matrix products, is missing", info.Products, StringComparison.Ordinal);
        Assert.Contains("pip install nvidia-cublas-cu", info.Products);
    }

    [FakeDriverFact]
    public void Own_never_uses_it()
    {
        using Device device = DeviceCatalog.Open("cuda", new DeviceOptions { Products = ProductLibrary.Own });
        Assert.Equal(ProductLibrary.Own, device.Options.Products);
        Assert.Equal((0, 0), (FakeDriver.Count("handles"), device.Memory.Current));
        Assert.Equal("Engine's kernels", device.Info.Products);
    }

    [FakeDriverTheory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void What_was_asked_for_and_is_missing_is_an_error_that_says_how_to_get_it(bool vendor, bool tf32)
    {
        var options = new DeviceOptions { Products = vendor ? ProductLibrary.Vendor : null, Tf32 = tf32 };
        var error = Assert.Throws<DeviceException>(() => CudaProducts.Choose(Older(FakeDriver.Candidate(0)), options, Nothing, out _));
        Assert.Contains("could not be loaded", error.Message);
        Assert.Contains("let ENGINE_CUBLAS name its file or its folder", error.Message);
    }

    [FakeDriverFact]
    public void A_library_that_was_named_and_does_not_load_is_an_error_without_a_choice_too()
    {
        var named = new CublasLtFolders(name => name == "ENGINE_CUBLAS" ? "/absent/libcublasLt.so.12" : null, Path.GetTempPath());
        Assert.Contains(
            "ENGINE_CUBLAS is /absent",
            Assert.Throws<DeviceException>(() => CudaProducts.Choose(FakeDriver.Candidate(0), new DeviceOptions(), named, out _)).Message);
    }

    [FakeDriverTheory]
    [InlineData(110103, 12040, false)]
    [InlineData(110800, 11060, true)]
    [InlineData(120405, 11080, false)]
    [InlineData(120405, 12000, true)]
    [InlineData(130000, 12080, false)]
    [InlineData(130000, 13000, true)]
    public void A_version_serves_from_that_of_CUDA_11_6_to_the_drivers_own(int version, int driver, bool serves)
    {
        FakeDriver.SetProducts("version", version);
        FakeDriver.Set("driver", driver);
        if (serves)
        {
            using Device device = DeviceCatalog.Open("cuda", new DeviceOptions { Products = ProductLibrary.Vendor });
            Assert.Equal($"cublasLt {version / 10000}.{version / 100 % 100}.{version % 100}", device.Info.Products);
        }
        else
        {
            var error = Assert.Throws<DeviceException>(
                () => DeviceCatalog.Open("cuda", new DeviceOptions { Products = ProductLibrary.Vendor }));
            Assert.Contains($"cublasLt {version / 10000}.", error.Message);
            Assert.Contains("does not serve here", error.Message);
        }
    }

    [FakeDriverFact]
    public void A_library_that_cannot_begin_says_what_to_do_and_leaves_nothing_behind()
    {
        // The base class counts.
        FakeDriver.SetProducts("broken", 1);
        var error = Assert.Throws<DeviceException>(() => FakeDriver.OpenVendor());
        Assert.Contains(
            "cublasLtCreate failed with CUBLAS_STATUS_NOT_INITIALIZED (1, words of the fake library). Choose Engine's own products", error.Message);
    }

    [FakeDriverFact]
    public void Tf32_is_refused_without_the_library_and_on_cards_that_have_none()
    {
        Assert.Contains("leave out one of the two", Refusal(new DeviceOptions { Products = ProductLibrary.Own, Tf32 = true }));
        FakeDriver.Set("architecture", 75);
        Assert.Contains(
            "TF32 needs compute capability 8.0 or later, and cuda:0 (Fake Card A) has 7.5", Refusal(new DeviceOptions { Tf32 = true }));

        static string Refusal(DeviceOptions options) => Assert.Throws<DeviceException>(() => DeviceCatalog.Open("cuda", options)).Message;
    }

    [FakeDriverTheory]
    [InlineData(80, 4 << 20)]
    [InlineData(90, 32 << 20)]
    public void Scratch_memory_is_counted_by_its_owner(int architecture, long bytes)
    {
        FakeDriver.Set("architecture", architecture);
        using CudaDevice device = FakeDriver.OpenVendor();
        Assert.Equal((bytes, bytes), (device.Memory.ByOwner()["cublasLt"], FakeDriver.Count("bytes")));
    }

    [FakeDriverFact]
    public void A_run_is_refused_on_a_device_that_was_opened_with_other_products()
    {
        using var tiny = new Engine.Training.Tests.Running.TinyRun();
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("run", method: "plain"));
        using CudaDevice own = FakeDriver.Open();
        foreach (RunConfiguration other in (RunConfiguration[])[run with { Products = ProductLibrary.Vendor }, run with { Tf32 = true }])
        {
            Assert.Contains("run.DeviceOptions", Assert.Throws<ConfigurationException>(() => PreparedRun.Create(other, own)).Message);
        }

        PreparedRun.Create(run with { Products = ProductLibrary.Own }, own).Dispose();
        PreparedRun.Create(run, own).Dispose();
    }

    /// <summary>The card under a driver so old that no version of the library is sought for it.</summary>
    private static CudaCandidate Older(CudaCandidate card) => card with { DriverVersion = 10020 };
}

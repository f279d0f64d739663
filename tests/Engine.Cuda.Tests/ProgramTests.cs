using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Cuda.Tests;

/// <summary>From text to a loaded module: architecture, disk cache, the driver's refusals.</summary>
public sealed class ProgramTests : FakeDriverTests
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"engine-cuda-cache-{Guid.NewGuid():N}");

    [FakeDriverFact]
    public void A_variant_is_compiled_once_and_its_text_found_on_disk_later()
    {
        var first = new ProgramCache(folder);
        Bind(first, 8, 8, 16);
        Assert.Equal(["load ptx 80", "load ptx 80"], Work());
        Assert.Equal((0, 2), (first.Hits, first.Misses));

        FakeDriver.Reset();
        var second = new ProgramCache(folder);
        Bind(second, 16);
        Assert.Equal(["load ptx 80"], Work());
        Assert.Equal((1, 0, 0), (second.Hits, second.Misses, second.Rejected));
    }

    [FakeDriverTheory]
    [InlineData(61, 61)]
    [InlineData(75, 75)]
    [InlineData(80, 80)]
    [InlineData(120, 80)]
    public void A_card_gets_PTX_of_its_architecture_up_to_80_which_later_ones_share(int architecture, int target)
    {
        FakeDriver.Set("architecture", architecture);
        Bind(new ProgramCache(folder), 8);
        Assert.Equal([$"load ptx {target}"], Work());
        FakeDriver.Set("architecture", 90);
        FakeDriver.Set("driver", 12050);
        Bind(new ProgramCache(folder), 8);
        Assert.Equal(target == 80 ? 1 : 2, Directory.GetFiles(folder).Length);
    }

    [FakeDriverFact]
    public void Damaged_entries_are_compiled_again_and_replaced()
    {
        Bind(new ProgramCache(folder), 8);
        string entry = Assert.Single(Directory.GetFiles(folder));
        byte[] bytes = File.ReadAllBytes(entry);
        bytes[^1] ^= 1;
        File.WriteAllBytes(entry, bytes);
        var damaged = new ProgramCache(folder);
        Bind(damaged, 8);
        Assert.Equal((0, 1), (damaged.Hits, damaged.Rejected));
        var repaired = new ProgramCache(folder);
        Bind(repaired, 8);
        Assert.Equal((1, 0), (repaired.Hits, repaired.Rejected));
    }

    [FakeDriverFact]
    public void The_drivers_log_reaches_the_user_with_the_kernel_and_its_line_in_C_sharp()
    {
        using CudaDevice device = FakeDriver.Open(compile: TestKernels.Ptx);
        const string Log = "ptxas application ptx input, line 7; error   : Unknown symbol 'undeclared_thing'";
        FakeDriver.RefuseWith(Log);
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Broken")));
        Assert.Contains("cuModuleLoadDataEx failed with CUDA_ERROR_INVALID_PTX", error.Message);
        Assert.EndsWith($"The kernel is Tests_Broken (Broken.cs:7). The driver's log:\n{Log}", error.Message);

        // Nothing of it stays: the same device loads what comes next.
        FakeDriver.Reset();
        using Launch launch = device.Bind(TestKernels.CallOf("Tests_Fine"));
        Assert.Equal(1, FakeDriver.Count("modules"));
    }

    [FakeDriverFact]
    public void Kernels_that_are_bound_together_compile_side_by_side()
    {
        // Each compilation ends when the other has begun.
        using var both = new Barrier(2);
        using CudaDevice device = FakeDriver.Open(compile: name =>
        {
            Assert.True(both.SignalAndWait(TimeSpan.FromMinutes(1)), "The other kernel's compilation did not begin.");
            return TestKernels.Ptx(name);
        });
        List<KernelProgress> progress = [];
        device.Compiling += now =>
        {
            lock (progress)
            {
                progress.Add(now);
            }
        };
        Launch[] launches;
        using (device.BindTogether())
        {
            launches = [.. ((string[])["Tests_A", "Tests_B", "Tests_A"]).Select(name => device.Bind(TestKernels.CallOf(name)))];
        }

        Array.ForEach(launches, launch => launch.Complete());
        Assert.Equal(2, FakeDriver.Count("modules"));
        Assert.True(
            SpinWait.SpinUntil(() => Told().LastOrDefault() == new KernelProgress(2, 2), TimeSpan.FromMinutes(1)),
            "Nobody said that both were there.");
        Assert.Equal(Told().OrderBy(now => now.Compiled).ThenBy(now => now.Asked), Told());
        Array.ForEach(launches, launch => launch.Enqueue());
        device.Synchronize();
        Assert.Equal(3, FakeDriver.Launches.Length);
        Array.ForEach(launches, launch => launch.Dispose());

        KernelProgress[] Told()
        {
            lock (progress)
            {
                return [.. progress];
            }
        }
    }

    [FakeDriverFact]
    public void Who_listens_to_compilations_may_use_the_device_and_may_fail()
    {
        using CudaDevice device = FakeDriver.Open(compile: TestKernels.Ptx);
        using var told = new ManualResetEventSlim();
        device.Compiling += _ =>
        {
            device.Synchronize();
            told.Set();
            throw new IOException("the terminal is gone");
        };
        using Launch launch = device.Bind(TestKernels.CallOf("Tests_Fine"));
        Assert.True(told.Wait(TimeSpan.FromMinutes(1)));
        launch.Enqueue();
        device.Synchronize();
        Assert.Single(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void What_a_compiler_says_of_a_kernel_bound_with_others_comes_when_it_is_needed()
    {
        using CudaDevice device =
            FakeDriver.Open(compile: name => name == "Tests_Broken" ? throw new DeviceException("no such kernel") : TestKernels.Ptx(name));
        using BindingScope scope = device.BindTogether();
        using Launch broken = device.Bind(TestKernels.CallOf("Tests_Broken")), fine = device.Bind(TestKernels.CallOf("Tests_Fine"));
        fine.Complete();
        Assert.Equal("no such kernel", Assert.Throws<DeviceException>(broken.Complete).Message);
        Assert.Equal("no such kernel", Assert.Throws<DeviceException>(broken.Enqueue).Message);
        Assert.Equal("no such kernel", Assert.Throws<DeviceException>(() => device.Record([fine, broken])).Message);
        scope.Dispose();
        Assert.Equal("no such kernel", Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Broken"))).Message);
        fine.Enqueue();
        device.Synchronize();
        Assert.Single(FakeDriver.Launches);
    }

    [FakeDriverFact]
    public void A_module_the_driver_cannot_read_is_named()
    {
        FakeDriver.Fail("cuModuleLoadDataEx", 209);
        var error = Assert.Throws<DeviceException>(() => Bind(new ProgramCache(null), 8));
        Assert.Contains("CUDA_ERROR_NO_BINARY_FOR_GPU", error.Message);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs(20))", error.Message);
    }

    [FakeDriverFact]
    public void The_text_is_the_same_at_every_compilation()
    {
        string[] texts = [.. Enumerable.Range(0, 2)
            .Select(_ => IlgpuCompiler.Ptx(TestKernels.ScaledAdd, new KernelVariant([ElementType.BFloat16], [8])))];
        Assert.Equal(texts[0], texts[1]);
    }

    protected override void Dispose(bool disposing)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] Work() => [.. FakeDriver.Log.Where(line => line.StartsWith("load", StringComparison.Ordinal))];

    private static void Bind(ProgramCache cache, params int[] tiles)
    {
        using CudaDevice device = CudaDevice.Open(FakeDriver.Candidate(0), cache: cache);
        using DeviceBuffer x = device.Allocate(64, "x");
        foreach (int tile in tiles)
        {
            using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f, tile));
        }
    }
}

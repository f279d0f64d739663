using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Native;
using Engine.Devices.Programs;

namespace Engine.Cuda.Tests;

/// <summary>From text to a loaded module: architecture, disk cache, the compiler's refusals.</summary>
public sealed class ProgramTests : FakeDriverTests
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"engine-cuda-cache-{Guid.NewGuid():N}");

    [FakeDriverFact]
    public void A_variant_is_compiled_once_for_the_cards_architecture_and_found_on_disk_later()
    {
        var first = new ProgramCache(folder);
        Bind(first, 8, 8, 16);
        Assert.Equal(["compile --gpu-architecture=sm_90 --std=c++17", "load cubin 90", "compile --gpu-architecture=sm_90 --std=c++17", "load cubin 90"], Work());
        Assert.Equal((0, 2), (first.Hits, first.Misses));

        FakeDriver.Reset();
        var second = new ProgramCache(folder);
        Bind(second, 16);
        Assert.Equal(["load cubin 90"], Work());
        Assert.Equal((1, 0, 0), (second.Hits, second.Misses, second.Rejected));
    }

    [FakeDriverFact]
    public void Another_architecture_or_driver_is_another_entry()
    {
        Bind(new ProgramCache(folder), 8);
        FakeDriver.Set("architecture", 80);
        Bind(new ProgramCache(folder), 8);
        FakeDriver.Set("driver", 12050);
        Bind(new ProgramCache(folder), 8);
        Assert.Equal(3, Directory.GetFiles(folder).Length);
        Assert.Equal(["load cubin 90", "load cubin 80", "load cubin 80"], Work().Where(line => line.StartsWith("load", StringComparison.Ordinal)));
    }

    [FakeDriverFact]
    public void A_card_newer_than_the_compiler_gets_PTX_of_the_newest_architecture_it_knows()
    {
        FakeDriver.Set("architecture", 120);
        Bind(new ProgramCache(folder), 8);
        Bind(new ProgramCache(folder), 8);
        Assert.Equal(["compile --gpu-architecture=compute_90 --std=c++17", "load ptx 90", "load ptx 90"], Work());
    }

    [FakeDriverFact]
    public void A_card_older_than_the_compiler_is_an_error_that_says_what_to_do()
    {
        FakeDriver.Set("architecture", 61);
        var error = Assert.Throws<DeviceException>(() => Bind(new ProgramCache(null), 8));
        Assert.Contains("compiles for compute capability 70 and later, and the card has 61", error.Message);
        Assert.Contains("ENGINE_NVRTC", error.Message);
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
    public void An_intact_entry_that_the_driver_refuses_is_compiled_again()
    {
        Bind(new ProgramCache(folder), 8);
        string entry = Assert.Single(Directory.GetFiles(folder));
        string source = DeviceSource.Compose(TestKernels.ScaledAdd, [ElementType.Float32], [8], DeviceLanguage.Cuda);
        ProgramKey key = ProgramKey.Of(source, "sm_90 --std=c++17", "Fake Card A", "CUDA 12.4");
        Assert.Equal(key.Hex + ".program", Path.GetFileName(entry));
        new ProgramCache(folder).Store(key, "this is no program\0"u8);
        var cache = new ProgramCache(folder);
        Bind(cache, 8);
        Assert.Equal(1, cache.Rejected);
        Assert.Contains("cuModuleLoadData failed with CUDA_ERROR_INVALID_IMAGE", cache.Problem);
    }

    [FakeDriverFact]
    public void A_cached_program_needs_no_compiler_and_another_says_what_is_missing()
    {
        Bind(new ProgramCache(folder), 8);
        DriverLibrary absent = NvrtcApi.Library.WithCandidates(["libengine-absent-nvrtc.so"]);
        using CudaDevice device = CudaDevice.Open(CudaPlatform.Find(CudaApi.Library)[0], new ProgramCache(folder), absent);
        using DeviceBuffer x = device.Allocate(64, "x");
        using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f));
        launch.Enqueue();
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f, 99)));
        Assert.Contains("NVRTC, the compiler of the cuda device, is missing", error.Message);
        Assert.Contains("ENGINE_NVRTC", error.Message);
    }

    [FakeDriverFact]
    public void The_compilers_log_reaches_the_user_with_the_kernel_its_line_in_C_sharp_and_the_printed_line()
    {
        using CudaDevice device = FakeDriver.Open();
        const string Body = "KERNEL void Tests_Broken()\n{\n    undeclared_thing = 1;\n}\n";
        KernelCall call = TestKernels.CallOf("Tests_Broken", Body);
        string[] lines = DeviceSource.Compose(call.Definition, [], [], DeviceLanguage.Cuda).Split('\n');
        int wrong = 1 + Array.FindIndex(lines, line => line.Contains("undeclared_thing", StringComparison.Ordinal));
        string log = $"Tests_Broken.cu({wrong}): error: identifier \"undeclared_thing\" is undefined\n\nTests_Broken.cu({wrong}): note: again\n1 error detected in the compilation of \"Tests_Broken.cu\".\n";
        FakeDriver.RefuseWith(log);
        var error = Assert.Throws<DeviceException>(() => device.Bind(call));
        Assert.Contains("kernel Tests_Broken (Broken.cs:7)", error.Message);
        Assert.Contains("nvrtcCompileProgram failed, options --gpu-architecture=sm_90 --std=c++17. Its log:\nNVRTC_ERROR_COMPILATION (6): ", error.Message);
        Assert.Contains(log.Trim(), error.Message);
        Assert.EndsWith($"\nline {wrong}: undeclared_thing = 1;", error.Message);

        // Nothing of it stays: the same device compiles what comes next.
        FakeDriver.Reset();
        using Launch launch = device.Bind(TestKernels.CallOf("Tests_Fine", "KERNEL void Tests_Fine() { }"));
        Assert.Equal(0, FakeDriver.Count("programs"));
    }

    [FakeDriverTheory]
    [InlineData(3000, 3000, 0)]
    [InlineData(12280, 8, 0)]
    [InlineData(12281, 8, 49168)]
    [InlineData(10001, 10001, 80032)]
    public void Shared_memory_beyond_48_KiB_is_brought_by_the_launch(int left, int right, int expected)
    {
        // Each array, and their end, is padded to 16 bytes.
        KernelCall call = TestKernels.CallOf("Tests_Large", $"KERNEL void Tests_Large()\n{{\n    SHARED float left[{left}];\n    SHARED float right[{right}];\n    left[ITEM_ID] = right[0];\n}}\n");
        for (int time = 0; time < 2; time++)
        {
            // The second time from the disk cache.
            using CudaDevice device = FakeDriver.Open(cache: new ProgramCache(folder));
            using Launch launch = device.Bind(call);
            using Recording recording = device.Record([launch]);
            launch.Enqueue();
            recording.Replay();
        }

        Assert.All(FakeDriver.Launches, launch => Assert.Equal(expected, launch.SharedBytes));
        Assert.Equal(4, FakeDriver.Launches.Length);
        Assert.Equal(expected == 0 ? 1 : 2, FakeDriver.Log.Count(line => line.StartsWith("compile", StringComparison.Ordinal)));
    }

    [FakeDriverFact]
    public void Shared_memory_beyond_48_KiB_is_brought_by_the_launch_where_the_driver_assembles_the_program()
    {
        FakeDriver.Set("architecture", 120);
        KernelCall call = TestKernels.CallOf("Tests_Large", "KERNEL void Tests_Large()\n{\n    SHARED float left[20000];\n    left[ITEM_ID] = 1;\n}\n");
        using CudaDevice device = FakeDriver.Open();
        using Launch launch = device.Bind(call);
        launch.Enqueue();
        Assert.Equal(80000, Assert.Single(FakeDriver.Launches).SharedBytes);
    }

    [FakeDriverFact]
    public void Shared_memory_beyond_what_the_card_has_is_refused_with_both_numbers()
    {
        using CudaDevice device = FakeDriver.Open();
        KernelCall call = TestKernels.CallOf("Tests_Large", "KERNEL void Tests_Large()\n{\n    SHARED float left[30000];\n}\n");
        Assert.Contains("at most 101,376 bytes of shared memory, and Tests_Large (Broken.cs:7) asks for 120,000", Assert.Throws<DeviceException>(() => device.Bind(call)).Message);
    }

    [FakeDriverFact]
    public void A_module_the_driver_cannot_read_says_that_the_compiler_may_be_too_new()
    {
        FakeDriver.Fail("cuModuleLoadData", 209);
        var error = Assert.Throws<DeviceException>(() => Bind(new ProgramCache(folder), 8));
        Assert.Contains("CUDA_ERROR_NO_BINARY_FOR_GPU", error.Message);
        Assert.Contains("ENGINE_NVRTC", error.Message);
        Assert.Contains("Tests_ScaledAdd (TestKernels.cs:12)", error.Message);
        Assert.False(Directory.Exists(folder));
    }

    protected override void Dispose(bool disposing)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] Work() => [.. FakeDriver.Log.Where(line => line.StartsWith("compile", StringComparison.Ordinal) || line.StartsWith("load", StringComparison.Ordinal))];

    private static void Bind(ProgramCache cache, params int[] tiles)
    {
        using CudaDevice device = FakeDriver.Open(cache: cache);
        using DeviceBuffer x = device.Allocate(64, "x");
        foreach (int tile in tiles)
        {
            using Launch launch = device.Bind(TestKernels.Call(x.View<float>(), x.View<float>(), 1f, tile));
        }
    }
}

using Engine.Devices.Ilgpu;
using Engine.Devices.OpenCl;
using Engine.Devices.Programs;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class ProgramCacheTests : IDisposable
{
    private static readonly ProgramKey Key = ProgramKey.Of("source", "options", "device", "driver");

    private readonly string folder = Path.Combine(Path.GetTempPath(), $"engine-cache-test-{Guid.NewGuid():N}");

    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    private string EntryPath => Path.Combine(folder, Key.Hex + ".program");

    public void Dispose()
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_kept_program_is_found_again_by_another_process()
    {
        new ProgramCache(folder).Store(Key, [1, 2, 3]);
        var later = new ProgramCache(folder);
        Assert.Equal<byte>([1, 2, 3], later.Find(Key)!);
        Assert.Equal((1, 0, 0), (later.Hits, later.Misses, later.Rejected));
        Assert.Null(later.Problem);

        // No temporary file stays behind.
        Assert.Equal(EntryPath, Assert.Single(Directory.GetFiles(folder)));
    }

    [Fact]
    public void Source_options_device_and_driver_each_change_the_key()
    {
        string[] keys =
        [
            Key.Hex,
            ProgramKey.Of("source2", "options", "device", "driver").Hex,
            ProgramKey.Of("source", "options2", "device", "driver").Hex,
            ProgramKey.Of("source", "options", "device2", "driver").Hex,
            ProgramKey.Of("source", "options", "device", "driver2").Hex,
            ProgramKey.Of("sourceo", "ptions", "device", "driver").Hex,
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(Key, ProgramKey.Of("source", "options", "device", "driver"));
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed()
    {
        new ProgramCache(folder).Store(Key, [1, 2, 3]);
        byte[] good = File.ReadAllBytes(EntryPath);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 0x10;
            File.WriteAllBytes(EntryPath, bad);
            AssertRejected();
        }
    }

    [Fact]
    public void Truncated_and_lengthened_entries_are_noticed()
    {
        new ProgramCache(folder).Store(Key, [1, 2, 3]);
        byte[] good = File.ReadAllBytes(EntryPath);
        for (int length = 0; length < good.Length; length++)
        {
            File.WriteAllBytes(EntryPath, good[..length]);
            AssertRejected();
        }

        File.WriteAllBytes(EntryPath, [.. good, 0]);
        AssertRejected();
    }

    [Fact]
    public void An_entry_of_another_key_is_noticed()
    {
        ProgramKey other = ProgramKey.Of("other", "", "", "");
        new ProgramCache(folder).Store(other, [1, 2, 3]);
        File.Move(Path.Combine(folder, other.Hex + ".program"), EntryPath);
        AssertRejected();
    }

    [Fact]
    public void A_folder_in_an_entrys_place_is_noticed_and_not_fatal()
    {
        Directory.CreateDirectory(EntryPath);
        var cache = new ProgramCache(folder);
        Assert.Null(cache.Find(Key));
        Assert.Equal(1, cache.Rejected);
        cache.Store(Key, [1]);
        Assert.Contains("ENGINE_CACHE", cache.Problem);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_costs_the_entry_and_is_said()
    {
        // A file where the folder should be: no user, not even root, can write below it.
        File.WriteAllText(folder, "in the way");
        try
        {
            var cache = new ProgramCache(Path.Combine(folder, "programs"));
            Assert.Null(cache.Find(Key));
            cache.Store(Key, [1, 2, 3]);
            Assert.Contains("ENGINE_CACHE", cache.Problem);
        }
        finally
        {
            File.Delete(folder);
        }
    }

    [Fact]
    public void Without_a_folder_nothing_is_kept()
    {
        var cache = new ProgramCache(null);
        cache.Store(Key, [1, 2, 3]);
        Assert.Null(cache.Find(Key));
        Assert.Null(cache.Problem);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void The_second_device_runs_the_cached_binary(string id)
    {
        var first = new ProgramCache(folder);
        AssertKernelRuns(id, first);
        Assert.Equal((0, 2), (first.Hits, first.Misses)); // text and binary
        Assert.Null(first.Problem);

        var second = new ProgramCache(folder);
        AssertKernelRuns(id, second);
        Assert.Equal((2, 0, 0), (second.Hits, second.Misses, second.Rejected));
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Launches_of_one_variant_share_one_program(string id)
    {
        var cache = new ProgramCache(folder);
        using Device device = TestDevices.Open(id, cache);
        using DeviceBuffer buffer = device.Allocate(64, "x");
        using Launch first = device.Bind(TestKernels.CallScaledAdd(buffer.View<float>(), buffer.View<float>(), 1f));
        using Launch second = device.Bind(TestKernels.CallScaledAdd(buffer.View<float>(), buffer.View<float>(), 2f));
        Assert.Equal((0, 2), (cache.Hits, cache.Misses));
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Damaged_entries_are_rebuilt_and_replaced(string id)
    {
        AssertKernelRuns(id, new ProgramCache(folder));
        foreach (string entry in Directory.GetFiles(folder))
        {
            byte[] bytes = File.ReadAllBytes(entry);
            bytes[^1] ^= 1;
            File.WriteAllBytes(entry, bytes);
        }

        var damaged = new ProgramCache(folder);
        AssertKernelRuns(id, damaged);
        Assert.Equal((0, 2), (damaged.Hits, damaged.Rejected));

        var repaired = new ProgramCache(folder);
        AssertKernelRuns(id, repaired);
        Assert.Equal((2, 0), (repaired.Hits, repaired.Rejected));
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void An_intact_entry_that_the_driver_refuses_is_rebuilt(string id)
    {
        AssertKernelRuns(id, new ProgramCache(folder));
        string source = IlgpuCompiler.OpenCl(TestKernels.ScaledAdd, new KernelVariant([], [8]));
        using var device = (OpenClDevice)TestDevices.Open(id);
        ProgramKey key = ProgramKey.Of(source, device.BuildOptions, device.Name, device.Info.Driver);
        Assert.Contains(key.Hex + ".program", Directory.GetFiles(folder).Select(Path.GetFileName));
        new ProgramCache(folder).Store(key, "this is no program"u8);

        var cache = new ProgramCache(folder);
        AssertKernelRuns(id, cache);
        Assert.Equal(1, cache.Rejected);
        Assert.Contains("CL_", cache.Problem);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_cache_that_cannot_be_written_does_not_stop_a_kernel(string id)
    {
        File.WriteAllText(folder, "in the way");
        try
        {
            var cache = new ProgramCache(Path.Combine(folder, "programs"));
            AssertKernelRuns(id, cache);
            Assert.NotNull(cache.Problem);
        }
        finally
        {
            File.Delete(folder);
        }
    }

    private static void AssertKernelRuns(string id, ProgramCache cache)
    {
        using Device device = TestDevices.Open(id, cache);
        using DeviceBuffer x = device.Allocate(16, "x");
        using DeviceBuffer y = device.Allocate(16, "y");
        x.Write<float>([1, 2, 3, 4]);
        y.Write<float>([10, 20, 30, 40]);
        using Launch launch = device.Bind(TestKernels.CallScaledAdd(x.View<float>(), y.View<float>(), 2f));
        launch.Enqueue();
        Assert.Equal([12, 24, 36, 48], y.View<float>().ToArray());
    }

    private void AssertRejected()
    {
        var cache = new ProgramCache(folder);
        Assert.Null(cache.Find(Key));
        Assert.Equal(1, cache.Rejected);
        Assert.Contains("built again", cache.Problem);
    }
}

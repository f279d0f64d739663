using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Cuda.Tests;

/// <summary>
/// The driver of fake_cuda.c and the cublasLt of fake_cublaslt.c, built when the tests start and put in the place of the real ones by the
/// variables that users have for them. A process binds one of each, hence these tests' own process.
/// </summary>
internal static unsafe class FakeDriver
{
    private static readonly ConcurrentDictionary<string, string> Texts = new();

    private static nint library;
    private static nint products;

    /// <summary>Null where the fakes were built, else why its tests are skipped.</summary>
    public static string? Missing { get; private set; }

    public static string File { get; } = Path.Combine(AppContext.BaseDirectory, "libfake_cuda.so");

    public static string ProductsFile { get; } = Path.Combine(AppContext.BaseDirectory, "libfake_cublaslt.so");

    /// <summary>What was recorded since <see cref="Reset"/>, a call a line.</summary>
    public static string[] Log =>
        Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export("fake_log"))())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Launches and graph nodes that ran since <see cref="Reset"/>.</summary>
    public static FakeLaunch[] Launches => [.. Log.Select(FakeLaunch.Parse).OfType<FakeLaunch>()];

    /// <summary>Back to one healthy card of 2 GiB with nothing recorded.</summary>
    public static void Reset()
    {
        ((delegate* unmanaged<void>)Export("fake_reset"))();
        ((delegate* unmanaged<void>)ProductsExport("fake_lt_reset"))();
    }

    /// <summary>
    /// Changes what the fake is: devices, driver, pools, architecture, threads, memory, captures (0: each is invalidated on the way).
    /// </summary>
    public static void Set(string key, long value) =>
        WithText(key, text => ((delegate* unmanaged<nint, nint, void>)Export("fake_set"))(text, (nint)value));

    /// <summary>Changes what the fake cublasLt is: version, gelu and algorithms (1 or 0), broken.</summary>
    public static void SetProducts(string key, long value) =>
        WithText(key, text => ((delegate* unmanaged<nint, nint, void>)ProductsExport("fake_lt_set"))(text, (nint)value));

    /// <summary>The call of an entry point after <paramref name="after"/> others fails.</summary>
    public static void Fail(string entry, int code, int after = 0) =>
        WithText(entry, text => ((delegate* unmanaged<nint, int, int, void>)Export("fake_fail"))(text, code, after));

    /// <summary>A kernel faults: the next call that waits says so, and every call after it.</summary>
    public static void Lose(int code) => ((delegate* unmanaged<int, void>)Export("fake_lose"))(code);

    /// <summary>Takes every context away, and all that is in it: what the end of a process does for one that is lost.</summary>
    public static void Forget()
    {
        ((delegate* unmanaged<void>)Export("fake_forget"))();
        ((delegate* unmanaged<void>)ProductsExport("fake_lt_forget"))();
    }

    /// <summary>The driver refuses all PTX with this log.</summary>
    public static void RefuseWith(string log) =>
        WithText(log, text => ((delegate* unmanaged<nint, void>)Export("fake_compiler_log"))(text));

    /// <summary>
    /// Live objects of a kind (contexts, streams, events, blocks, host, pools, modules, graphs, executables; cublasLt's handles, products,
    /// layouts, preferences), or bytes, pool_used, pool_peak.
    /// </summary>
    public static long Count(string what)
    {
        nint count = -1;
        WithText(what, text =>
        {
            count = ((delegate* unmanaged<nint, nint>)Export("fake_count"))(text);
            count = count >= 0 ? count : ((delegate* unmanaged<nint, nint>)ProductsExport("fake_lt_count"))(text);
        });
        return count >= 0 ? count : throw new ArgumentException($"The fake driver counts no {what}.", nameof(what));
    }

    /// <summary>Live objects of every kind, for tests that end where they began.</summary>
    public static string CountAll() => string.Join(
        ", ",
        ((string[])[
            "contexts", "streams", "events", "blocks", "host", "pools", "modules", "graphs", "executables", "bytes", "pool_used", "handles",
            "products", "layouts", "preferences"])
            .Select(what => $"{what} {Count(what)}"));

    /// <summary>A device of the fake whose products are Engine's kernels; without a disk cache unless one is given.</summary>
    /// <param name="compile">Makes the PTX of a kernel of that name; null for ILGPU, once for each variant.</param>
    public static CudaDevice Open(int number = 0, ProgramCache? cache = null, Func<string, string>? compile = null) => CudaDevice.Open(
        Candidate(number), new DeviceOptions { Products = ProductLibrary.Own }, cache ?? new ProgramCache(null),
        compile is null ? Ptx : (kernel, _) => compile(kernel.Name));

    /// <summary>A device whose products are cublasLt's.</summary>
    public static CudaDevice OpenVendor(bool tf32 = false) =>
        CudaDevice.Open(Candidate(0), new DeviceOptions { Products = ProductLibrary.Vendor, Tf32 = tf32 }, new ProgramCache(null), Ptx);

    /// <summary>A card of the fake.</summary>
    public static CudaCandidate Candidate(int number) => CudaPlatform.Find(CudaApi.Library)[number];

    private static string Ptx(KernelDefinition kernel, KernelVariant variant) =>
        Texts.GetOrAdd($"{kernel.Name} {variant}", _ => IlgpuCompiler.Ptx(kernel, variant));

    [ModuleInitializer]
    internal static void Install()
    {
        Missing = OperatingSystem.IsWindows()
            ? "the fake CUDA driver is built for Unix"
            : Build(File, "fake_cuda.c") ?? Build(ProductsFile, "fake_cublaslt.c", File, "-lm", "-Wl,-rpath,$ORIGIN");
        if (Missing is null)
        {
            Environment.SetEnvironmentVariable("ENGINE_CUDA", File);
            string cache = Directory.CreateTempSubdirectory("engine-cuda-tests").FullName;
            Environment.SetEnvironmentVariable("ENGINE_CACHE", cache);
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(cache, recursive: true);
            Environment.SetEnvironmentVariable("ENGINE_CUBLAS", ProductsFile);
            library = NativeLibrary.Load(File);
            products = NativeLibrary.Load(ProductsFile);
            NativeLibrary.SetDllImportResolver(typeof(ILGPU.Context).Assembly, (name, _, _) => name == "cuda" ? library : 0);
        }
    }

    private static string? Build(string file, string source, params string[] libraries)
    {
        string[] arguments = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", file,
            Path.Combine(AppContext.BaseDirectory, source), .. libraries];
        foreach (string compiler in (string[])["clang-19", "cc"])
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true })!;
                string messages = process.StandardError.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0 ? null : throw new InvalidOperationException($"{compiler} refused {source}:\n{messages}");
            }
            catch (Win32Exception)
            {
                // Not installed; the next one may be.
            }
        }

        return "needs clang-19 (Debian package clang-19) or cc to build the fake CUDA driver";
    }

    private static nint Export(string name) => NativeLibrary.GetExport(library, name);

    private static nint ProductsExport(string name) => NativeLibrary.GetExport(products, name);

    private static void WithText(string text, Action<nint> use)
    {
        nint native = Marshal.StringToCoTaskMemUTF8(text);
        try
        {
            use(native);
        }
        finally
        {
            Marshal.FreeCoTaskMem(native);
        }
    }
}

/// <summary>A launch as the fake recorded it.</summary>
/// <param name="InGraph">A node of a graph, not a launch of its own.</param>
/// <param name="Grid">Groups, "6,1,1".</param>
/// <param name="SharedBytes">Shared memory that the launch brings.</param>
/// <param name="Arguments">A value and its width in bytes, width 0 for a pointer.</param>
internal sealed record FakeLaunch(
    bool InGraph, string Kernel, string Grid, int GroupSize, int SharedBytes, (ulong Value, int Width)[] Arguments)
{
    public static FakeLaunch? Parse(string line)
    {
        string[] parts = line.Split(' ');
        if (parts[0] is not ("launch" or "node"))
        {
            return null;
        }

        string arguments = parts[5]["args=".Length..];
        return new FakeLaunch(
            parts[0] == "node", parts[1], parts[2]["grid=".Length..], int.Parse(parts[3]["block=".Length..]),
            int.Parse(parts[4]["shared=".Length..]),
            arguments == "" ? [] : [.. arguments.Split(',').Select(Argument)]);
    }

    private static (ulong Value, int Width) Argument(string text)
    {
        Assert.False(text.StartsWith("NOWHERE", StringComparison.Ordinal), $"A kernel got a pointer to no block: {text}");
        string[] parts = text.TrimStart('*').Split(':');
        return (Convert.ToUInt64(parts[0], 16), parts.Length > 1 ? int.Parse(parts[1]) : 0);
    }
}

/// <summary>A test on the fake driver; skipped with the reason where it cannot be built.</summary>
internal sealed class FakeDriverFactAttribute : FactAttribute
{
    public FakeDriverFactAttribute() => Skip = FakeDriver.Missing;
}

/// <summary>A theory on the fake driver; skipped with the reason where it cannot be built.</summary>
internal sealed class FakeDriverTheoryAttribute : TheoryAttribute
{
    public FakeDriverTheoryAttribute() => Skip = FakeDriver.Missing;
}

/// <summary>Tests of the one fake driver run one after another; each starts from a healthy card and leaves nothing behind.</summary>
[Collection("the fake driver")]
public abstract class FakeDriverTests : IDisposable
{
    private readonly string? before;

    protected FakeDriverTests()
    {
        if (FakeDriver.Missing is null)
        {
            FakeDriver.Reset();
            before = FakeDriver.CountAll();
        }
    }

    public void Dispose()
    {
        Dispose(true);
        if (FakeDriver.Missing is null)
        {
            FakeDriver.Reset();
            Assert.Equal(before, FakeDriver.CountAll());
        }

        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }
}

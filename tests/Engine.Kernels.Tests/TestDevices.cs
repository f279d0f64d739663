using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>The devices every kernel test is stamped over, by name.</summary>
public static class TestDevices
{
    /// <summary>Two threads whatever the machine has, so that work is cut and handed over.</summary>
    private const int Threads = 2;

    /// <summary>Why there is no OpenCL device; null where there is one. <see cref="OpenClFactAttribute"/> says it aloud.</summary>
    public static string? OpenClProblem { get; } = FindOpenClProblem(ofKernels: false);

    /// <summary>The first CUDA card; null where there is none.</summary>
    private static DeviceInfo? Card { get; } =
        DeviceCatalog.List().Single(listing => listing.Kind == DeviceKind.Cuda).Devices.FirstOrDefault();

    /// <summary>Every device that is there and wanted.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Present(FindOpenClProblem(IsSuiteOfKernels)).Where(WantedDevices.Contains)];

    /// <summary>
    /// Devices of those tests of kernels by themselves that no operator's test stands in for: an OpenCL on the processor too in the long
    /// run.
    /// </summary>
    public static IReadOnlyList<string> Whole { get; } = [.. Present(OpenClProblem).Where(WantedDevices.Contains)];

    /// <summary>
    /// Why no card's products can be the vendor's; null where they can. <see cref="VendorTheoryAttribute"/> says it aloud.
    /// </summary>
    public static string? VendorProblem { get; } =
        !All.Contains("cuda")
            ? "needs a CUDA card"
            : Card!.Products.StartsWith("cublasLt", StringComparison.Ordinal) ? null : $"needs cublasLt: {Card.Products}";

    public static TheoryData<string> Names => [.. All];

    /// <summary>
    /// Devices for tests that run a model for many steps: the managed executor, some hundred times slower than the others, is held by
    /// single operators and by one step of each model.
    /// </summary>
    public static IReadOnlyList<string> Quick { get; } = [.. All.Where(name => name != "cpu-managed")];

    public static TheoryData<string> QuickNames => [.. Quick];

    /// <summary>
    /// Opens a device by its name in <see cref="Names"/>. Fresh memory, scratch of the host forms too, holds NaNs on both cpu devices.
    /// <c>cpu-matrix-units</c> is the cpu as if it had these, <c>cuda-vendor</c> the card with cublasLt's products in place of ours.
    /// </summary>
    public static Device Open(string name, int threads = Threads) => name switch
    {
        "cpu" => new CpuDevice(new CpuOptions { Threads = threads, CheckReads = true }),
        "cpu-managed" => new CpuDevice(new CpuOptions { Threads = threads, HostVectors = false, CheckReads = true }),
        "cpu-matrix-units" => new CpuDevice(new CpuOptions { Threads = threads, CheckReads = true, MatrixUnits = true }),
        "opencl" => DeviceCatalog.Open(name),
        "cuda" => DeviceCatalog.Open(name, new DeviceOptions { Products = ProductLibrary.Own }),
        "cuda-vendor" => DeviceCatalog.Open("cuda", new DeviceOptions { Products = ProductLibrary.Vendor }),
        _ => throw new ArgumentException($"There is no test device '{name}'; add it to {nameof(TestDevices)}."),
    };

    /// <summary>Each device with each of the given values.</summary>
    public static TheoryData<string, T> With<T>(params ReadOnlySpan<T> values) => With(All, values);

    /// <summary>Each device in <see cref="Quick"/> with each of the given values.</summary>
    public static TheoryData<string, T> QuickWith<T>(params ReadOnlySpan<T> values) => With(Quick, values);

    /// <summary>Each device that runs compiled kernels with each of the given values.</summary>
    public static TheoryData<string, T> WithKernels<T>(params ReadOnlySpan<T> values) =>
        With([.. All.Where(name => name != "cpu")], values);

    /// <summary>Each device in <see cref="Whole"/> that runs compiled kernels with each of the given values.</summary>
    public static TheoryData<string, T> WholeWithKernels<T>(params ReadOnlySpan<T> values) =>
        With([.. Whole.Where(name => name != "cpu")], values);

    private static IEnumerable<string> Present(string? openClProblem)
    {
        yield return "cpu";
        yield return "cpu-managed";
        if (openClProblem is null)
        {
            yield return "opencl";
        }

        if (Card is not null)
        {
            yield return "cuda";
        }
    }

    /// <summary>
    /// On the processor, LLVM compiles every kernel of every test: two thirds of all tests' time, so that only the long run does it, and
    /// not once more for kernels by themselves: every operator, and with it nearly every kernel, runs there in the long run.
    /// </summary>
    private static string? FindOpenClProblem(bool ofKernels)
    {
        DeviceListing listing = OpenCl();
        return listing.Devices.Count == 0 ? $"needs an OpenCL device: {listing.Problem}"
            : IsOnProcessor && (ofKernels || !WantedDevices.Long) && !WantedDevices.IsNamed("opencl")
                ? $"OpenCL on the processor takes long: set {(ofKernels ? "" : "ENGINE_LONG_TESTS=1, or ")}ENGINE_TEST_DEVICES=opencl"
            : null;
    }

    /// <summary>Whether this is the kernels' own suite: others compile this file too, and the suite for cards runs its tests.</summary>
    private static bool IsSuiteOfKernels => AppContext.BaseDirectory.Contains("Engine.Kernels.Tests", StringComparison.Ordinal);

    private static bool IsOnProcessor =>
        OpenCl().Devices is [{ Driver: var driver }, ..] && driver.Contains("PoCL", StringComparison.Ordinal);

    private static DeviceListing OpenCl() => DeviceCatalog.List().Single(listing => listing.Kind == DeviceKind.OpenCl);

    private static TheoryData<string, T> With<T>(IReadOnlyList<string> names, ReadOnlySpan<T> values)
    {
        var data = new TheoryData<string, T>();
        foreach (string name in names)
        {
            foreach (T value in values)
            {
                data.Add(name, value);
            }
        }

        return data;
    }
}

/// <summary>A theory on a card with cublasLt; skipped with the reason where there is none.</summary>
public sealed class VendorTheoryAttribute : TheoryAttribute
{
    public VendorTheoryAttribute() => Skip = TestDevices.VendorProblem;
}

/// <summary>A test that needs an OpenCL device; skipped with the reason where there is none.</summary>
public sealed class OpenClFactAttribute : FactAttribute
{
    public OpenClFactAttribute() => Skip = TestDevices.OpenClProblem;
}

using System.Collections.Immutable;
using System.ComponentModel;
using System.Diagnostics;
using Engine.Devices;

namespace Engine.Tests;

/// <summary>
/// Compiles printed device text with clang, without a GPU: OpenCL C for AMD targets to assembly, CUDA C++ to PTX for
/// NVIDIA. What it proves: the text is valid in its language and the back end accepts it.
/// </summary>
internal static class DeviceTextCompiler
{
    private const string Clang = "clang-19";

    /// <summary>Targets by name: AMD CDNA2 and RDNA2 from OpenCL C, NVIDIA Ampere and Hopper from CUDA C++.</summary>
    public static readonly ImmutableArray<string> Targets = ["gfx90a", "gfx1030", "sm_80", "sm_90"];

    /// <summary>Null where clang is there, else why a test is skipped.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Rows of kernel name and target for a theory.</summary>
    public static TheoryData<string, string> KernelsAndTargets(IEnumerable<KernelDefinition> kernels)
    {
        var rows = new TheoryData<string, string>();
        foreach (KernelDefinition kernel in kernels)
        {
            foreach (string target in Targets)
            {
                rows.Add(kernel.Name, target);
            }
        }

        return rows;
    }

    /// <summary>
    /// Compiles a kernel with each float storage type, constants small and large (booleans off and on). The text is the same for every target of a
    /// language, so the second target of each vendor sees float32 and the large constants alone.
    /// </summary>
    /// <returns>Null when every variant compiled, else the messages and the text of the first that did not.</returns>
    public static string? Errors(KernelDefinition definition, string target)
    {
        KernelParameter[] specialized = [.. definition.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized)];
        bool whole = target is "gfx90a" or "sm_80";
        ElementType[] storages = definition.TypeParameters.IsEmpty || !whole
            ? [ElementType.Float32]
            : [ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Int8];
        long[] levels = specialized.Length == 0 ? [0] : whole ? [1, 32] : [32];
        foreach (ElementType storage in storages)
        {
            foreach (long level in levels)
            {
                string? errors = Errors(
                    definition,
                    [.. definition.TypeParameters.Select(_ => storage)],
                    [.. specialized.Select(p => p.Type == ElementType.UInt8 ? level / 32 : level)],
                    target);
                if (errors is not null)
                {
                    return errors;
                }
            }
        }

        return null;
    }

    /// <summary>Compiles a kernel's variant for a target.</summary>
    /// <returns>Null when the text compiled, else the compiler's messages and the text with line numbers.</returns>
    private static string? Errors(KernelDefinition definition, ImmutableArray<ElementType> types, ImmutableArray<long> constants, string target)
    {
        bool cuda = target.StartsWith("sm_", StringComparison.Ordinal);
        string text = DeviceSource.Compose(definition, types, constants, cuda ? DeviceLanguage.Cuda : DeviceLanguage.OpenCl);
        string folder = Directory.CreateTempSubdirectory("device-text").FullName;
        try
        {
            string source = Path.Combine(folder, cuda ? "kernel.cu" : "kernel.cl");
            File.WriteAllText(source, cuda ? CudaDriver + text : text);
            (int code, string messages) = Run(cuda ? CudaArguments(target, folder, source) : OpenClArguments(target, folder, source));
            return code == 0 ? null : $"{definition.Name} for {target}:\n{messages}\n{Numbered(text)}";
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] OpenClArguments(string target, string folder, string source) =>
    [
        "-x", "cl", "-cl-std=CL1.2", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + target, "-nogpulib", "-Xclang", "-finclude-default-header", "-O1",
        "-Werror=implicit-function-declaration", "-S", source, "-o", Path.Combine(folder, "kernel.s"),
    ];

    private static string[] CudaArguments(string target, string folder, string source) =>
    [
        "-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "--cuda-gpu-arch=" + target, "-Xclang", "-target-feature", "-Xclang", "+ptx80", "-O1", "-S", source, "-o", Path.Combine(folder, "kernel.ptx"),
    ];

    private static (int Code, string Messages) Run(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(Clang, arguments) { RedirectStandardError = true })!;
        string messages = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, messages);
    }

    private static string Numbered(string text) => string.Join('\n', text.Split('\n').Select((line, i) => $"{i + 1,4} {line}"));

    private static string? FindMissing()
    {
        try
        {
            return Run(["--version"]).Code == 0 ? null : $"{Clang} does not run";
        }
        catch (Win32Exception)
        {
            return $"needs {Clang} (Debian package clang-19) to compile device text without a GPU";
        }
    }

    /// <summary>What NVRTC knows by itself and clang, told to include nothing, does not.</summary>
    private const string CudaDriver = """
        #define __global__ __attribute__((global))
        #define __device__ __attribute__((device))
        #define __shared__ __attribute__((shared))
        #define __forceinline__ inline __attribute__((always_inline))
        struct dim3_driver { unsigned x, y, z; };
        #define threadIdx (dim3_driver{(unsigned)__nvvm_read_ptx_sreg_tid_x(), 0, 0})
        #define blockDim (dim3_driver{(unsigned)__nvvm_read_ptx_sreg_ntid_x(), 1, 1})
        #define blockIdx (dim3_driver{(unsigned)__nvvm_read_ptx_sreg_ctaid_x(), (unsigned)__nvvm_read_ptx_sreg_ctaid_y(), (unsigned)__nvvm_read_ptx_sreg_ctaid_z()})
        #define gridDim (dim3_driver{(unsigned)__nvvm_read_ptx_sreg_nctaid_x(), (unsigned)__nvvm_read_ptx_sreg_nctaid_y(), (unsigned)__nvvm_read_ptx_sreg_nctaid_z()})
        static __device__ int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
        static __device__ unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
        static __device__ float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
        static __device__ float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
        extern "C" {
        __device__ float expf(float); __device__ float logf(float); __device__ float log2f(float); __device__ float sqrtf(float);
        __device__ float tanhf(float); __device__ float cosf(float); __device__ float sinf(float); __device__ float tanf(float);
        __device__ float atanf(float); __device__ float atan2f(float, float); __device__ float powf(float, float); __device__ float floorf(float);
        __device__ float ceilf(float); __device__ float truncf(float); __device__ float rintf(float); __device__ float fmaf(float, float, float);
        __device__ float copysignf(float, float); __device__ float fmodf(float, float); __device__ double fmod(double, double); __device__ float fabsf(float);
        }
        #define SHUFFLE_DRIVER(name, builtin, bound) \
            static __device__ int name(unsigned mask, int x, int b) { return builtin##_i32(mask, x, b, bound); } \
            static __device__ unsigned name(unsigned mask, unsigned x, int b) { return (unsigned)builtin##_i32(mask, (int)x, b, bound); } \
            static __device__ float name(unsigned mask, float x, int b) { return builtin##_f32(mask, x, b, bound); }
        SHUFFLE_DRIVER(__shfl_sync, __nvvm_shfl_sync_idx, 31)
        SHUFFLE_DRIVER(__shfl_xor_sync, __nvvm_shfl_sync_bfly, 31)
        SHUFFLE_DRIVER(__shfl_down_sync, __nvvm_shfl_sync_down, 31)
        #define ATOMIC_DRIVER(T) \
            static __device__ T atomicAdd(T* p, T v) { return __atomic_fetch_add(p, v, 0); } \
            static __device__ T atomicMax(T* p, T v) { return __atomic_fetch_max(p, v, 0); } \
            static __device__ T atomicMin(T* p, T v) { return __atomic_fetch_min(p, v, 0); } \
            static __device__ T atomicExch(T* p, T v) { return __atomic_exchange_n(p, v, 0); } \
            static __device__ T atomicCAS(T* p, T c, T v) { __atomic_compare_exchange_n(p, &c, v, 0, 0, 0); return c; }
        ATOMIC_DRIVER(int)
        ATOMIC_DRIVER(unsigned)

        """;
}

/// <summary>A theory that compiles device text with clang; skipped with a message where clang is absent.</summary>
internal sealed class ClangTheoryAttribute : TheoryAttribute
{
    public ClangTheoryAttribute() => Skip = DeviceTextCompiler.Missing;
}

using System.Collections.Immutable;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Engine.Devices;

namespace Engine.Tests;

/// <summary>
/// Compiles printed device text with clang, without a GPU: OpenCL C for AMD targets to assembly, CUDA C++ to PTX for
/// NVIDIA. What it proves: the text is valid in its language and the back end accepts it.
/// </summary>
internal static partial class DeviceTextCompiler
{
    private const string Clang = "clang-19";

    /// <summary>Targets by name: AMD CDNA2, RDNA2 and RDNA3 from OpenCL C, NVIDIA Ampere and Hopper from CUDA C++.</summary>
    public static readonly ImmutableArray<string> Targets = ["gfx90a", "gfx1030", "gfx1100", "sm_80", "sm_90"];

    /// <summary>Null where clang is there, else why a test is skipped.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Rows of kernel class and target for a theory.</summary>
    public static TheoryData<string, string> ClassesAndTargets(IEnumerable<KernelDefinition> kernels)
    {
        var rows = new TheoryData<string, string>();
        foreach (string name in kernels.Select(ClassOf).Distinct())
        {
            foreach (string target in Targets)
            {
                rows.Add(name, target);
            }
        }

        return rows;
    }

    /// <summary>
    /// Compiles the kernels of a class with each float storage type, constants small and large (booleans off and on), as one file: starting the compiler and reading
    /// the preludes would take longer than the kernels do.
    /// </summary>
    /// <returns>Null when every variant compiled, else the messages, each with its kernel's variant and line, and the text of the variants they name.</returns>
    public static string? Errors(IEnumerable<KernelDefinition> kernels, string className, string target)
    {
        (KernelDefinition Kernel, ImmutableArray<ElementType> Types, ImmutableArray<long> Constants)[] variants =
            [.. kernels.Where(kernel => ClassOf(kernel) == className).SelectMany(Variants)];
        string[] texts = [.. variants.Select(variant => DeviceSource.Compose(variant.Kernel, variant.Types, variant.Constants, Language(target)))];

        // Of preludes, the one with tiles holds all that the other does.
        string prelude = texts.Select((text, i) => text[(text.IndexOf("\n\n", StringComparison.Ordinal) + 1)..^variants[i].Kernel.Body.Length]).MaxBy(text => text.Length)!;
        var file = new StringBuilder(prelude);
        var bodies = new Dictionary<string, string>();
        for (int i = 0; i < variants.Length; i++)
        {
            string name = $"{variants[i].Kernel.Name}<{string.Join(",", variants[i].Types)}>({string.Join(",", variants[i].Constants)})";
            string[] definitions = [.. texts[i][..texts[i].IndexOf("\n\n", StringComparison.Ordinal)].Split('\n').Skip(1)];
            bodies[name] = variants[i].Kernel.Body;
            file.Append(string.Concat(definitions.Select(line => line + "\n")));
            file.Append(CultureInfo.InvariantCulture, $"#line 1 \"{name}\"\n{Renamed(variants[i].Kernel.Body, $"__{i}")}");
            file.Append(string.Concat(definitions.Select(line => $"#undef {line.Split(' ')[1]}\n")));
        }

        (int code, string messages, _) = Compile(file.ToString(), target);
        return code == 0 ? null : $"{className} for {target}:\n{messages}\n"
            + string.Concat(bodies.Where(body => messages.Contains(body.Key, StringComparison.Ordinal)).Select(body => $"{body.Key}:\n{Numbered(body.Value)}\n"));
    }

    /// <summary>The assembly of one variant; clang's messages are an exception.</summary>
    public static string Assembly(KernelDefinition kernel, ImmutableArray<ElementType> types, ImmutableArray<long> constants, string target)
    {
        (int code, string messages, string assembly) = Compile(DeviceSource.Compose(kernel, types, constants, Language(target)), target);
        return code == 0 ? assembly : throw new InvalidOperationException($"{kernel.Name} for {target}:\n{messages}");
    }

    /// <summary>OpenCL C after the preprocessor of a target.</summary>
    public static string Preprocess(string text, string target)
    {
        string folder = Directory.CreateTempSubdirectory("device-text").FullName;
        try
        {
            string source = Path.Combine(folder, "kernel.cl"), result = Path.Combine(folder, "kernel.i");
            File.WriteAllText(source, text);
            (int code, string messages) = Run(["-x", "cl", "-cl-std=CL1.2", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + target, "-nogpulib", "-E", "-P", source, "-o", result]);
            return code == 0 ? File.ReadAllText(result) : throw new InvalidOperationException(messages);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string ClassOf(KernelDefinition kernel) => kernel.Name[..kernel.Name.IndexOf('_', StringComparison.Ordinal)];

    private static DeviceLanguage Language(string target) => target.StartsWith("sm_", StringComparison.Ordinal) ? DeviceLanguage.Cuda : DeviceLanguage.OpenCl;

    private static IEnumerable<(KernelDefinition Kernel, ImmutableArray<ElementType> Types, ImmutableArray<long> Constants)> Variants(KernelDefinition kernel)
    {
        KernelParameter[] specialized = [.. kernel.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized)];
        ElementType[] storages = kernel.TypeParameters.IsEmpty ? [ElementType.Float32]
            : kernel.TileTypes.IsEmpty ? [ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Int8]
            : [ElementType.Float16, ElementType.BFloat16];
        long[] levels = specialized.Length == 0 ? [0] : [1, 32];
        return from storage in storages
               from level in levels
               select (kernel, kernel.TypeParameters.Select(_ => storage).ToImmutableArray(), specialized.Select(p => p.Type == ElementType.UInt8 ? level / 32 : level).ToImmutableArray());
    }

    /// <summary>The body with a suffix behind the name of everything it declares, so that variants stand beside each other.</summary>
    private static string Renamed(string body, string suffix)
    {
        string names = string.Join('|', Declarations().Matches(body).Select(match => match.Groups[1].Value + match.Groups[2].Value).Distinct());
        return Regex.Replace(body, $@"\b({names})\b", "$1" + suffix);
    }

    [GeneratedRegex(@"^(?:FUNCTION|KERNEL) [^(]*?(\w+)\(|^\} (\w+);", RegexOptions.Multiline)]
    private static partial Regex Declarations();

    private static (int Code, string Messages, string Assembly) Compile(string text, string target)
    {
        bool cuda = Language(target) == DeviceLanguage.Cuda;
        string folder = Directory.CreateTempSubdirectory("device-text").FullName;
        try
        {
            string source = Path.Combine(folder, cuda ? "kernel.cu" : "kernel.cl"), assembly = Path.Combine(folder, "kernel.s");
            File.WriteAllText(source, cuda ? CudaDriver + text : text);
            (int code, string messages) = Run([.. cuda ? CudaArguments(target) : OpenClArguments(target), "-O1", "-S", source, "-o", assembly]);
            return (code, messages, code == 0 ? File.ReadAllText(assembly) : string.Empty);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] OpenClArguments(string target) =>
    [
        "-x", "cl", "-cl-std=CL1.2", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + target, "-nogpulib", "-Xclang", "-finclude-default-header", "-Werror=implicit-function-declaration",
    ];

    private static string[] CudaArguments(string target) =>
    [
        "-x", "cuda", "--cuda-device-only", "-nocudainc", "-nocudalib", "--cuda-gpu-arch=" + target, "-Xclang", "-target-feature", "-Xclang", "+ptx80",
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

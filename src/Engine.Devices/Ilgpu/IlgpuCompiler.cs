using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// Compiles kernels by ILGPU's back ends, which need neither a device nor a driver. Each kernel gets a context of its own (some
/// milliseconds): after a failed compilation a context may answer nothing but errors, and the names it makes up count on from kernel to
/// kernel.
/// </summary>
internal static partial class IlgpuCompiler
{
    /// <summary>Compute capability 8.0: nothing in kernels needs what came after it, so later cards share one text.</summary>
    public const int NewestArchitecture = 80;

    /// <summary>What the oldest driver reads (CUDA 11.6), and every later one.</summary>
    private static readonly CudaInstructionSet Instructions = CudaInstructionSet.ISA_76;

    /// <summary>ILGPU's version, part of every key under which its text is kept.</summary>
    public static string Version { get; } = typeof(Context).Assembly.GetName().Version!.ToString(3);

    /// <summary>
    /// OpenCL C of a variant, for devices without 16-bit or 64-bit floats, subgroups and a generic address space. Its entry point has the
    /// kernel's name; its arguments are the views' pointers, then for each parameter in order a view's place (two 64-bit numbers: the index
    /// of its first element, and its length) or a scalar.
    /// </summary>
    /// <exception cref="DeviceException">ILGPU refuses the kernel.</exception>
    public static string OpenCl(KernelDefinition kernel, KernelVariant variant)
    {
        if (kernel.UsesShuffles)
        {
            throw new DeviceException(
                $"kernel {kernel.Name} ({kernel.Location}) uses shuffles of a warp, which ILGPU {Version} compiles for CUDA alone; "
                    + "write a form without them for OpenCL.");
        }

        return Compile(kernel, variant, (context, entry) =>
        {
            var capabilities = new CLCapabilityContext(
                float16: false, float64: false, genericAddressSpace: false, int64_Atomics: false, subGroups: false);
            using var backend = new CLBackend(context, capabilities, CLDeviceVendor.Other, CLCVersion.CL12);
            var compiled = (CLCompiledKernel)backend.Compile(entry, default);
            return Named(OpenClTiles.Mend(OpenClText.Mend(compiled.Source), compiled.Name), compiled.Name, kernel);
        });
    }

    /// <summary>
    /// PTX of a variant. Its entry point has the kernel's name; its arguments are the kernel's parameters in order, a view being a
    /// structure of its pointer and its length.
    /// </summary>
    /// <param name="architecture">Compute capability as one number, 61 for 6.1; at most <see cref="NewestArchitecture"/>.</param>
    /// <exception cref="DeviceException">ILGPU refuses the kernel.</exception>
    public static string Ptx(KernelDefinition kernel, KernelVariant variant, int architecture = NewestArchitecture) =>
        Compile(kernel, variant, (context, entry) =>
        {
            var target = new CudaArchitecture(architecture / 10, architecture % 10);
            using var backend = new PTXBackend(context, new CudaCapabilityContext(target), target, Instructions, null);
            var compiled = (PTXCompiledKernel)backend.Compile(entry, default);
            return Named(PtxText.Mend(compiled.PTXAssembly), compiled.Name, kernel);
        });

    /// <summary>
    /// The text with the kernel's name, and with the numbers in made-up names counted from 0: the same bytes at every compilation.
    /// </summary>
    private static string Named(string text, string entryPoint, KernelDefinition kernel)
    {
        Dictionary<string, string> names = [];
        Dictionary<string, int> counts = [];
        return MadeUpName().Replace(text, made =>
        {
            ref string? name = ref CollectionsMarshal.GetValueRefOrAddDefault(names, made.Value, out bool known);
            if (!known)
            {
                string kind = made.Groups[1].Value;
                name = $"{kind}{CollectionsMarshal.GetValueRefOrAddDefault(counts, kind, out _)++}";
            }

            return name!;
        }).Replace(entryPoint, kernel.Name, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\b(type_|L_|_param_)\d+")]
    private static partial Regex MadeUpName();

    private static string Compile(KernelDefinition kernel, KernelVariant variant, Func<Context, EntryPointDescription, string> compile)
    {
        MethodInfo entry = KernelEntry.Create(kernel, variant);
        using Context context =
            Context.Create(builder => KernelIntrinsics.Register(builder.Optimize(OptimizationLevel.O2).Inlining(InliningMode.Aggressive)));
        try
        {
            return compile(context, EntryPointDescription.FromExplicitlyGroupedKernel(entry));
        }
        catch (Exception exception) when (exception is InternalCompilerException or NotSupportedException or InvalidOperationException)
        {
            throw new DeviceException(
                $"ILGPU {Version} does not compile kernel {kernel.Name} "
                    + $"({kernel.Location}): {(exception.InnerException ?? exception).Message}", exception);
        }
    }
}

using System.Collections.Immutable;
using System.ComponentModel;
using System.Diagnostics;
using Engine.Devices;
using Engine.Devices.Ilgpu;

namespace Engine.Kernels.Tests;

/// <summary>
/// Compiles the OpenCL C that ILGPU makes of kernels with clang for AMD cards, without one. What it proves: the text is valid OpenCL C 1.2,
/// and the back end accepts it.
/// </summary>
internal static class DeviceTextCompiler
{
    private const string Clang = "clang-19";

    /// <summary>Cards by name: CDNA2 and RDNA3.</summary>
    private static readonly ImmutableArray<string> Targets = ["gfx90a", "gfx1100"];

    /// <summary>Null where clang is there, else why a test is skipped.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Rows of kernel and target for a theory.</summary>
    public static TheoryData<string, string> KernelsAndTargets(IEnumerable<KernelDefinition> kernels)
    {
        var rows = new TheoryData<string, string>();
        foreach (KernelDefinition kernel in kernels.Where(kernel => !kernel.UsesShuffles))
        {
            foreach (string target in Targets)
            {
                rows.Add(kernel.Name, target);
            }
        }

        return rows;
    }

    /// <summary>
    /// Compiles the kernel's sample variants: the first and the last for the first target, which between them have both storages and both
    /// sizes, and the largest for the others, which have the same front end.
    /// </summary>
    /// <returns>Null when all compiled, else the first one's messages and text.</returns>
    public static string? Errors(KernelDefinition kernel, string target)
    {
        string folder = Directory.CreateTempSubdirectory("device-text").FullName;
        try
        {
            KernelVariant[] variants = [.. kernel.SampleVariants()];
            foreach (KernelVariant variant in target == Targets[0] ? variants.Take(1).Union(variants.TakeLast(1)) : variants.Take(1))
            {
                string source = Path.Combine(folder, "kernel.cl"), text = IlgpuCompiler.OpenCl(kernel, variant);
                File.WriteAllText(source, text);
                (int code, string messages) = Run(
                [
                    "-x", "cl", "-cl-std=CL1.2", "-target", "amdgcn-amd-amdhsa", "-mcpu=" + target, "-nogpulib", "-Xclang",
                    "-finclude-default-header", "-Werror=implicit-function-declaration",
                    "-O1", "-S", source, "-o", Path.Combine(folder, "kernel.s"),
                ]);
                if (code != 0)
                {
                    return $"{kernel.Name} {variant} for {target}:\n{messages}\n{Numbered(text)}";
                }
            }

            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

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
            return $"needs {Clang} (Debian package clang-19) to compile OpenCL C without a card";
        }
    }
}

/// <summary>A theory that compiles device text with clang; skipped with a message where clang is absent.</summary>
internal sealed class ClangTheoryAttribute : TheoryAttribute
{
    public ClangTheoryAttribute() => Skip = DeviceTextCompiler.Missing;
}

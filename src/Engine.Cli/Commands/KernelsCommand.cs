using System.CommandLine;
using System.Text;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using Engine.Kernels;
using Engine.Common.Files;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine kernels</c>: the device text that ILGPU makes of the C# kernels.</summary>
internal sealed class KernelsCommand : EngineCommand
{
    private readonly Option<string> language = CommonOptions.OneOf(
        new Option<string>("--language") { Description = "opencl for OpenCL C, ptx for NVIDIA's PTX.", HelpName = "opencl|ptx", Required = true }, "opencl", "ptx");
    private readonly Option<string> output = CommonOptions.Output("Folder for one file per variant.", "FOLDER");

    public KernelsCommand(CommandHost host)
        : base(
            host,
            "kernels",
            "Writes the device text that ILGPU makes of every kernel, for samples of the storage types and constants that launches choose; no device is needed. The first line of a file says which they are.",
            "engine kernels --language ptx --output kernels")
    {
        Add(language);
        Add(output);
    }

    protected override int Run(ParseResult arguments)
    {
        bool ptx = arguments.GetRequiredValue(language) == "ptx";
        string folder = arguments.GetRequiredValue(output);
        (KernelDefinition Kernel, KernelVariant Variant, int Number)[] variants =
            [.. KernelRegistry.All.Where(kernel => ptx || !kernel.UsesShuffles).SelectMany(kernel => kernel.SampleVariants().Select((variant, i) => (kernel, variant, i + 1)))];
        foreach ((string file, string text) in variants.AsParallel().AsOrdered().Select(sample => Text(sample.Kernel, sample.Variant, sample.Number, ptx)))
        {
            AtomicFile.WriteAllBytes(Path.Combine(folder, file), Encoding.UTF8.GetBytes(text));
        }

        Host.Console.WriteLine($"{Amounts.Of(variants.Length, "text")} of {Amounts.Of(variants.Select(sample => sample.Kernel).Distinct().Count(), "kernel")} written to {folder}");
        return ExitCode.Success;
    }

    /// <summary>A variant's file name, and its text under a heading that says which it is.</summary>
    private static (string File, string Text) Text(KernelDefinition kernel, KernelVariant variant, int number, bool ptx)
    {
        string text = ptx ? IlgpuCompiler.Ptx(kernel, variant) : IlgpuCompiler.OpenCl(kernel, variant);
        return ($"{kernel.Name}.{number}{(ptx ? ".ptx" : ".cl")}", $"// {kernel.Name}{variant}: {kernel.Location}\n{text}");
    }
}

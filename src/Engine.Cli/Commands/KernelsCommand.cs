using System.CommandLine;
using System.Text;
using Engine.Cli.Console;
using Engine.Common.Files;
using Engine.Kernels;
using Engine.Training.Reports;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine kernels</c>: the device text that ILGPU makes of the C# kernels.</summary>
internal sealed class KernelsCommand : EngineCommand
{
    private readonly Option<string> language = CommonOptions.OneOf(
        new Option<string>("--language")
        {
            Description = "opencl for OpenCL C, ptx for NVIDIA's PTX.",
            HelpName = "opencl|ptx",
            Required = true,
        },
        "opencl",
        "ptx");

    private readonly Option<string> output = CommonOptions.Output("Folder for one file per variant.", "FOLDER");

    public KernelsCommand(CommandHost host)
        : base(
            host,
            "kernels",
            "Writes the device text that ILGPU makes of every kernel, for samples of the storage types and constants that launches choose; "
                + "no device is needed. The first line of a file says which they are.",
            "engine kernels --language ptx --output kernels")
    {
        Add(language);
        Add(output);
    }

    protected override int Run(ParseResult arguments)
    {
        DeviceLanguage language = Enum.Parse<DeviceLanguage>(arguments.GetRequiredValue(this.language), ignoreCase: true);
        string folder = arguments.GetRequiredValue(output);
        int texts = 0;
        HashSet<string> kernels = [];
        foreach (DeviceText text in DeviceTexts.Of(language))
        {
            AtomicFile.WriteAllBytes(Path.Combine(folder, text.FileName), Encoding.UTF8.GetBytes(text.Text));
            kernels.Add(text.Kernel);
            texts++;
        }

        Host.Console.WriteLine($"{Amounts.Of(texts, "text")} of {Amounts.Of(kernels.Count, "kernel")} written to {folder}");
        return ExitCode.Success;
    }
}

using System.CommandLine;
using System.Text;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Kernels;
using Engine.Model.Files;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine kernels</c>: the device text that the C# kernels become.</summary>
internal sealed class KernelsCommand : EngineCommand
{
    private readonly Option<string> language = CommonOptions.OneOf(
        new Option<string>("--language") { Description = "opencl for OpenCL C, cuda for CUDA C++.", HelpName = "opencl|cuda", Required = true }, "opencl", "cuda");
    private readonly Option<string> output = CommonOptions.Output("Folder for one file per kernel.", "FOLDER");

    public KernelsCommand(CommandHost host)
        : base(
            host,
            "kernels",
            "Writes the device text of every kernel, printed from C#. Storage types and constants, which a launch chooses, stand at the top as definitions that -D replaces.",
            "engine kernels --language opencl --output kernels")
    {
        Add(language);
        Add(output);
    }

    protected override int Run(ParseResult arguments)
    {
        bool cuda = arguments.GetRequiredValue(language) == "cuda";
        string folder = arguments.GetRequiredValue(output);
        foreach (KernelDefinition kernel in KernelRegistry.All)
        {
            string text = DeviceSource.ComposeOpen(kernel, cuda ? DeviceLanguage.Cuda : DeviceLanguage.OpenCl);
            AtomicFile.WriteAllBytes(Path.Combine(folder, kernel.Name + (cuda ? ".cu" : ".cl")), Encoding.UTF8.GetBytes(text));
        }

        Host.Console.WriteLine($"{Amounts.Of(KernelRegistry.All.Count, "kernel")} written to {folder}");
        return ExitCode.Success;
    }
}

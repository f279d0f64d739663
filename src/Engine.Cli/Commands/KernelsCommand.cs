using System.CommandLine;
using System.Text;
using Engine.Cli.Console;
using Engine.Common;
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

    private readonly Option<string[]> kernels = new("--kernel")
    {
        Description = "A kernel's name, such as MatMulGroups_Multiply; give it several times for several. All kernels where it is absent.",
        HelpName = "NAME",
    };

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
        Add(kernels);
        Add(output);
    }

    protected override int Run(ParseResult arguments)
    {
        DeviceLanguage language = Enum.Parse<DeviceLanguage>(arguments.GetRequiredValue(this.language), ignoreCase: true);
        string folder = arguments.GetRequiredValue(output);
        string[] names = [.. Wanted(arguments.GetValue(kernels), [.. DeviceTexts.Names(language)])];
        int texts = 0;
        foreach (DeviceText text in DeviceTexts.Of(language, names))
        {
            AtomicFile.WriteAllBytes(Path.Combine(folder, text.FileName), Encoding.UTF8.GetBytes(text.Text));
            texts++;
        }

        Host.Console.WriteLine($"{Amounts.Of(texts, "text")} of {Amounts.Of(names.Length, "kernel")} written to {folder}");
        return ExitCode.Success;
    }

    private static IEnumerable<string> Wanted(string[]? given, string[] known)
    {
        if (given is not { Length: > 0 })
        {
            return known;
        }

        foreach (string name in given.Where(name => !known.Contains(name)))
        {
            throw new ConfigurationException($"There is no kernel '{name}' in this language; {NearestName.Hint(name, known)}.");
        }

        return given.Distinct();
    }
}

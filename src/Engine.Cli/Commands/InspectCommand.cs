using System.CommandLine;
using Engine.Cli.Console;
using Engine.Cli.Inspection;
using Engine.Model;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine inspect</c>: what a file or a folder holds.</summary>
internal sealed class InspectCommand : EngineCommand
{
    private readonly Argument<string> path = new("FILE-OR-FOLDER")
    {
        Description = "A safetensors file, a model folder, a PEFT adapter folder, the folder of a run or its run file.",
    };

    public InspectCommand(CommandHost host)
        : base(
            host,
            "inspect",
            "Shows what a safetensors file, a model folder, an adapter folder or a run's folder holds.",
            "engine inspect models/tiny-roberta",
            "engine inspect runs/demo/adapter",
            "engine inspect models/tiny-roberta/model.safetensors")
    {
        Add(path);
    }

    protected override int Run(ParseResult arguments)
    {
        string target = arguments.GetRequiredValue(path);
        if (File.Exists(target) && Path.GetExtension(target) is ".yaml" or ".yml")
        {
            RunConfiguration run = RunConfiguration.Load(target);
            RunInspection.Show(run, new RunFolder(run.Output), Host.Console);
        }
        else if (File.Exists(target))
        {
            using SafetensorsFile file = SafetensorsFile.Open(target);
            FileInspection.Show(file, Host.Console);
        }
        else if (new RunFolder(target) is var run && File.Exists(run.ConfigurationPath))
        {
            RunInspection.Show(RunConfiguration.Load(run.ConfigurationPath), run, Host.Console);
        }
        else if (File.Exists(Path.Combine(target, AdapterConfig.FileName)))
        {
            using AdapterFile adapter = AdapterFile.Read(target);
            AdapterInspection.Show(adapter, Host.Console);
        }
        else if (File.Exists(Path.Combine(target, ModelConfig.FileName)))
        {
            ModelInspection.Show(ModelFolder.Open(target), Host.Console);
        }
        else
        {
            throw Directory.Exists(target)
                ? new ModelFileException(target, $"the folder has neither {ModelConfig.FileName} (a model) nor {AdapterConfig.FileName} (an adapter) nor config.yaml (a run).")
                : new ModelFileException(target, "there is no such file or folder.");
        }

        return ExitCode.Success;
    }
}

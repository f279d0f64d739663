using System.CommandLine;
using Engine.Cli.Console;
using Engine.Cli.Tables;
using Engine.Training.Inspecting;

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
            "engine inspect models/roberta-base",
            "engine inspect runs/reviews/adapter",
            "engine inspect models/roberta-base/model.safetensors")
    {
        Add(path);
    }

    protected override int Run(ParseResult arguments)
    {
        new InspectionView(Host.Console).Show(Inspection.Of(arguments.GetRequiredValue(path)));
        return ExitCode.Success;
    }
}

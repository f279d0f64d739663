using System.CommandLine;
using Engine.Cli.Console;
using Engine.Model;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine merge</c>: a base model and its adapter become one model folder.</summary>
internal sealed class MergeCommand : EngineCommand
{
    private static readonly Dictionary<string, SafetensorsType> Types = new(StringComparer.Ordinal)
    {
        ["float32"] = SafetensorsType.Float32,
        ["float16"] = SafetensorsType.Float16,
        ["bfloat16"] = SafetensorsType.BFloat16,
    };

    private readonly ModelArgument model;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string> output = CommonOptions.Output("Folder to write: configuration, weights and tokenizer; must be new or empty.", "FOLDER");
    private readonly Option<string?> dtype = CommonOptions.OneOf(
        new Option<string?>("--dtype") { Description = "float32, float16 or bfloat16 for every weight; without it as the base model stores them.", HelpName = "TYPE" }, [.. Types.Keys]);
    private readonly Option<bool> allowMissing = CommonOptions.AllowMissing();

    public MergeCommand(CommandHost host)
        : base(
            host,
            "merge",
            "Merges an adapter into its base model, W + scale B A in float32, and writes a Hugging Face folder that needs no adapter.",
            "engine merge runs/demo --output merged",
            "engine merge qwen2.5-0.5b --adapter my-adapter --output merged --dtype bfloat16")
    {
        model = new ModelArgument(this);
        Add(adapter);
        Add(output);
        Add(dtype);
        Add(allowMissing);
    }

    protected override int Run(ParseResult arguments)
    {
        string folder = arguments.GetRequiredValue(output);
        var options = new MergeOptions
        {
            StorageType = arguments.GetValue(dtype) is { } type ? Types[type] : null,
            AllowMissing = arguments.GetValue(allowMissing),
        };
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        CommonOptions.Note(trained.WriteMerged(folder, options), Host.Error);
        Host.Error.WriteLine($"merged model written to {folder}");
        return ExitCode.Success;
    }
}

using System.CommandLine;
using Engine.Cli.Console;
using Engine.Model;
using Engine.Model.Peft;
using Engine.Optim.Sharpness;
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
    private readonly Option<string> output =
        CommonOptions.Output("Folder to write: configuration, weights and tokenizer; must be new or empty.", "FOLDER");

    private readonly Option<string?> dtype = CommonOptions.OneOf(
        new Option<string?>("--dtype")
        {
            Description = "float32, float16 or bfloat16 for every weight; without it as the base model stores them.",
            HelpName = "TYPE",
        },
        [.. Types.Keys]);

    private readonly Option<bool> allowMissing = CommonOptions.AllowMissing();
    private readonly Option<double?> mitigation = CommonOptions.Number(new Option<double?>("--mitigate-intruders")
    {
        Description = "Leave this share of each intruder dimension, a leading direction of a merged weight that the base weight has not: "
            + $"what the model knew before comes back, at some cost of what it has learned ({IntruderMitigation.DefaultShare} without a "
            + "number).",
        HelpName = "SHARE",
        Arity = ArgumentArity.ZeroOrOne,
    });

    private readonly Option<bool> adapterOnly = new("--adapter-only")
    {
        Description = "With --mitigate-intruders: write the adapter, of the same rank, in place of a merged model.",
    };

    public MergeCommand(CommandHost host)
        : base(
            host,
            "merge",
            "Merges an adapter into its base model, W + scale B A in float32, and writes a Hugging Face folder that needs no adapter.",
            "engine merge runs/reviews --output merged",
            "engine merge qwen2.5-0.5b --adapter my-adapter --output merged --dtype bfloat16",
            "engine merge runs/reviews --mitigate-intruders --output merged")
    {
        model = new ModelArgument(this);
        Add(adapter);
        Add(output);
        Add(dtype);
        Add(allowMissing);
        Add(mitigation);
        Add(adapterOnly);
        mitigation.Validators.Add(result =>
        {
            if (result.GetValue(mitigation) is { } share and not (>= 0 and <= 1))
            {
                result.AddError($"--mitigate-intruders is {share}; the share that is left of an intruder is from 0 to 1.");
            }
        });
        Validators.Add(result =>
        {
            if (result.GetValue(adapterOnly) && (result.GetResult(mitigation) is null || result.GetValue(dtype) is not null))
            {
                result.AddError("--adapter-only writes the adapter that --mitigate-intruders makes, in the adapter's own type: it needs "
                    + "that option, and no --dtype.");
            }
        });
    }

    protected override int Run(ParseResult arguments)
    {
        string folder = arguments.GetRequiredValue(output);
        IntruderMitigation? intruders = arguments.GetResult(mitigation) is null
            ? null : new IntruderMitigation(arguments.GetValue(mitigation) ?? IntruderMitigation.DefaultShare);
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        if (arguments.GetValue(adapterOnly))
        {
            CommonOptions.Note(trained.WriteAdapter(folder, intruders!.Revise), Host.Error);
        }
        else
        {
            var options = new MergeOptions
            {
                StorageType = arguments.GetValue(dtype) is { } type ? Types[type] : null,
                AllowMissing = arguments.GetValue(allowMissing),
                Revision = intruders is null ? null : intruders.Revise,
            };
            CommonOptions.Note(trained.WriteMerged(folder, options), Host.Error);
        }

        if (intruders is not null)
        {
            Host.Error.WriteLine($"{intruders.Intruders} intruder dimensions in {intruders.Changed} of {intruders.Layers} layers were "
                + "shrunk");
        }

        Host.Error.WriteLine($"{(arguments.GetValue(adapterOnly) ? "adapter" : "merged model")} written to {folder}");
        return ExitCode.Success;
    }
}

using System.CommandLine;
using Engine.Cli.Console;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Execution;
using Engine.Training.Reports;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine forward</c>: one batch through a model, for comparison with another program's numbers.</summary>
internal sealed class ForwardCommand : EngineCommand
{
    private readonly ModelArgument model;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string> inputs = new("--inputs")
    {
        Description = "safetensors file with input_ids and attention_mask [rows, length], optional token_type_ids and labels (-100: "
            + "ignored).",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<string> output = CommonOptions.Output(
        "safetensors file to write: logits, hidden.N (0: embeddings, then each layer; 0 at padding), with labels loss, with --gradients "
            + "grad.NAME.",
        "FILE");

    private readonly Option<bool> gradients = new("--gradients")
    {
        Description = "Also the gradient of the loss for every trainable tensor under its checkpoint name: every parameter, or with "
            + "--adapter those the adapter trains, under PEFT's names without 'base_model.model.'.",
    };

    private readonly Option<bool> allowMissing = CommonOptions.AllowMissing();
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public ForwardCommand(CommandHost host)
        : base(
            host,
            "forward",
            "Runs one padded batch through a model in evaluation and writes what Transformers would give.",
            "engine forward roberta-base --inputs batch.safetensors --output result.safetensors",
            "engine forward roberta-base --adapter my-adapter --inputs batch.safetensors --output result.safetensors --gradients --device "
                + "opencl")
    {
        model = new ModelArgument(this);
        Add(adapter);
        Add(inputs);
        Add(output);
        Add(gradients);
        Add(allowMissing);
        Add(dtype);
        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        var options = new FolderForwardOptions
        {
            Gradients = arguments.GetValue(gradients),
            AllowMissing = arguments.GetValue(allowMissing),
            Dtype = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Dtype,
        };
        string outputPath = arguments.GetRequiredValue(output);
        var forward = new FolderForward(trained.Model, trained.Adapter, arguments.GetRequiredValue(inputs), options);
        WrittenFile.RequireApart(outputPath, forward.Files);
        using Device target = device.Open(arguments, Host);
        FolderForwardResult result = forward.Run(target);
        CommonOptions.Announce(target, Host.Error);
        CommonOptions.Note(result.Notes, Host.Error);
        PaddedForward.Save(result.Tensors, outputPath);
        Host.Error.WriteLine($"{Amounts.Of(result.Tensors.Count, "tensor")} written to {outputPath}");
        return ExitCode.Success;
    }
}

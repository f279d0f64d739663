using System.CommandLine;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine forward</c>: one batch through a model, for comparison with another program's numbers.</summary>
internal sealed class ForwardCommand : EngineCommand
{
    private readonly ModelArgument model;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string> inputs = new("--inputs")
    {
        Description = "safetensors file with input_ids and attention_mask [rows, length], optional token_type_ids and labels (-100: ignored).",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<string> output = CommonOptions.Output(
        "safetensors file to write: logits, hidden.N (0: embeddings, then each layer; 0 at padding), with labels loss, with --gradients grad.NAME.", "FILE");

    private readonly Option<bool> gradients = new("--gradients")
    {
        Description = "Also the gradient of the loss for every trainable tensor under its checkpoint name: every parameter, or with --adapter those the adapter trains, under PEFT's names without 'base_model.model.'.",
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
            "engine forward roberta-base --adapter my-adapter --inputs batch.safetensors --output result.safetensors --gradients --device opencl")
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
        ModelFolder folder = ModelFolder.Open(trained.Model);
        folder.RequireWeights();
        string inputPath = arguments.GetRequiredValue(inputs), outputPath = arguments.GetRequiredValue(output);
        string? adapterFolder = trained.Adapter;
        CommonOptions.RequireApart(
            outputPath, [inputPath, .. folder.Files.Select(name => Path.Combine(folder.FolderPath, name)), .. adapterFolder is null ? [] : new[] { Path.Combine(adapterFolder, AdapterFile.WeightsFileName) }]);
        using AdapterFile? adapterFile = adapterFolder is null ? null : AdapterFile.Read(adapterFolder);
        Architecture architecture = folder.CreateArchitecture(adapterFolder);
        Tuning.Lora? lora = adapterFile is null ? null : ModelAdapters.Tuning(architecture, adapterFile);
        bool wantGradients = arguments.GetValue(gradients);
        Tuning tuning = !wantGradients ? new Tuning.Frozen(lora) : lora is null ? new Tuning.Full() : lora;

        WeightType type = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Dtype;
        if (tuning is Tuning.Full && type is (WeightType.BFloat16 or WeightType.Float16))
        {
            throw new ArgumentException("With --gradients and without --adapter every parameter is trained, and trained parameters are float32; leave --dtype out or give an adapter.");
        }

        using SafetensorsFile inputFile = SafetensorsFile.Open(inputPath);
        PaddedBatch batch = PaddedBatch.Read(inputFile, architecture);

        using Device target = device.Open(arguments, Host, Host.Error);
        using var transformer = new TransformerModel(architecture, tuning, folder.StorageOf(type));
        transformer.Allocate(target);
        CommonOptions.Note(ModelLoading.LoadWeights(transformer, folder, seed: 0, transformer.SavedParameters.Select(saved => saved.Name)), Host.Error);
        if (adapterFile is not null)
        {
            AdapterBinding binding = ModelAdapters.Load(transformer, adapterFile, arguments.GetValue(allowMissing));
            CommonOptions.Note(ModelLoading.Notes(binding), Host.Error);
        }

        IReadOnlyList<HostTensor> results = PaddedForward.Run(target, transformer, batch, wantGradients, inputPath);
        CommonOptions.Note(Notes(batch, results), Host.Error);
        PaddedForward.Save(results, outputPath);
        Host.Error.WriteLine($"{Amounts.Of(results.Count, "tensor")} written to {outputPath}");
        return ExitCode.Success;
    }

    private static IEnumerable<string> Notes(PaddedBatch batch, IReadOnlyList<HostTensor> results)
    {
        if (batch.HasLabels && !batch.AnyLabelCounts)
        {
            yield return $"Every label is {RaggedBatch.IgnoredLabel} and ignored, so that the loss is a mean over nothing: NaN, as in PyTorch, with gradients of 0.";
        }

        foreach (HostTensor tensor in results.Where(tensor => tensor.Name == "logits"))
        {
            int broken = tensor.Values.Count(value => !float.IsFinite(value));
            if (broken > 0)
            {
                yield return $"{broken} of {tensor.Values.Length} logits are not finite; the weights, or a sum on the way, hold numbers beyond float32 or none.";
            }
        }
    }
}

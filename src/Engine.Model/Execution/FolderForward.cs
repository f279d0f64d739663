using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;

namespace Engine.Model.Execution;

/// <summary>How a batch goes through a model folder.</summary>
public sealed record FolderForwardOptions
{
    /// <summary>
    /// Whether gradients of the loss are wanted: of every parameter, or with an adapter of what the adapter trains.
    /// </summary>
    public bool Gradients { get; init; }

    /// <summary>Accept an adapter that lacks tensors, or has some without a place in the model.</summary>
    public bool AllowMissing { get; init; }

    /// <summary>How the model's matrices are stored.</summary>
    public WeightType Dtype { get; init; } = WeightType.Auto;
}

/// <summary>What came of a batch.</summary>
/// <param name="Tensors">As <see cref="PaddedForward.Run"/> has them.</param>
/// <param name="Notes">What a user should know of weights, adapter, labels and results.</param>
public sealed record FolderForwardResult(IReadOnlyList<HostTensor> Tensors, IReadOnlyList<string> Notes);

/// <summary>
/// One padded batch of a file through a Hugging Face folder, with or without an adapter, in evaluation: what Transformers would give for
/// the same batch. Folder, adapter and batch are read when this is made, before a device is needed.
/// </summary>
public sealed class FolderForward
{
    private readonly ModelFolder folder;
    private readonly string? adapter;
    private readonly string inputs;
    private readonly FolderForwardOptions options;
    private readonly Architecture architecture;
    private readonly Tuning tuning;
    private readonly PaddedBatch batch;

    /// <summary>Reads folder, adapter and batch.</summary>
    /// <param name="folder">A Hugging Face folder.</param>
    /// <param name="adapter">A PEFT folder, or null.</param>
    /// <param name="inputs">A safetensors file with <c>input_ids</c> and <c>attention_mask</c> [rows, length], optional
    /// <c>token_type_ids</c> and <c>labels</c> (-100: ignored).</param>
    /// <exception cref="Common.Files.ModelFileException">Files are missing or broken, or model and adapter do not fit.</exception>
    /// <exception cref="DataFileException">The batch is none that the model takes.</exception>
    /// <exception cref="ArgumentException">Every parameter is trained, and stored as 16 bits.</exception>
    public FolderForward(string folder, string? adapter, string inputs, FolderForwardOptions? options = null)
    {
        (this.folder, this.adapter, this.inputs, this.options) =
            (ModelFolder.Open(folder), adapter, inputs, options ?? new FolderForwardOptions());
        this.folder.RequireWeights();
        architecture = this.folder.CreateArchitecture(adapter);
        using AdapterFile? file = adapter is null ? null : AdapterFile.Read(adapter);
        Tuning.Lora? lora = file is null ? null : ModelAdapters.Tuning(architecture, file);
        tuning = !this.options.Gradients ? new Tuning.Frozen(lora) : lora is null ? new Tuning.Full() : lora;
        if (tuning is Tuning.Full && this.options.Dtype is WeightType.BFloat16 or WeightType.Float16)
        {
            throw new ArgumentException(
                "Gradients without an adapter are those of every parameter, and trained parameters are float32; leave "
                + $"{nameof(FolderForwardOptions.Dtype)} out or give an adapter.");
        }

        using SafetensorsFile input = SafetensorsFile.Open(inputs);

        // Where answers are found, Transformers' softmax is over the padding too.
        batch = PaddedBatch.Read(input, architecture, keepsPadding: architecture.Head == HeadKind.QuestionAnswering);
    }

    /// <summary>Every file that is read.</summary>
    public IEnumerable<string> Files =>
    [
        inputs,
        .. folder.Files.Select(name => Path.Combine(folder.FolderPath, name)),
        .. adapter is null ? [] : new[] { Path.Combine(adapter, AdapterFile.WeightsFileName) },
    ];

    /// <summary>Loads the model and runs the batch.</summary>
    /// <exception cref="Common.Files.ModelFileException">A parameter is in no file.</exception>
    /// <exception cref="DataFileException">An id, type, label or length that the model does not take; gradients without labels.</exception>
    public FolderForwardResult Run(Device device)
    {
        using var model = new TransformerModel(architecture, tuning, folder.StorageOf(options.Dtype));
        model.Allocate(device);
        List<string> notes = [.. ModelLoading.LoadWeights(model, folder, seed: 0, model.SavedParameters.Select(saved => saved.Name))];
        if (adapter is not null)
        {
            using AdapterFile file = AdapterFile.Read(adapter);
            notes.AddRange(ModelLoading.Notes(ModelAdapters.Load(model, file, options.AllowMissing)));
        }

        IReadOnlyList<HostTensor> tensors = PaddedForward.Run(device, model, batch, options.Gradients, inputs);
        return new FolderForwardResult(tensors, [.. notes, .. NotesOn(tensors)]);
    }

    private IEnumerable<string> NotesOn(IReadOnlyList<HostTensor> tensors)
    {
        if (batch.HasLabels && !batch.AnyLabelCounts)
        {
            yield return $"Every label is {RaggedBatch.IgnoredLabel} and ignored, so that the loss is a mean over nothing: NaN, as in "
                + "PyTorch, with gradients of 0.";
        }

        foreach (HostTensor tensor in tensors.Where(tensor => tensor.Name == "logits"))
        {
            int broken = tensor.Values.Count(value => !float.IsFinite(value));
            if (broken > 0)
            {
                yield return $"{broken} of {tensor.Values.Length} logits are not finite; the weights, or a sum on the way, hold numbers "
                    + "beyond float32 or none.";
            }
        }
    }
}

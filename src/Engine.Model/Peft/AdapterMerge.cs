using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>How a merged model is written.</summary>
public sealed record MergeOptions
{
    /// <summary>F32, F16 or BF16 for every weight; null: each as the base model stores it.</summary>
    public SafetensorsType? StorageType { get; init; }

    /// <summary>The most bytes of weights in a file.</summary>
    public long MaxShardBytes { get; init; } = CheckpointWriter.DefaultShardBytes;

    /// <summary>Accept an adapter that lacks tensors or has too many.</summary>
    public bool AllowMissing { get; init; }

    /// <summary>What changes merged weights before they are written, such as a mitigation of intruder dimensions; null: nothing.</summary>
    public WeightRevision? Revision { get; init; }
}

/// <summary>
/// Merges an adapter into the model it was trained on and writes a Hugging Face folder that needs no adapter. Works on the host, a row of a
/// weight at a time, in float32.
/// </summary>
internal static class AdapterMerge
{
    /// <summary>Writes configuration, weights and tokenizer.</summary>
    /// <param name="output">A folder that is empty or not there yet.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ModelFileException">Base and adapter do not fit, or a parameter is in neither; the message says which.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public static IReadOnlyList<string> Write(ModelFolder folder, string adapterFolder, string output, MergeOptions options)
    {
        using OutputFolder target = OpenNew(output);
        using AdapterFile adapter = AdapterFile.Read(adapterFolder);
        using Checkpoint checkpoint = folder.OpenWeights();
        Architecture architecture = folder.CreateArchitecture(adapterFolder);
        ModelAdapters.RequireMergeable(adapter);
        AdapterBinding binding = ModelAdapters.Bind(architecture, adapter, options.AllowMissing);
        Dictionary<string, LoraTensors> adapted = binding.Modules.ToDictionary(module => $"{module.Module}.weight", StringComparer.Ordinal);
        Dictionary<string, TokenTarget> tokens = TrainedTokens.Find(architecture, adapter.Config)
            .Where(trained => binding.TokenRows.ContainsKey(trained.Module))
                .ToDictionary(trained => trained.Parameter, StringComparer.Ordinal);
        CheckpointWriter writer = new(options.MaxShardBytes);
        foreach (ParameterSpec spec in architecture.Parameters)
        {
            long[] shape = ModelWeights.Longs(spec.Shape), written = spec.Transposed ? [shape[1], shape[0]] : shape;
            SafetensorsTensor? stored =
                ModelWeights.Find(checkpoint, architecture, spec.Name)?.RequireShape(ModelWeights.StoredShape(architecture, spec));
            SafetensorsType type = options.StorageType ?? StorageType(stored);
            SafetensorsTensor source = binding.SavedParameters.GetValueOrDefault(spec.Name) ?? stored ?? throw new ModelFileException(
                checkpoint.SourcePath,
                $"{spec.Name} is neither in the base model nor in the adapter {adapterFolder}; "
                    + $"a merged model needs every weight of {architecture.Name}.");
            TensorFill<float> weight = source == stored
                ? ModelWeights.Oriented(source, spec)
                : (first, destination) => source.ReadFloat32(destination, first);
            if (adapted.TryGetValue(spec.Name, out LoraTensors? tensors))
            {
                TensorFill<float> merged = new MergedWeight(weight, tensors, (float)adapter.Config.ScalingOf(tensors.Module)).Fill;
                writer.Add(type, spec.Name, written, Written(options.Revision is { } revision
                    ? new RevisedWeight(tensors.Module, weight, merged, (int)shape[0], (int)shape[1], revision).Fill
                    : merged));
            }
            else if (tokens.TryGetValue(spec.Name, out TokenTarget? rows))
            {
                writer.Add(type, spec.Name, shape, new MergedRows(weight, rows, binding.TokenRows[rows.Module]).Fill);
            }
            else if (source == stored && stored.Type == type)
            {
                writer.Copy(stored, spec.Name);
            }
            else
            {
                writer.Add(type, spec.Name, written, Written(weight));
            }

            TensorFill<float> Written(TensorFill<float> made) =>
                spec.Transposed ? new TransposedMatrix(made, (int)shape[0], (int)shape[1]).Fill : made;
        }

        target.Replace(whole =>
        {
            writer.Write(whole);
            folder.CopyTokenizer(whole, folder.TokenizerFolderOf(architecture, adapterFolder));
            folder.CopyGenerationConfig(whole);
            if (architecture.Head.MakesVectors())
            {
                folder.CopySentenceSettings(whole);
            }

            architecture.ModelConfig.WithArchitecture(architecture.Name)
                .WithStorageType(ElementTypeOf(options.StorageType ?? StorageType(checkpoint))).Write(whole);
        });
        target.Release(target.Files);
        return ModelLoading.Notes(binding);
    }

    /// <summary>Opens a folder that nothing is in yet.</summary>
    internal static OutputFolder OpenNew(string output)
    {
        OutputFolder target = OutputFolder.Open(output);
        if (!target.Others.Concat(target.Files).Any())
        {
            return target;
        }

        target.Dispose();
        throw new IOException($"{output} holds files already; the result goes to an empty or a new folder.");
    }

    private static ElementType ElementTypeOf(SafetensorsType type) => type switch
    {
        SafetensorsType.Float32 => ElementType.Float32,
        SafetensorsType.Float16 => ElementType.Float16,
        SafetensorsType.BFloat16 => ElementType.BFloat16,
        _ =>
            throw new ArgumentException(
                $"A merged model is not stored as {type.HeaderName()}; F32, F16 or BF16 was expected.", nameof(type)),
    };

    /// <summary>The type most of a model's weights have.</summary>
    private static SafetensorsType StorageType(Checkpoint checkpoint) =>
        checkpoint.Tensors.GroupBy(StorageType).MaxBy(group => group.Sum(tensor => tensor.ElementCount))!.Key;

    /// <summary>
    /// The type a changed weight is stored in: the stored one, or float32 where float32 numbers cannot be rounded to that.
    /// </summary>
    private static SafetensorsType StorageType(SafetensorsTensor? stored) =>
        stored?.Type is SafetensorsType.Float16 or SafetensorsType.BFloat16 ? stored.Type : SafetensorsType.Float32;
}

using Engine.Model.Batching;
using Engine.Model.Forms;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>
/// Collects an adapter's tensors, then writes the folder that PEFT's <c>PeftModel.from_pretrained</c> loads: <c>adapter_config.json</c> and
/// <c>adapter_model.safetensors</c>. Contents are asked for while the file is written.
/// </summary>
/// <param name="config">The configuration; its ranks are held against the tensors.</param>
/// <param name="storageType">F32, F16 or BF16.</param>
internal sealed class AdapterWriter(AdapterConfig config, SafetensorsType storageType = SafetensorsType.Float32)
{
    private readonly SafetensorsWriter weights = new();
    private readonly HashSet<string> parts = new(StringComparer.Ordinal);

    /// <summary>Adds an adapted layer.</summary>
    /// <param name="target">The layer.</param>
    /// <param name="a">Fills A [rank, in].</param>
    /// <param name="b">Fills B [out, rank].</param>
    /// <param name="magnitude">Fills DoRA's magnitudes [out]; null without DoRA.</param>
    /// <exception cref="ArgumentException">Magnitudes are given without <c>use_dora</c>, or the other way round.</exception>
    public AdapterWriter AddLora(AdapterTarget target, TensorFill<float> a, TensorFill<float> b, TensorFill<float>? magnitude = null)
    {
        if (config.UseDora != magnitude is not null)
        {
            throw new ArgumentException(
                $"'{target.Module}': magnitudes go with use_dora, which is {(config.UseDora ? "set" : "not set")}.", nameof(magnitude));
        }

        int rank = config.RankOf(target.Module);
        weights.AddFloat32As(storageType, AdapterKeys.LoraA(target.Module), [rank, target.InFeatures], a);
        weights.AddFloat32As(storageType, AdapterKeys.LoraB(target.Module), [target.OutFeatures, rank], b);
        if (magnitude is not null)
        {
            weights.AddFloat32As(storageType, AdapterKeys.Magnitude(target.Module), [target.OutFeatures], magnitude);
        }

        return this;
    }

    /// <summary>Adds a tensor of an adapter's form; one that layers share is added once.</summary>
    internal void AddPart(StoredPart part, TensorFill<float> values)
    {
        if (parts.Add(part.Name))
        {
            weights.AddFloat32As(storageType, AdapterKeys.Prefix + part.Name, ModelWeights.Longs(part.Shape), values);
        }
    }

    /// <summary>Adds a parameter that is stored in full.</summary>
    /// <param name="key">Its key in the file; null: that of a module in <c>modules_to_save</c>.</param>
    public AdapterWriter AddSaved(SavedTarget target, TensorFill<float> values, string? key = null)
    {
        weights.AddFloat32As(storageType, key ?? AdapterKeys.Saved(target.Parameter), target.Shape.ToArray(), values);
        return this;
    }

    /// <summary>Adds the rows of tokens (<c>trainable_token_indices</c>).</summary>
    /// <param name="values">Fills the rows [tokens, columns].</param>
    public AdapterWriter AddTokenRows(TokenTarget target, TensorFill<float> values)
    {
        weights.AddFloat32As(storageType, AdapterKeys.TokenRows(target.Module), [target.Indices.Count, target.Columns], values);
        return this;
    }

    /// <summary>Writes both files into <paramref name="folder"/>, each under a temporary name first.</summary>
    /// <exception cref="IOException">A file could not be written; an earlier one of that name is unchanged.</exception>
    /// <exception cref="ArgumentException">The configuration contradicts itself.</exception>
    public void Write(string folder)
    {
        config.Validate();
        weights.Write(Path.Combine(folder, AdapterFile.WeightsFileName));
        config.Write(folder);
    }
}

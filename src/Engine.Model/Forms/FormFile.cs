using Engine.Common.Files;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Model.Forms;

/// <summary>
/// Tensors of adapters' forms by their names without PEFT's prefix: beside an adapter that is written as the LoRA it equals, what training
/// goes on from; and start values that a run gives.
/// </summary>
internal static class FormFile
{
    /// <summary>The file's name in an adapter folder, where PEFT passes it over.</summary>
    public const string Name = "adapter_form.safetensors";

    /// <summary>
    /// Copies start values to a model: parts of its adapters' forms, and trained tensors, by their names. What the file does not name
    /// stays.
    /// </summary>
    /// <param name="key">The key that names the file, for messages.</param>
    /// <exception cref="ModelFileException">
    /// A tensor belongs to nothing, has another shape, or holds a number that is not finite.
    /// </exception>
    public static void Start(TransformerModel model, string path, string key)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        var started = new HashSet<string>(StringComparer.Ordinal);
        foreach ((LoraLinear layer, StoredPart part) in Parts(model).Where(entry => !entry.Part.Kept))
        {
            if (Find(part, file) is { } tensor)
            {
                part.Write(layer, Numbers(tensor, part));
                started.Add(part.Name);
            }
        }

        HashSet<Variable> adapters = [.. model.Adapters.SelectMany(layer => layer.Tensors)];
        foreach ((string name, Variable value) in model.Trainables!.Entries)
        {
            if (!adapters.Contains(value) && file.TryGet(name, out SafetensorsTensor? tensor))
            {
                value.View<float>().Write(Finite(tensor.RequireShape(ModelWeights.Longs(value.Shape))));
                started.Add(name);
            }
        }

        if (file.Tensors.FirstOrDefault(tensor => !started.Contains(tensor.Name)) is { } stranger)
        {
            throw new ModelFileException(
                path,
                $"tensor '{stranger.Name}' belongs to nothing that this run trains; "
                + $"expected tensors of the adapters such as {Parts(model).First().Part.Name}, or of the head ({key}).");
        }
    }

    /// <summary>Writes every part of the adapters' forms.</summary>
    internal static void Write(TransformerModel model, string path)
    {
        var writer = new SafetensorsWriter();
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach ((LoraLinear layer, StoredPart part) in Parts(model).Where(entry => written.Add(entry.Part.Name)))
        {
            writer.Add(part.Name, ModelWeights.Longs(part.Shape), part.Read(layer));
        }

        writer.Write(path);
    }

    /// <summary>The parts of every adapter, which are all of one form or of none.</summary>
    internal static IEnumerable<(LoraLinear Layer, StoredPart Part)> Parts(TransformerModel model) =>
        from entry in model.Adapters.Select(layer => layer.Form).FirstOrDefault()
            ?.Stored([.. model.Adapters.Select(layer => (layer.Linear, layer.Rank))]) ?? []
        from part in entry.Parts
        select (model.Adapter(entry.Linear.Module)!, part);

    internal static SafetensorsTensor? Find(StoredPart part, SafetensorsFile? file) =>
        file is not null && file.TryGet(part.Name, out SafetensorsTensor? tensor) ? tensor : null;

    internal static float[] Numbers(SafetensorsTensor tensor, StoredPart part) =>
        Finite(tensor.RequireShape(ModelWeights.Longs(part.Shape)));

    private static float[] Finite(SafetensorsTensor tensor)
    {
        float[] values = tensor.ToFloat32();
        int strange = Array.FindIndex(values, value => !float.IsFinite(value));
        return strange < 0
            ? values
            : throw new ModelFileException(
                tensor.FilePath,
                FormattableString.Invariant($"tensor '{tensor.Name}' holds {values[strange]} at element {strange}; ")
                + "finite float32 numbers were expected.");
    }
}

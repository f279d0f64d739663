using Engine.Safetensors;

namespace Engine.Training.Inspecting;

/// <summary>A safetensors file.</summary>
/// <param name="Tensors">Its tensors, names in natural order.</param>
/// <param name="Metadata">What its header says beside them.</param>
public sealed record FileInspection(IReadOnlyList<TensorEntry> Tensors, TensorTotals Totals, IReadOnlyDictionary<string, string> Metadata)
    : Inspection
{
    internal static FileInspection Of(SafetensorsFile file) => new(
        [.. file.Tensors.OrderBy(tensor => tensor.Name, NaturalOrder.Comparer).Select(TensorEntry.Of)], TensorTotals.Of(file),
        file.Metadata);
}

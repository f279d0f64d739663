using Engine.Safetensors;

namespace Engine.Training.Inspecting;

/// <summary>A tensor of a file, without its elements.</summary>
/// <param name="Shape">The sizes, outermost first.</param>
/// <param name="Bytes">What it takes in the file.</param>
public sealed record TensorEntry(string Name, SafetensorsType Type, IReadOnlyList<long> Shape, long Bytes)
{
    /// <summary>The shape as <c>[8, 32]</c>.</summary>
    public string ShapeText => $"[{string.Join(", ", Shape)}]";

    internal static TensorEntry Of(SafetensorsTensor tensor) => new(tensor.Name, tensor.Type, tensor.Shape, tensor.ByteLength);

    /// <summary>Tensors under other names than those of the file.</summary>
    internal static IReadOnlyList<TensorEntry> Of(IEnumerable<KeyValuePair<string, SafetensorsTensor>> tensors) =>
        [.. tensors.OrderBy(pair => pair.Key, NaturalOrder.Comparer).Select(pair => Of(pair.Value) with { Name = pair.Key })];
}

/// <summary>What the tensors of a file or a checkpoint come to.</summary>
/// <param name="Tensors">How many there are.</param>
/// <param name="Types">Their types, each with the number of its tensors, the most frequent first.</param>
/// <param name="Elements">Numbers in all of them.</param>
/// <param name="Bytes">What they take.</param>
public sealed record TensorTotals(int Tensors, IReadOnlyList<(SafetensorsType Type, int Tensors)> Types, long Elements, long Bytes)
{
    internal static TensorTotals Of(TensorSource source) => new(
        source.Tensors.Count,
        [.. source.Tensors.GroupBy(tensor => tensor.Type, (type, all) => (type, all.Count())).OrderByDescending(entry => entry.Item2)],
        source.Tensors.Sum(tensor => tensor.ElementCount),
        source.TotalBytes);
}

using Engine.Cli.Console;
using Engine.Safetensors;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>Shows a safetensors file.</summary>
internal static class FileInspection
{
    public static void Show(SafetensorsFile file, IAnsiConsole console)
    {
        FittingTable table = Tables.Create("tensor", "type", "shape", ">bytes");
        foreach (SafetensorsTensor tensor in file.Tensors.OrderBy(tensor => tensor.Name, NaturalOrder.Comparer))
        {
            table.Row(tensor.Name, tensor.Type.HeaderName(), Shape(tensor), tensor.ByteLength.ToString("N0"));
        }

        console.Write(table);
        Grid facts = Tables.Facts();
        facts.Fact("tensors", Summary(file));
        foreach ((string key, string value) in file.Metadata)
        {
            facts.Fact($"metadata {key}", value);
        }

        console.Write(facts);
    }

    /// <summary>How many tensors of which types and how many bytes.</summary>
    public static string Summary(TensorSource source)
    {
        IEnumerable<string> types = source.Tensors.GroupBy(tensor => tensor.Type).OrderByDescending(group => group.Count()).Select(group => $"{group.Count()} {group.Key.HeaderName()}");
        return $"{source.Tensors.Count} ({string.Join(", ", types)}), {Amounts.Count(source.Tensors.Sum(tensor => tensor.ElementCount))} elements, {Amounts.Bytes(source.TotalBytes)}";
    }

    public static string Shape(SafetensorsTensor tensor) => $"[{string.Join(", ", tensor.Shape)}]";
}

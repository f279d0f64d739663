using System.Diagnostics.CodeAnalysis;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>Named tensors that can be read: one safetensors file or a checkpoint of several.</summary>
public abstract class TensorSource : IDisposable
{
    private readonly Dictionary<string, SafetensorsTensor> byName = new(StringComparer.Ordinal);
    private readonly List<SafetensorsTensor> tensors = [];

    private protected TensorSource(string path)
    {
        SourcePath = path;
    }

    /// <summary>The file or folder, as it was given.</summary>
    public string SourcePath { get; }

    /// <summary>All tensors, in the order in which they lie in the file or files.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => tensors;

    /// <summary>The size of all tensors in bytes.</summary>
    public long TotalBytes => tensors.Sum(tensor => tensor.ByteLength);

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelFileException">There is none; the message names some that end alike.</exception>
    public SafetensorsTensor this[string name] => TryGet(name, out SafetensorsTensor? tensor)
        ? tensor
        : throw new ModelFileException(SourcePath, $"tensor '{name}' is missing{Similar(name)}");

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool Contains(string name) => byName.ContainsKey(name);

    /// <summary>Finds a tensor by name.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => byName.TryGetValue(name, out tensor);

    /// <summary>Releases the mapped file or files; their tensors cannot be read afterwards.</summary>
    public abstract void Dispose();

    private protected bool TryAdd(SafetensorsTensor tensor)
    {
        if (!byName.TryAdd(tensor.Name, tensor))
        {
            return false;
        }

        tensors.Add(tensor);
        return true;
    }

    private string Similar(string name)
    {
        const int Shown = 4;
        string tail = name[(name.LastIndexOf('.', Math.Max(0, name.LastIndexOf('.') - 1)) + 1)..];
        string[] alike = tensors.Select(tensor => tensor.Name).Where(other => other.EndsWith(tail, StringComparison.Ordinal)).ToArray();
        if (alike.Length > 0)
        {
            return $"; present are for instance {string.Join(", ", alike.Take(Shown))}.";
        }

        return tensors.Count == 0
            ? "; there are no tensors at all."
            : $" among {tensors.Count}; the first are {string.Join(", ", tensors.Take(Shown).Select(tensor => tensor.Name))}.";
    }
}

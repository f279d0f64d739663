using Engine.Safetensors;

namespace Engine.Optim.Tests;

/// <summary>A golden's start values as the file that a method's <c>init</c> names; deleted with this object.</summary>
/// <param name="prefix">What their names begin with in the golden.</param>
/// <param name="renamed">What they begin with in the file instead.</param>
internal sealed class StartFile(string prefix, string renamed = "") : IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");

    /// <summary>Writes it and returns its path.</summary>
    public string Write(SafetensorsFile golden)
    {
        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in golden.Tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            writer.Add($"{renamed}{tensor.Name[prefix.Length..]}", [.. tensor.Shape], tensor.ToFloat32());
        }

        writer.Write(path);
        return path;
    }

    public void Dispose() => File.Delete(path);
}

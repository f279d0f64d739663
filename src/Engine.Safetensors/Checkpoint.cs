using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>
/// The weights of a Hugging Face model folder: <c>model.safetensors</c>, or the shards that <c>model.safetensors.index.json</c> lists.
/// </summary>
public sealed class Checkpoint : TensorSource
{
    /// <summary>The name of an unsharded weight file.</summary>
    public const string SingleFileName = "model.safetensors";

    /// <summary>The name of the index of a sharded checkpoint.</summary>
    public const string IndexFileName = "model.safetensors.index.json";

    private readonly List<SafetensorsFile> files = [];

    private Checkpoint(string path)
        : base(path)
    {
    }

    /// <summary>The open files, by name.</summary>
    public IReadOnlyList<SafetensorsFile> Files => files;

    /// <summary>Opens a folder (the single file wins where an index lies beside it, as in Transformers) or one safetensors file.</summary>
    /// <exception cref="ModelFileException">
    /// No weights are there, a shard is missing or damaged, or the shards hold other tensors than the index says.
    /// </exception>
    public static Checkpoint Open(string path)
    {
        Checkpoint checkpoint = new(path);
        try
        {
            checkpoint.OpenFiles();
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (SafetensorsFile file in files)
        {
            file.Dispose();
        }
    }

    private void OpenFiles()
    {
        string single = Path.Combine(SourcePath, SingleFileName);
        string index = Path.Combine(SourcePath, IndexFileName);
        if (File.Exists(SourcePath))
        {
            AddFile(SourcePath);
        }
        else if (File.Exists(single))
        {
            AddFile(single);
        }
        else if (File.Exists(index))
        {
            AddShards(SafetensorsIndex.Read(index));
        }
        else
        {
            throw new ModelFileException(
                SourcePath, Directory.Exists(SourcePath) ? MissingIn(SourcePath) : "there is no such file or folder.");
        }
    }

    private void AddShards(SafetensorsIndex index)
    {
        foreach (string shard in index.ShardNames)
        {
            string path = Path.Combine(SourcePath, shard);
            if (!File.Exists(path))
            {
                throw new ModelFileException(
                    index.FilePath,
                    $"it names the shard {shard}, which is not in the folder ({MissingShards(index)}); "
                        + "get every file that the index names.");
            }

            AddFile(path);
        }

        foreach ((string name, string shard) in index.WeightMap)
        {
            if (!TryGet(name, out SafetensorsTensor? tensor))
            {
                throw new ModelFileException(index.FilePath, $"tensor '{name}' should be in {shard}, but no shard holds it.");
            }

            string found = Path.GetFileName(tensor.FilePath);
            if (found != shard)
            {
                throw new ModelFileException(index.FilePath, $"tensor '{name}' should be in {shard}, but it is in {found}.");
            }
        }
    }

    private string MissingShards(SafetensorsIndex index) =>
        $"{index.ShardNames.Count(shard => !File.Exists(Path.Combine(SourcePath, shard)))} of its {index.ShardNames.Count} are missing";

    private void AddFile(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        files.Add(file);
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            if (!TryAdd(tensor))
            {
                throw new ModelFileException(
                    path,
                    $"tensor '{tensor.Name}' is also in {Path.GetFileName(this[tensor.Name].FilePath)}; each tensor belongs in one shard.");
            }
        }
    }

    /// <summary>What a folder without weights holds in their place, as a sentence.</summary>
    internal static string MissingIn(string folder) => OtherWeights.Missing(folder, SingleFileName, IndexFileName, "Transformers");
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>
/// The index of a sharded checkpoint (<c>model.safetensors.index.json</c>): which file of the same folder holds which tensor.
/// </summary>
public sealed class SafetensorsIndex
{
    private const long MaxBytes = 100_000_000;

    private SafetensorsIndex(string path, Dictionary<string, string> weightMap)
    {
        FilePath = path;
        WeightMap = weightMap;
        ShardNames = weightMap.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
    }

    /// <summary>The index file.</summary>
    public string FilePath { get; }

    /// <summary>The shard's file name by tensor name.</summary>
    public IReadOnlyDictionary<string, string> WeightMap { get; }

    /// <summary>The names of all shards, sorted.</summary>
    public IReadOnlyList<string> ShardNames { get; }

    /// <summary>Reads and checks an index. Shard names must be plain names of safetensors files.</summary>
    /// <exception cref="ModelFileException">The file is missing, no index, or names a shard outside its folder.</exception>
    public static SafetensorsIndex Read(string path)
    {
        JsonObject root = JsonFile.ReadObject(path, MaxBytes);
        if (root["weight_map"] is not JsonObject map)
        {
            throw new ModelFileException(path, "the key 'weight_map' is missing or no object; it should give each tensor's file.");
        }

        Dictionary<string, string> weightMap = new(StringComparer.Ordinal);
        foreach ((string tensor, JsonNode? node) in map)
        {
            if (node is null || node.GetValueKind() != JsonValueKind.String)
            {
                throw new ModelFileException(path, $"weight_map of tensor '{tensor}' is no string; a file name was expected.");
            }

            weightMap.Add(tensor, CheckedShardName(path, tensor, node.GetValue<string>()));
        }

        return new SafetensorsIndex(path, weightMap);
    }

    private static string CheckedShardName(string path, string tensor, string shard)
    {
        bool plain = shard.EndsWith(".safetensors", StringComparison.Ordinal)
            && !shard.StartsWith('.')
            && !shard.Contains("..", StringComparison.Ordinal)
            && shard.AsSpan().IndexOfAny("/\\:\0") < 0;
        return plain ? shard : throw new ModelFileException(
            path, $"weight_map of tensor '{tensor}' is '{shard}'; the plain name of a .safetensors file in the same folder was expected.");
    }
}

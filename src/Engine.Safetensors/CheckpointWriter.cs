using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>
/// Collects the tensors of a model, then writes them as Hugging Face does: one file, or, where that would be too large, shards with their
/// index. Tensors stay in the order in which they were added, a shard being full before the next begins.
/// </summary>
/// <param name="maxShardBytes">The most bytes of tensors in a file; a tensor that is larger has a shard of its own.</param>
public sealed class CheckpointWriter(long maxShardBytes = CheckpointWriter.DefaultShardBytes)
{
    /// <summary>What Hugging Face's library takes by default: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    private readonly List<(string Name, long Bytes, Action<SafetensorsWriter> Add)> tensors = [];

    /// <summary>Adds an unchanged copy of a tensor of an open file under another name.</summary>
    public void Copy(SafetensorsTensor tensor, string name) => tensors.Add((name, tensor.ByteLength, writer => writer.Copy(tensor, name)));

    /// <summary>Adds float32 numbers to be stored as <paramref name="type"/>: F32, F16 or BF16.</summary>
    public void Add(SafetensorsType type, string name, long[] shape, TensorFill<float> fill)
    {
        long elements = shape.Aggregate(1L, (product, size) => checked(product * size));
        tensors.Add((name, checked(elements * type.Bits() / 8), writer => writer.AddFloat32As(type, name, shape, fill)));
    }

    /// <summary>Writes the files; the index comes last.</summary>
    /// <exception cref="IOException">A file could not be written.</exception>
    public void Write(string folder)
    {
        List<List<(string Name, long Bytes, Action<SafetensorsWriter> Add)>> shards = [[]];
        long filled = 0;
        foreach ((string Name, long Bytes, Action<SafetensorsWriter> Add) tensor in tensors)
        {
            if (shards[^1].Count > 0 && filled + tensor.Bytes > maxShardBytes)
            {
                shards.Add([]);
                filled = 0;
            }

            shards[^1].Add(tensor);
            filled += tensor.Bytes;
        }

        JsonObject weightMap = [];
        for (int i = 0; i < shards.Count; i++)
        {
            string file = shards.Count == 1 ? Checkpoint.SingleFileName : $"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors";
            SafetensorsWriter writer = new();
            foreach ((string name, _, Action<SafetensorsWriter> add) in shards[i])
            {
                add(writer);
                weightMap[name] = file;
            }

            writer.Write(Path.Combine(folder, file));
        }

        if (shards.Count > 1)
        {
            JsonFile.WriteObject(Path.Combine(folder, Checkpoint.IndexFileName), new JsonObject
            {
                ["metadata"] = new JsonObject { ["total_size"] = tensors.Sum(tensor => tensor.Bytes) },
                ["weight_map"] = weightMap,
            });
        }
    }
}

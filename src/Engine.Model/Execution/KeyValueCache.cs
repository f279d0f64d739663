using Engine.Devices;
using Engine.Graph;

namespace Engine.Model.Execution;

/// <summary>
/// Keys and values of tokens that have gone through a decoder, so that each is computed once. Row r of the batch owns places r * capacity
/// to (r + 1) * capacity - 1 of every layer's matrices; the place in the row is the token's position. What lies behind a row's length is
/// never read: attention is causal.
/// </summary>
internal sealed class KeyValueCache(int rows, int capacity) : IDisposable
{
    private readonly StorageBlock block = new("key/value cache");
    private readonly List<(Variable Keys, Variable Values)> layers = [];
    private bool allocated;

    /// <summary>Texts that run side by side.</summary>
    public int Rows => rows;

    /// <summary>Tokens each text may have.</summary>
    public int Capacity => capacity;

    /// <summary>Bytes on the device; known once a graph has been built over the cache.</summary>
    public long Bytes => block.Bytes;

    /// <summary>A layer's keys and values, [rows * capacity, columns] each; reserved when the first graph asks for them.</summary>
    /// <param name="layer">Attention layers count from 0 in the order in which the model has them.</param>
    /// <param name="columns">Key/value heads times head size.</param>
    internal (Variable Keys, Variable Values) Layer(int layer, int columns)
    {
        if (layer == layers.Count)
        {
            var shape = new Shape(checked(rows * capacity), columns);
            layers.Add((block.Reserve($"keys.{layer}", shape), block.Reserve($"values.{layer}", shape)));
        }

        (Variable Keys, Variable Values) found = layers[layer];
        return found.Keys.Shape.Columns == columns
            ? found
            : throw new ArgumentException(
                $"The cache's layer {layer} has rows of {found.Keys.Shape.Columns} elements, and the model's keys have {columns}: "
                    + "a cache serves one architecture.");
    }

    /// <summary>Takes device memory, once.</summary>
    internal void Allocate(Device device)
    {
        if (!allocated)
        {
            block.Allocate(device);
            allocated = true;
        }
    }

    public void Dispose() => block.Dispose();
}

/// <summary>What the attention of a decoding graph reads and writes.</summary>
/// <param name="Cache">Where keys and values stay.</param>
/// <param name="Places">The cache's row of each token, int32 [tokens]; -1 in the dead tail.</param>
/// <param name="KeyStart">The first place of each row, int32 [rows + 1].</param>
internal sealed record CachedAttention(KeyValueCache Cache, Tensor Places, Tensor KeyStart);

namespace Engine.Kernels;

/// <summary>
/// Biases of attention that depend on how far a key lies from its query, learned for buckets of distances (Raffel et al. 2020, arXiv
/// 1910.10683, section 2.1): bias[h, i, j] = table[bucket of j - i, h].
/// </summary>
public static class RelativeBiases
{
    /// <summary>
    /// The buckets of the distances key - query from 1 - <paramref name="length"/> to <paramref name="length"/> - 1, as Transformers
    /// computes them in float32: near distances have one each, farther ones share them on a logarithmic scale, and the last holds all from
    /// <paramref name="maxDistance"/> on. int32 [2 length - 1].
    /// </summary>
    /// <param name="length">Tokens of the longest text.</param>
    /// <param name="count">Buckets.</param>
    /// <param name="maxDistance">The distance from which on all share a bucket.</param>
    /// <param name="bidirectional">Keys behind the query have the second half of the buckets; else all of them are in bucket 0.</param>
    /// <exception cref="ArgumentException">There are too few buckets, or a distance for each.</exception>
    public static int[] Buckets(int length, int count, int maxDistance, bool bidirectional)
    {
        int side = bidirectional ? count / 2 : count, exact = side / 2;
        if (length < 1 || exact < 1 || maxDistance <= exact)
        {
            throw new ArgumentException(
                $"{count} buckets of {length} positions up to a distance of {maxDistance}: at least one position, two buckets of each "
                    + "direction, and a distance beyond those that have a bucket each were expected.");
        }

        float perBucket = (float)Math.Log(maxDistance / (double)exact);
        return [.. Enumerable.Range(1 - length, (2 * length) - 1).Select(Bucket)];

        int Bucket(int distance)
        {
            int before = bidirectional ? Math.Abs(distance) : Math.Max(-distance, 0);
            int bucket = before < exact
                ? before
                : Math.Min(exact + (int)(MathF.Log((float)before / exact) / perBucket * (side - exact)), side - 1);
            return bidirectional && distance > 0 ? side + bucket : bucket;
        }
    }

    /// <summary>bias [heads, queries, keys] of a table [buckets, heads].</summary>
    /// <param name="buckets">What <see cref="Buckets"/> makes, of a length that queries and keys do not exceed.</param>
    public static Launch Forward(
        Device device, int heads, int queries, int keys, WeightView table, BufferView<int> buckets, BufferView<float> bias)
    {
        int middle = Middle(queries, keys, buckets);
        Operand.Require(bias, (long)heads * queries * keys);
        return table.Type switch
        {
            ElementType.Float32 => Bind(table.As<float>()),
            ElementType.Float16 => Bind(table.As<Half>()),
            _ => Bind(table.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => device is CpuDevice { Features.HostVectors: true } cpu
                ? new RelativeBiasHost<TStored>(cpu, heads, queries, keys, middle, stored, buckets, bias)
                : RelativeBiasKernels.ForwardKernel.Bind(
                    device, LaunchShapes.Elements(device, (long)heads * queries * keys), stored, buckets, bias, heads, queries, keys,
                    middle);
    }

    /// <summary>
    /// dTable[b, h] += the sum of dBias[h, i, j] over the distances j - i of bucket b, which lie side by side; in a fixed order.
    /// </summary>
    public static Launch Gradient(
        Device device, int heads, int queries, int keys, int tableRows, BufferView<int> buckets, BufferView<float> dBias,
        BufferView<float> dTable)
    {
        int middle = Middle(queries, keys, buckets);
        Operand.Require(dBias, (long)heads * queries * keys);
        Operand.Require(dTable, (long)tableRows * heads);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new RelativeBiasGradientHost(cpu, heads, queries, keys, middle, buckets, dBias, dTable);
        }

        int groupSize = LaunchShapes.RowGroup(device, queries);
        return RelativeBiasKernels.GradientKernel.Bind(
            device, new LaunchShape(tableRows, heads, 1, groupSize), buckets, dBias, dTable, heads, queries, keys, middle, groupSize)
            .AlsoMoves(sizeof(float) * (long)tableRows * heads);
    }

    /// <summary>The place of distance 0.</summary>
    private static int Middle(int queries, int keys, BufferView<int> buckets)
    {
        int length = Math.Max(queries, keys);
        Operand.Require(buckets, (2L * length) - 1);
        return checked((int)(buckets.Length / 2));
    }
}

using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>Buckets of distances, and biases that are looked up by them.</summary>
public sealed class RelativeBiasTests
{
    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>Of three queries and two keys, from the tests of TensorFlow's model garden (position_embedding_test.py).</summary>
    [Theory]
    [InlineData(true, new[] { 0, 17, 1, 0, 2, 1 })]
    [InlineData(false, new[] { 0, 0, 1, 0, 2, 1 })]
    public void Buckets_are_those_of_a_published_test(bool bidirectional, int[] expected)
    {
        int[] buckets = RelativeBiases.Buckets(3, 32, 128, bidirectional);
        Assert.Equal(expected, from query in Enumerable.Range(0, 3) from key in Enumerable.Range(0, 2) select buckets[2 + key - query]);
    }

    /// <summary>
    /// The bucket's first distance is 8 * 16^(b / 8), in one direction 16 * 8^(b / 16): 16, 32 and 64 are such distances themselves, which
    /// float32 must not put one bucket too low.
    /// </summary>
    [Theory]
    [InlineData(true, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91 })]
    [InlineData(false, new[]
    {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113,
    })]
    public void Buckets_begin_at_powers(bool bidirectional, int[] first)
    {
        const int length = 300;
        int[] buckets = RelativeBiases.Buckets(length, 32, 128, bidirectional);
        foreach (int distance in Enumerable.Range(0, length))
        {
            int bucket = first.Count(start => start <= distance) - 1;
            Assert.Equal(bucket, buckets[length - 1 - distance]);
            Assert.Equal(distance == 0 ? 0 : bidirectional ? 16 + bucket : 0, buckets[length - 1 + distance]);
        }
    }

    [Theory]
    [InlineData(0, 32, 128)]
    [InlineData(5, 3, 128)]
    [InlineData(5, 32, 8)]
    public void Buckets_that_cannot_be_are_refused(int length, int count, int maxDistance) =>
        Assert.Throws<ArgumentException>(() => RelativeBiases.Buckets(length, count, maxDistance, bidirectional: true));

    /// <summary>A bias of queries and keys of other numbers, by a longer table of distances, from tables of every storage.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Biases_are_rows_of_the_table(string name)
    {
        const int heads = 3, queries = 19, keys = 40;
        float[] table = Numbers.Values(1, 32 * heads);
        int[] buckets = RelativeBiases.Buckets(50, 32, 128, true);
        foreach (ElementType type in (ElementType[])[ElementType.Float32, ElementType.Float16, ElementType.BFloat16])
        {
            using var run = new KernelRun(TestDevices.Open(name));
            BufferView<float> bias = run.Output(heads * queries * keys);
            run.Run([RelativeBiases.Forward(
                run.Device, heads, queries, keys, run.PutStored(type, table), run.Put(buckets), bias)]);
            Assert.Equal(
                from head in Enumerable.Range(0, heads)
                from query in Enumerable.Range(0, queries)
                from key in Enumerable.Range(0, keys)
                select StoredWeights.Rounded(type, table[(buckets[49 + key - query] * heads) + head]),
                bias.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradients_add_the_distances_of_a_bucket(string name)
    {
        foreach ((int queries, int keys, bool bidirectional) in
            ((int, int, bool)[])[(70, 40, true), (9, 300, true), (300, 300, false), (1, 1, true)])
        {
            const int heads = 2, rows = 33;
            int length = Math.Max(queries, keys);
            int[] buckets = RelativeBiases.Buckets(length, 32, 128, bidirectional);
            float[] dBias = Numbers.Values(1, heads * queries * keys), before = Numbers.Values(2, rows * heads);
            double[] expected = before.Double();
            for (int i = 0; i < dBias.Length; i++)
            {
                int distance = (i % keys) - (i / keys % queries);
                expected[(buckets[length - 1 + distance] * heads) + (i / keys / queries)] += dBias[i];
            }

            using var run = new KernelRun(TestDevices.Open(name));
            BufferView<float> dTable = run.Put(before);
            run.Run([RelativeBiases.Gradient(run.Device, heads, queries, keys, rows, run.Put(buckets), run.Put(dBias), dTable)]);

            // Up to 300 rows of up to 300 numbers below 1: sums within 300, of which float32 loses 6e-8 a step, in 600 steps at random.
            Numbers.Near(expected, dTable.ToArray(), 1e-5, 5e-4);
        }
    }
}

namespace Engine.Kernels;

/// <summary>Biases of attention by the distance of a key from its query.</summary>
internal static partial class RelativeBiasKernels
{
    /// <summary>One item an element of the bias.</summary>
    [Kernel]
    public static void Forward<TStored>(
        ArrayView<TStored> table, ArrayView<int> buckets, ArrayView<float> bias, int heads, int queries, int keys, int middle)
        where TStored : unmanaged
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < (long)heads * queries * keys)
        {
            long row = i / keys;
            int distance = (int)(i % keys) - (int)(row % queries);
            bias[i] = Storage.Load(table, ((long)buckets[middle + distance] * heads) + (row / queries));
        }
    }

    /// <summary>
    /// One group a bucket (x) of a head (y). Its distances lie side by side, so that an item adds up runs of neighbours in the rows that it
    /// has.
    /// </summary>
    [Kernel]
    public static void Gradient(
        ArrayView<int> buckets, ArrayView<float> dBias, ArrayView<float> dTable, int heads, int queries, int keys, int middle,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int bucket = Grid.IdxX;
        int head = Grid.IdxY;
        int first = 1 - queries;
        while (first < keys && buckets[middle + first] != bucket)
        {
            first++;
        }

        int end = first;
        while (end < keys && buckets[middle + end] == bucket)
        {
            end++;
        }

        float sum = 0f;
        for (int query = Group.IdxX; query < queries; query += groupSize)
        {
            long row = (((long)head * queries) + query) * keys;
            int last = Math.Min(query + end, keys);
            float run = 0f;
            for (int key = Math.Max(query + first, 0); key < last; key++)
            {
                run += dBias[row + key];
            }

            sum += run;
        }

        sum = GroupReductions.Sum(tile, sum, groupSize);
        if (Group.IdxX == 0)
        {
            dTable[((long)bucket * heads) + head] += sum;
        }
    }
}

namespace Engine.Kernels;

/// <summary>Embedding tables.</summary>
internal static partial class EmbeddingsKernels
{
    /// <summary>One group a token: its row of the table, written or added.</summary>
    [Kernel]
    public static void Forward<TStored>(
        ArrayView<TStored> table, ArrayView<int> ids, ArrayView<float> y, int columns, [Specialize] bool accumulate)
        where TStored : unmanaged
    {
        int token = Grid.IdxX;
        for (int j = Group.IdxX; j < columns; j += Group.DimX)
        {
            long at = ((long)token * columns) + j;
            float value = Storage.Load(table, ((long)ids[token] * columns) + j);
            y[at] = accumulate ? y[at] + value : value;
        }
    }

    /// <summary>
    /// One group a token: the first token of an id adds up all tokens of it, in their order; the groups of the others
    /// have nothing to do. Ids are compared tokens^2 times, by broadcast reads.
    /// </summary>
    [Kernel]
    public static void Gradient(ArrayView<int> ids, ArrayView<float> dy, ArrayView<float> dTable, int tokens, int columns, int paddingId)
    {
        int first = Grid.IdxX;
        int id = ids[first];
        bool mine = id != paddingId;
        for (int token = 0; token < first && mine; token++)
        {
            mine = ids[token] != id;
        }

        if (mine)
        {
            for (int j = Group.IdxX; j < columns; j += Group.DimX)
            {
                float sum = dTable[((long)id * columns) + j];
                for (int token = first; token < tokens; token++)
                {
                    if (ids[token] == id)
                    {
                        sum += dy[((long)token * columns) + j];
                    }
                }

                dTable[((long)id * columns) + j] = sum;
            }
        }
    }
}

namespace Engine.Kernels;

/// <summary>Rows by index, one group a row.</summary>
internal static partial class RowSelectionKernels
{
    /// <summary>y[i] = x[index[i]], zeros for -1.</summary>
    [Kernel]
    public static void Gather(ArrayView<float> x, ArrayView<int> index, ArrayView<float> y, int columns)
    {
        int from = index[Grid.IdxX];
        for (int j = Group.IdxX; j < columns; j += Group.DimX)
        {
            float value = 0f;
            if (from >= 0)
            {
                value = x[((long)from * columns) + j];
            }

            y[((long)Grid.IdxX * columns) + j] = value;
        }
    }

    /// <summary>y[index[i]] = x[i]; rows of index -1 go nowhere.</summary>
    [Kernel]
    public static void Write<TStored>(ArrayView<float> x, ArrayView<int> index, ArrayView<TStored> y, int columns)
        where TStored : unmanaged
    {
        int to = index[Grid.IdxX];
        if (to >= 0)
        {
            for (int j = Group.IdxX; j < columns; j += Group.DimX)
            {
                Storage.Store(y, ((long)to * columns) + j, x[((long)Grid.IdxX * columns) + j]);
            }
        }
    }

    /// <summary>y[:, j] = x[:, index[j]].</summary>
    [Kernel]
    public static void GatherColumns(ArrayView<float> x, ArrayView<int> index, ArrayView<float> y, int columns, int count)
    {
        for (int j = Group.IdxX; j < count; j += Group.DimX)
        {
            y[((long)Grid.IdxX * count) + j] = x[((long)Grid.IdxX * columns) + index[j]];
        }
    }
}

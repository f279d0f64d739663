namespace Engine.Kernels;

/// <summary>Sums in a fixed order: every item adds a few terms, a tree adds the items.</summary>
internal static partial class ReductionsKernels
{
    /// <summary>One group for each termsPerItem * groupSize elements: workspace[group] = the sum of their squares.</summary>
    [Kernel]
    public static void SquaredNormChunks(
        ArrayView<float> x, ArrayView<float> workspace, long count, [Specialize] int termsPerItem, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        long first = (long)Grid.IdxX * termsPerItem * groupSize;
        float squares = 0f;
        for (int term = 0; term < termsPerItem; term++)
        {
            long i = first + (term * groupSize) + Group.IdxX;
            if (i < count)
            {
                squares += x[i] * x[i];
            }
        }

        float sum = GroupReductions.Sum(tile, squares, groupSize);
        if (Group.IdxX == 0)
        {
            workspace[Grid.IdxX] = sum;
        }
    }

    /// <summary>One group: result[0] = the sum of count terms.</summary>
    [Kernel]
    public static void Total(ArrayView<float> terms, ArrayView<float> result, int count, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float part = 0f;
        for (int i = Group.IdxX; i < count; i += groupSize)
        {
            part += terms[i];
        }

        float sum = GroupReductions.Sum(tile, part, groupSize);
        if (Group.IdxX == 0)
        {
            result[0] = sum;
        }
    }

    /// <summary>One item: the norm and the clipping factor.</summary>
    [Kernel]
    public static void ClipFactor(ArrayView<float> square, ArrayView<float> norm, ArrayView<float> clip, float maxNorm)
    {
        float length = MathF.Sqrt(square[0]);
        norm[0] = length;
        float factor = maxNorm == 0f ? 1f : MathF.Min(1f, maxNorm / (length + Reductions.ClipEpsilon));
        clip[0] = length <= float.MaxValue ? factor : float.NaN;
    }

    /// <summary>One group a row: result[row] = the sum of its squares.</summary>
    [Kernel]
    public static void RowSquaredNorms<TStored>(
        ArrayView<TStored> x, ArrayView<float> result, int columns, [Specialize] int termsPerItem, [Specialize] int groupSize)
        where TStored : unmanaged
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        long offset = (long)Grid.IdxX * columns;
        float squares = 0f;
        for (int block = Group.IdxX; block < columns; block += termsPerItem * groupSize)
        {
            int end = Math.Min(columns, block + (termsPerItem * groupSize));
            float part = 0f;
            for (int j = block; j < end; j += groupSize)
            {
                float value = Storage.Load(x, offset + j);
                part += value * value;
            }

            squares += part;
        }

        float sum = GroupReductions.Sum(tile, squares, groupSize);
        if (Group.IdxX == 0)
        {
            result[Grid.IdxX] = sum;
        }
    }

    /// <summary>One item for each column (x) and chunk of rows (y): workspace [chunks, columns] receives the chunk's sum.</summary>
    [Kernel]
    public static void ColumnSumChunks(ArrayView<float> x, ArrayView<float> workspace, int rows, int columns, [Specialize] int rowsPerChunk)
    {
        int column = (Grid.IdxX * Group.DimX) + Group.IdxX;
        int first = Grid.IdxY * rowsPerChunk;
        int last = Math.Min(rows, first + rowsPerChunk);
        if (column < columns)
        {
            float sum = 0f;
            for (int row = first; row < last; row++)
            {
                sum += x[((long)row * columns) + column];
            }

            workspace[((long)Grid.IdxY * columns) + column] = sum;
        }
    }

    /// <summary>As <see cref="ColumnSumChunks"/>, of x y.</summary>
    [Kernel]
    public static void ColumnDotChunks(
        ArrayView<float> x, ArrayView<float> y, ArrayView<float> workspace, int rows, int columns, [Specialize] int rowsPerChunk)
    {
        int column = (Grid.IdxX * Group.DimX) + Group.IdxX;
        int first = Grid.IdxY * rowsPerChunk;
        int last = Math.Min(rows, first + rowsPerChunk);
        if (column < columns)
        {
            float sum = 0f;
            for (int row = first; row < last; row++)
            {
                long at = ((long)row * columns) + column;
                sum += x[at] * y[at];
            }

            workspace[((long)Grid.IdxY * columns) + column] = sum;
        }
    }

    /// <summary>One item a column: result[j] += the sum of the chunks' sums, in their order.</summary>
    [Kernel]
    public static void AddChunks(ArrayView<float> workspace, ArrayView<float> result, int chunks, int columns)
    {
        int column = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (column < columns)
        {
            float sum = 0f;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                sum += workspace[((long)chunk * columns) + column];
            }

            result[column] += sum;
        }
    }
}

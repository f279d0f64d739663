namespace Engine.Kernels;

/// <summary>Root mean square normalization, one group a row.</summary>
internal static partial class RmsNormKernels
{
    /// <summary>y = x inverseRms weight, or with <paramref name="oneMore"/> x inverseRms (1 + weight).</summary>
    [Kernel]
    public static void Forward(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y, ArrayView<float> inverseRms, int columns, float epsilon,
        [Specialize] bool oneMore, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        long offset = (long)Grid.IdxX * columns;
        float squares = 0f;
        for (int j = item; j < columns; j += groupSize)
        {
            squares = KernelMath.FusedMultiplyAdd(x[offset + j], x[offset + j], squares);
        }

        float scale = 1f / MathF.Sqrt((GroupReductions.Sum(tile, squares, groupSize) / columns) + epsilon);
        for (int j = item; j < columns; j += groupSize)
        {
            y[offset + j] = x[offset + j] * scale * Weight(weight[j], oneMore);
        }

        if (item == 0)
        {
            inverseRms[Grid.IdxX] = scale;
        }
    }

    /// <summary>With n = x inverseRms and g = dy weight (or dy (1 + weight)): dx = inverseRms (g - n mean(g n)) [+ addend].</summary>
    [Kernel]
    public static void Backward(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> inverseRms, ArrayView<float> dy, ArrayView<float> addend,
        ArrayView<float> dx,
        int columns, [Specialize] bool withAddend, [Specialize] bool oneMore, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        long offset = (long)Grid.IdxX * columns;
        float scale = inverseRms[Grid.IdxX];
        float product = 0f;
        for (int j = item; j < columns; j += groupSize)
        {
            product += dy[offset + j] * Weight(weight[j], oneMore) * (x[offset + j] * scale);
        }

        float meanProduct = GroupReductions.Sum(tile, product, groupSize) / columns;
        for (int j = item; j < columns; j += groupSize)
        {
            float result = ((dy[offset + j] * Weight(weight[j], oneMore)) - (x[offset + j] * scale * meanProduct)) * scale;
            if (withAddend)
            {
                result += addend[offset + j];
            }

            dx[offset + j] = result;
        }
    }

    /// <summary>
    /// One item for each column (x) and chunk of rows (y): workspace [chunks, columns] receives the sums of dy x inverseRms.
    /// </summary>
    [Kernel]
    public static void ParameterGradientChunks(
        ArrayView<float> x, ArrayView<float> inverseRms, ArrayView<float> dy, ArrayView<float> workspace, int rows, int columns,
        [Specialize] int rowsPerChunk)
    {
        int column = (Grid.IdxX * Group.DimX) + Group.IdxX;
        int first = Grid.IdxY * rowsPerChunk;
        int last = Math.Min(rows, first + rowsPerChunk);
        if (column < columns)
        {
            float sum = 0f;
            for (int row = first; row < last; row++)
            {
                sum += x[((long)row * columns) + column] * inverseRms[row] * dy[((long)row * columns) + column];
            }

            workspace[((long)Grid.IdxY * columns) + column] = sum;
        }
    }

    private static float Weight(float weight, [Specialize] bool oneMore) => oneMore ? 1f + weight : weight;
}

namespace Engine.Kernels;

/// <summary>Layer normalization, one group a row.</summary>
internal static partial class LayerNormKernels
{
    /// <summary>y = (x - mean) inverseDeviation weight [+ bias].</summary>
    [Kernel]
    public static void Forward(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> y, ArrayView<float> mean,
        ArrayView<float> inverseDeviation,
        int columns, float epsilon, [Specialize] bool withBias, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        long offset = (long)Grid.IdxX * columns;
        float sum = 0f;
        for (int j = item; j < columns; j += groupSize)
        {
            sum += x[offset + j];
        }

        float center = GroupReductions.Sum(tile, sum, groupSize) / columns;
        float squares = 0f;
        for (int j = item; j < columns; j += groupSize)
        {
            float difference = x[offset + j] - center;
            squares += difference * difference;
        }

        float scale = 1f / MathF.Sqrt((GroupReductions.Sum(tile, squares, groupSize) / columns) + epsilon);
        for (int j = item; j < columns; j += groupSize)
        {
            float normal = (x[offset + j] - center) * scale;
            y[offset + j] = withBias ? KernelMath.FusedMultiplyAdd(normal, weight[j], bias[j]) : normal * weight[j];
        }

        if (item == 0)
        {
            mean[Grid.IdxX] = center;
            inverseDeviation[Grid.IdxX] = scale;
        }
    }

    /// <summary>
    /// With n = (x - mean) inverseDeviation and g = dy weight: dx = inverseDeviation (g - mean(g) - n mean(g n)) [+ addend].
    /// </summary>
    [Kernel]
    public static void Backward(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> mean, ArrayView<float> inverseDeviation, ArrayView<float> dy,
        ArrayView<float> addend, ArrayView<float> dx,
        int columns, [Specialize] bool withAddend, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        long offset = (long)Grid.IdxX * columns;
        float center = mean[Grid.IdxX];
        float scale = inverseDeviation[Grid.IdxX];
        float sum = 0f;
        float product = 0f;
        for (int j = item; j < columns; j += groupSize)
        {
            float g = dy[offset + j] * weight[j];
            sum += g;
            product += g * ((x[offset + j] - center) * scale);
        }

        float meanGradient = GroupReductions.Sum(tile, sum, groupSize) / columns;
        float meanProduct = GroupReductions.Sum(tile, product, groupSize) / columns;
        for (int j = item; j < columns; j += groupSize)
        {
            float normal = (x[offset + j] - center) * scale;
            float result = ((dy[offset + j] * weight[j]) - meanGradient - (normal * meanProduct)) * scale;
            if (withAddend)
            {
                result += addend[offset + j];
            }

            dx[offset + j] = result;
        }
    }

    /// <summary>
    /// One item for each column (x) and chunk of rows (y): workspace [2, chunks, columns] receives the sums of
    /// dy (x - mean) inverseDeviation and of dy.
    /// </summary>
    [Kernel]
    public static void ParameterGradientChunks(
        ArrayView<float> x, ArrayView<float> mean, ArrayView<float> inverseDeviation, ArrayView<float> dy, ArrayView<float> workspace,
        int rows, int columns, [Specialize] int rowsPerChunk)
    {
        int column = (Grid.IdxX * Group.DimX) + Group.IdxX;
        int first = Grid.IdxY * rowsPerChunk;
        int last = Math.Min(rows, first + rowsPerChunk);
        if (column < columns)
        {
            float product = 0f;
            float sum = 0f;
            for (int row = first; row < last; row++)
            {
                float gradient = dy[((long)row * columns) + column];
                product += (x[((long)row * columns) + column] - mean[row]) * inverseDeviation[row] * gradient;
                sum += gradient;
            }

            workspace[((long)Grid.IdxY * columns) + column] = product;
            workspace[((long)(Grid.DimY + Grid.IdxY) * columns) + column] = sum;
        }
    }
}

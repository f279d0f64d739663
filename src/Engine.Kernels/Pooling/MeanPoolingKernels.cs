namespace Engine.Kernels;

/// <summary>Means of runs of rows, one group a run.</summary>
internal static partial class MeanPoolingKernels
{
    /// <summary>y[i] = mean, or sum, of x[rowStart[i]] ... x[rowStart[i + 1] - 1], summed in their order.</summary>
    [Kernel]
    public static void Forward(ArrayView<float> x, ArrayView<int> rowStart, ArrayView<float> y, int columns, bool mean)
    {
        int first = rowStart[Grid.IdxX];
        int end = rowStart[Grid.IdxX + 1];
        for (int j = Group.IdxX; j < columns; j += Group.DimX)
        {
            float sum = 0f;
            for (int row = first; row < end; row++)
            {
                sum += x[((long)row * columns) + j];
            }

            y[((long)Grid.IdxX * columns) + j] = mean ? sum / (end - first) : sum;
        }
    }

    /// <summary>dx[t] = dy[i] / (rows of run i), or dy[i], for the rows t of run i.</summary>
    [Kernel]
    public static void Backward(ArrayView<float> dy, ArrayView<int> rowStart, ArrayView<float> dx, int columns, bool mean)
    {
        int first = rowStart[Grid.IdxX];
        int end = rowStart[Grid.IdxX + 1];
        for (int j = Group.IdxX; j < columns; j += Group.DimX)
        {
            float gradient = dy[((long)Grid.IdxX * columns) + j];
            float share = mean ? gradient / (end - first) : gradient;
            for (int row = first; row < end; row++)
            {
                dx[((long)row * columns) + j] = share;
            }
        }
    }
}

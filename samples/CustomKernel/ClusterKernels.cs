namespace CustomKernel;

internal static partial class ClusterKernels
{
    /// <summary>
    /// For each row of x [rows, size] the row of centers [count, size] that lies nearest, and the square of how far it is. A thread a row.
    /// </summary>
    [Kernel]
    public static void Nearest(
        ArrayView<float> x, ArrayView<float> centers, ArrayView<int> nearest, ArrayView<float> distance, int rows, int size, int count)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            float best = float.MaxValue;
            for (int center = 0; center < count; center++)
            {
                float sum = 0;
                for (int i = 0; i < size; i++)
                {
                    float difference = x[(row * size) + i] - centers[(center * size) + i];
                    sum += difference * difference;
                }

                if (sum < best)
                {
                    best = sum;
                    nearest[row] = center;
                }
            }

            distance[row] = best;
        }
    }
}

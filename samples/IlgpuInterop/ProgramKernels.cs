using ILGPU;

namespace Measurements;

/// <summary>The program's own kernels, which know nothing of Engine.</summary>
internal static class ProgramKernels
{
    /// <summary>x [rows, columns] = a made-up measurement.</summary>
    public static void Measure(Index1D i, ArrayView<float> x, int columns)
    {
        int row = i / columns;
        int column = i % columns;
        x[i] = (((row * 7) + (column * 3) + (row * column)) % 11) - 5;
    }

    /// <summary>best [rows] = the column of each row's highest score.</summary>
    public static void Best(Index1D row, ArrayView<float> scores, int columns, ArrayView<int> best)
    {
        int highest = 0;
        for (int column = 1; column < columns; column++)
        {
            if (scores[(row * columns) + column] > scores[(row * columns) + highest])
            {
                highest = column;
            }
        }

        best[row] = highest;
    }
}

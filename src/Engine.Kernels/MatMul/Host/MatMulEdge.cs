using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Moves what is valid of a tile computed aside into C.</summary>
internal static unsafe class MatMulEdge
{
    /// <summary>c[i, j] = tile[i, j] (+ c[i, j]) for i below rows and j below columns.</summary>
    public static void Merge<T>(float* tile, long tileRow, int rows, int columns, float* c, long cRow, bool accumulate)
        where T : struct, ISimd<T>
    {
        for (int i = 0; i < rows; i++, tile += tileRow, c += cRow)
        {
            for (int j = 0; j < columns; j += T.Count)
            {
                int count = Math.Min(T.Count, columns - j);
                T value = T.LoadPart(tile + j, count);
                value = accumulate ? value + T.LoadPart(c + j, count) : value;
                value.StorePart(c + j, count);
            }
        }
    }

    /// <summary>c[j, i] = tile[i, j] (+ c[j, i]) for i below rows and j below columns.</summary>
    public static void MergeTransposed(float* tile, long tileRow, int rows, int columns, float* c, long cRow, bool accumulate)
    {
        for (int j = 0; j < columns; j++, c += cRow)
        {
            for (int i = 0; i < rows; i++)
            {
                float value = tile[(i * tileRow) + j];
                c[i] = accumulate ? value + c[i] : value;
            }
        }
    }
}

namespace Engine.Kernels;

/// <summary>
/// Blocks in a work-item's private memory, for kernels whose items are lanes of CPU threads. Rows are padded to the register tile and columns to
/// whole vectors with zeros; what products leave in the padding is not stored. Extents that are not [Specialize] here are known to drivers all the same, but
/// loops over them are not unrolled: they are long, and what they index is not meant to live in registers.
/// </summary>
internal static class LaneBlocks
{
    /// <summary>Rows of the register tile.</summary>
    public const int TileRows = 8;

    private const int VectorColumns = 16;

    public static int PadColumns(int columns) => (columns + VectorColumns - 1) / VectorColumns * VectorColumns;

    /// <summary>Copies rows x columns from memory to a block of <paramref name="width"/> columns and <paramref name="height"/> rows, zeros around them.</summary>
    public static void CopyRows(ArrayView<float> source, long start, long stride, int rows, ArrayView<float> block, int height, int columns, int width)
    {
        for (int i = 0; i < height; i++)
        {
            if (i >= rows)
            {
                Fill(block, i * width, width, 0f);
            }
            else if (columns == width)
            {
                for (int e = 0; e < width; e += VectorColumns)
                {
                    Vec16.Load(source, start + (i * stride) + e).Store(block, (i * width) + e);
                }
            }
            else
            {
                for (int e = 0; e < width; e++)
                {
                    block[(i * width) + e] = e < columns ? source[start + (i * stride) + e] : 0f;
                }
            }
        }
    }

    /// <summary>Copies the transpose of rows x columns from memory to a block of <paramref name="columns"/> rows and <paramref name="width"/> columns.</summary>
    public static void CopyTransposed(ArrayView<float> source, long start, long stride, int rows, ArrayView<float> block, int columns, int width)
    {
        for (int i = 0; i < width; i++)
        {
            for (int e = 0; e < columns; e++)
            {
                block[(e * width) + i] = i < rows ? source[start + (i * stride) + e] : 0f;
            }
        }
    }

    /// <summary>Writes the first columns of a block's rows to memory, or adds them to it.</summary>
    public static void Store(ArrayView<float> block, int rows, ArrayView<float> target, long start, long stride, bool add, int columns, int width)
    {
        for (int i = 0; i < rows; i++)
        {
            for (int e = 0; e < columns; e++)
            {
                long at = start + (i * stride) + e;
                target[at] = add ? target[at] + block[(i * width) + e] : block[(i * width) + e];
            }
        }
    }

    public static void Fill(ArrayView<float> block, long from, int count, float value)
    {
        for (int i = 0; i < count; i++)
        {
            block[from + i] = value;
        }
    }

    /// <summary>Multiplies a row of a block, a multiple of a vector's columns, by a factor.</summary>
    public static void Scale(ArrayView<float> block, int from, int count, float factor)
    {
        for (int i = from; i < from + count; i += VectorColumns)
        {
            (factor * Vec16.Load(block, i)).Store(block, i);
        }
    }

    /// <summary>
    /// c [rows, columns] = alpha a b (+ c): element (i, k) of a lies at i * rowA + k * stepA, b and c are rows of columns elements, a multiple of a
    /// vector's. Rows of a and c are there up to the tile's next multiple.
    /// </summary>
    public static void Multiply(
        int rows,
        int depth,
        ArrayView<float> a,
        ArrayView<float> b,
        ArrayView<float> c,
        float alpha,
        bool accumulate,
        [Specialize] int columns,
        [Specialize] int rowA,
        [Specialize] int stepA)
    {
        for (int row = 0; row < rows; row += TileRows)
        {
            int column = 0;
            for (; column + (2 * VectorColumns) <= columns; column += 2 * VectorColumns)
            {
                WideTile(row, column, depth, a, b, c, alpha, accumulate, columns, rowA, stepA);
            }

            if (column < columns)
            {
                NarrowTile(row, column, depth, a, b, c, alpha, accumulate, columns, rowA, stepA);
            }
        }
    }

    private static void WideTile(
        int row,
        int column,
        int depth,
        ArrayView<float> a,
        ArrayView<float> b,
        ArrayView<float> c,
        float alpha,
        bool accumulate,
        [Specialize] int columns,
        [Specialize] int rowA,
        [Specialize] int stepA)
    {
        ArrayView<Vec16> left = LocalMemory.Allocate<Vec16>(TileRows);
        ArrayView<Vec16> right = LocalMemory.Allocate<Vec16>(TileRows);
        for (int i = 0; i < TileRows; i++)
        {
            left[i] = Vec16.Broadcast(0f);
            right[i] = Vec16.Broadcast(0f);
        }

        for (int k = 0; k < depth; k++)
        {
            Vec16 b0 = Vec16.Load(b, (k * columns) + column);
            Vec16 b1 = Vec16.Load(b, (k * columns) + column + VectorColumns);
            for (int i = 0; i < TileRows; i++)
            {
                Vec16 x = Vec16.Broadcast(a[((row + i) * rowA) + (k * stepA)]);
                left[i] = Vec16.FusedMultiplyAdd(x, b0, left[i]);
                right[i] = Vec16.FusedMultiplyAdd(x, b1, right[i]);
            }
        }

        for (int i = 0; i < TileRows; i++)
        {
            int at = ((row + i) * columns) + column;
            Put(c, at, alpha * left[i], accumulate);
            Put(c, at + VectorColumns, alpha * right[i], accumulate);
        }
    }

    private static void NarrowTile(
        int row,
        int column,
        int depth,
        ArrayView<float> a,
        ArrayView<float> b,
        ArrayView<float> c,
        float alpha,
        bool accumulate,
        [Specialize] int columns,
        [Specialize] int rowA,
        [Specialize] int stepA)
    {
        ArrayView<Vec16> sums = LocalMemory.Allocate<Vec16>(TileRows);
        for (int i = 0; i < TileRows; i++)
        {
            sums[i] = Vec16.Broadcast(0f);
        }

        for (int k = 0; k < depth; k++)
        {
            Vec16 b0 = Vec16.Load(b, (k * columns) + column);
            for (int i = 0; i < TileRows; i++)
            {
                sums[i] = Vec16.FusedMultiplyAdd(Vec16.Broadcast(a[((row + i) * rowA) + (k * stepA)]), b0, sums[i]);
            }
        }

        for (int i = 0; i < TileRows; i++)
        {
            Put(c, ((row + i) * columns) + column, alpha * sums[i], accumulate);
        }
    }

    private static void Put(ArrayView<float> c, int at, Vec16 value, bool accumulate)
    {
        if (accumulate)
        {
            value += Vec16.Load(c, at);
        }

        value.Store(c, at);
    }
}

namespace Engine.Kernels;

/// <summary>
/// Tiles of 64 x 64 scores as a group of 256 items computes them: an item has 4 x 4 of them, 16 apart in both directions. Called by every
/// item of the group; operands pass through shared memory sixteen steps at a time.
/// </summary>
internal static class GroupTiles
{
    /// <summary>Queries, and keys, of a tile.</summary>
    public const int Tile = 64;

    /// <summary>Items along a side of a tile.</summary>
    public const int Side = 16;

    public const int GroupSize = Side * Side;

    /// <summary>Rows, and columns, of an item.</summary>
    public const int Sums = Tile / Side;

    /// <summary>
    /// Elements from one row of a shared tile to the next: one more than the tile's, so that columns fall into different banks.
    /// </summary>
    public const int Pitch = Tile + 1;

    /// <summary>The most columns of a result's row that an item holds: those of a head of 256 elements.</summary>
    public const int MostColumns = 16;

    /// <summary>Steps of the summed dimension in shared memory at a time.</summary>
    public const int Depth = 16;

    /// <summary>
    /// sums[i, j] = the dot product of row (item row + 16 i) of x and row (item column + 16 j) of y, rows of <paramref name="headSize"/>
    /// elements; rows that are not there count as zeros.
    /// </summary>
    public static void RowProducts(
        ArrayView<float> x,
        long startX,
        long strideX,
        int rowsX,
        ArrayView<float> y,
        long startY,
        long strideY,
        int rowsY,
        ArrayView<float> left,
        ArrayView<float> right,
        ArrayView<float> sums,
        [Specialize] int headSize)
    {
        int itemColumn = Group.IdxX % Side;
        int itemRow = Group.IdxX / Side;
        for (int i = 0; i < Sums * Sums; i++)
        {
            sums[i] = 0f;
        }

        for (int first = 0; first < headSize; first += Depth)
        {
            ShareTransposed(x, startX + first, strideX, rowsX, headSize - first, left);
            ShareTransposed(y, startY + first, strideY, rowsY, headSize - first, right);
            Group.Barrier();
            for (int e = 0; e < Depth; e++)
            {
                for (int i = 0; i < Sums; i++)
                {
                    for (int j = 0; j < Sums; j++)
                    {
                        sums[(i * Sums) + j] = KernelMath.FusedMultiplyAdd(
                            left[(e * Pitch) + itemRow + (i * Side)], right[(e * Pitch) + itemColumn + (j * Side)], sums[(i * Sums) + j]);
                    }
                }
            }

            Group.Barrier();
        }
    }

    /// <summary>
    /// sums[i, j] += the sum over 64 k of scores[item row + 16 i, k] and element (item column + 16 j) of row k of x; scores are rows of
    /// <see cref="Pitch"/> in shared memory, and sums has <paramref name="columns"/> columns: a sixteenth of the head size, rounded up.
    /// </summary>
    public static void Combine(
        ArrayView<float> scores,
        ArrayView<float> x,
        long startX,
        long strideX,
        int rowsX,
        ArrayView<float> shared,
        ArrayView<float> sums,
        [Specialize] int headSize,
        [Specialize(Most = MostColumns)] int columns)
    {
        int itemColumn = Group.IdxX % Side;
        int itemRow = Group.IdxX / Side;
        for (int first = 0; first < Tile; first += Depth)
        {
            for (int i = Group.IdxX; i < Depth * columns * Side; i += GroupSize)
            {
                int k = i / (columns * Side);
                int e = i % (columns * Side);
                shared[i] = first + k < rowsX && e < headSize ? x[startX + ((first + k) * strideX) + e] : 0f;
            }

            Group.Barrier();
            for (int k = 0; k < Depth; k++)
            {
                for (int i = 0; i < Sums; i++)
                {
                    float score = scores[((itemRow + (i * Side)) * Pitch) + first + k];
                    for (int j = 0; j < columns; j++)
                    {
                        sums[(i * columns) + j] = KernelMath.FusedMultiplyAdd(
                            score, shared[(k * columns * Side) + itemColumn + (j * Side)], sums[(i * columns) + j]);
                    }
                }
            }

            Group.Barrier();
        }
    }

    /// <summary>Writes an item's sums of <see cref="Combine"/> to rows of memory.</summary>
    public static void Store(
        ArrayView<float> sums, ArrayView<float> target, long start, long stride, int rows, [Specialize] int headSize,
        [Specialize(Most = MostColumns)] int columns)
    {
        int itemColumn = Group.IdxX % Side;
        int itemRow = Group.IdxX / Side;
        for (int i = 0; i < Sums; i++)
        {
            int row = itemRow + (i * Side);
            for (int j = 0; j < columns; j++)
            {
                int e = itemColumn + (j * Side);
                if (row < rows && e < headSize)
                {
                    target[start + (row * stride) + e] = sums[(i * columns) + j];
                }
            }
        }
    }

    /// <summary>
    /// Clears <paramref name="width"/> elements of tokens from to end - 1, shared by the launch's groups of one <c>Grid.IdxX</c> each.
    /// </summary>
    public static void Clear(ArrayView<float> target, long from, long end, long stride, long start, int width)
    {
        for (long token = from + Grid.IdxX; token < end; token += Grid.DimX)
        {
            for (int e = Group.IdxX; e < width; e += Group.DimX)
            {
                target[(token * stride) + start + e] = 0f;
            }
        }
    }

    private static void ShareTransposed(ArrayView<float> x, long start, long stride, int rows, int left, ArrayView<float> tile)
    {
        for (int i = Group.IdxX; i < Tile * Depth; i += GroupSize)
        {
            int e = i % Depth;
            int r = i / Depth;
            tile[(e * Pitch) + r] = r < rows && e < left ? x[start + (r * stride) + e] : 0f;
        }
    }
}

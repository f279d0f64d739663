namespace Engine.Kernels;

/// <summary>
/// Products of 64 x 64 as a group computes them on matrix units: teams stand in two columns, each with 32 columns of the products and 16 or
/// 32 rows. Operands pass through shared memory 32 steps of the summed dimension at a time, rounded to a 16-bit type. Called by every item
/// of the group.
/// </summary>
internal static class MatrixBlocks
{
    /// <summary>Rows and columns of the group's block.</summary>
    public const int Block = 64;

    /// <summary>Steps of the summed dimension in shared memory at a time.</summary>
    public const int Depth = 32;

    /// <summary>Teams side by side, and tiles of a team side by side: two, which <see cref="Multiply"/> holds by name.</summary>
    public const int Side = 2;

    /// <summary>
    /// Elements from one row of a shared operand to the next where rows run along the summed dimension; the last eight keep rows out of
    /// each other's banks.
    /// </summary>
    public const int DepthPitch = Depth + 8;

    /// <summary>The same where rows run across it.</summary>
    public const int BlockPitch = Block + 8;

    /// <summary>Elements of an operand in shared memory, in either direction.</summary>
    public const int OperandSize = Block * DepthPitch;

    /// <summary>Elements from one row of products in shared memory to the next.</summary>
    public const int ProductPitch = Block + 4;

    /// <summary>Elements of the products in shared memory.</summary>
    public const int ProductSize = Block * ProductPitch;

    /// <summary>
    /// Adds 32 steps to a team's sums: <paramref name="height"/> tiles of rows, two side by side. <paramref name="left"/> has rows along
    /// the summed dimension, <paramref name="right"/> too where
    /// <paramref name="transposed"/>.
    /// </summary>
    public static void Multiply<TTile>(
        ArrayView<TTile> left, ArrayView<TTile> right, ArrayView<TileSum> sums, [Specialize] bool transposed,
        [Specialize(Most = Side)] int height)
        where TTile : unmanaged
    {
        int row = Tile.TeamIdx / Side * height * Tile.Size;
        int column = Tile.TeamIdx % Side * Side * Tile.Size;
        int stride = transposed ? DepthPitch : BlockPitch;
        TileOrder order = transposed ? TileOrder.ColumnMajor : TileOrder.RowMajor;
        for (int k = 0; k < Depth; k += Tile.Size)
        {
            int at = transposed ? (column * DepthPitch) + k : (k * BlockPitch) + column;
            TileB<TTile> first = Tile.LoadB(right, at, stride, order);
            TileB<TTile> second = Tile.LoadB(right, at + (transposed ? Tile.Size * DepthPitch : Tile.Size), stride, order);
            for (int i = 0; i < height; i++)
            {
                TileA<TTile> x = Tile.LoadA(left, ((row + (i * Tile.Size)) * DepthPitch) + k, DepthPitch, TileOrder.RowMajor);
                sums[Side * i] = Tile.MultiplyAdd(x, first, sums[Side * i]);
                sums[(Side * i) + 1] = Tile.MultiplyAdd(x, second, sums[(Side * i) + 1]);
            }
        }
    }

    /// <summary>Sums that are all zero.</summary>
    public static void Clear(ArrayView<TileSum> sums, [Specialize(Most = AttentionTiles.MostTiles)] int count)
    {
        for (int i = 0; i < count; i++)
        {
            sums[i] = Tile.Zero();
        }
    }

    /// <summary>
    /// Writes the sums of <see cref="Multiply"/> to the group's products in shared memory, rows <see cref="ProductPitch"/> apart.
    /// </summary>
    public static void StoreProducts(ArrayView<TileSum> sums, ArrayView<float> products, [Specialize(Most = Side)] int height)
    {
        int row = Tile.TeamIdx / Side * height * Tile.Size;
        int column = Tile.TeamIdx % Side * Side * Tile.Size;
        for (int i = 0; i < height; i++)
        {
            for (int j = 0; j < Side; j++)
            {
                Tile.Store(
                    sums[(i * Side) + j], products, ((row + (i * Tile.Size)) * ProductPitch) + column + (j * Tile.Size), ProductPitch);
            }
        }
    }
}

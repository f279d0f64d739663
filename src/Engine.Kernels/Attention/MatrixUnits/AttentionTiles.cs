namespace Engine.Kernels;

/// <summary>
/// Attention's products on matrix units, beside those of <see cref="MatrixBlocks"/>. Of a result with a head's columns a team has 16 rows
/// and every second tile: four teams have the rows of a block of 64, and two share a row. Called by every item of the group.
/// </summary>
internal static class AttentionTiles
{
    /// <summary>Four by two teams.</summary>
    public const int GroupSize = 8 * Tile.TeamItems;

    /// <summary>Elements of a block of scores that an item has, in one column.</summary>
    public const int ItemElements = MatrixBlocks.Block * MatrixBlocks.Block / GroupSize;

    /// <summary>Rows from one of them to the next.</summary>
    public const int RowsApart = GroupSize / MatrixBlocks.Block;

    /// <summary>Tiles that teams of a row have side by side, in elements.</summary>
    public const int Stripe = MatrixBlocks.Side * Tile.Size;

    /// <summary>The most tiles of a result that a team has.</summary>
    public const int MostTiles = Attention.MaxHeadSize / Stripe;

    /// <summary>Elements from one row of weights in shared memory to the next.</summary>
    public const int WeightPitch = MatrixBlocks.Block + 8;

    /// <summary>Elements of a block of weights in shared memory.</summary>
    public const int WeightSize = MatrixBlocks.Block * WeightPitch;

    /// <summary>
    /// Elements of shared memory for operands: two of <see cref="RowProducts"/>, or 16 rows of <see cref="Combine"/>'s for head sizes up to
    /// <see cref="Attention.MaxHeadSize"/>.
    /// </summary>
    public const int OperandSize = 2 * MatrixBlocks.OperandSize;

    /// <summary>Tiles of rows of a team's scores.</summary>
    private const int Height = 1;

    /// <summary>Tiles of a result that a team has.</summary>
    public static int Tiles(int headSize) => (headSize + Stripe - 1) / Stripe;

    /// <summary>
    /// scores[i, j] = the dot product of row i of x and row j of y, rows of <paramref name="headSize"/> elements; rows that are not there
    /// count as zeros. Behind it every item sees the scores.
    /// </summary>
    public static void RowProducts<TTile>(
        ArrayView<float> x,
        long startX,
        long strideX,
        int rowsX,
        ArrayView<float> y,
        long startY,
        long strideY,
        int rowsY,
        ArrayView<TTile> operands,
        ArrayView<float> scores,
        [Specialize] int headSize)
        where TTile : unmanaged
    {
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(Height * MatrixBlocks.Side);
        ArrayView<TTile> left = operands.SubView(0, MatrixBlocks.OperandSize);
        ArrayView<TTile> right = operands.SubView(MatrixBlocks.OperandSize, MatrixBlocks.OperandSize);
        MatrixBlocks.Clear(sums, Height * MatrixBlocks.Side);
        for (int first = 0; first < headSize; first += MatrixBlocks.Depth)
        {
            Share(x, startX + first, strideX, rowsX, headSize - first, left);
            Share(y, startY + first, strideY, rowsY, headSize - first, right);
            Group.Barrier();
            MatrixBlocks.Multiply(left, right, sums, true, Height);
            Group.Barrier();
        }

        MatrixBlocks.StoreProducts(sums, scores, Height);
        Group.Barrier();
    }

    /// <summary>The column of an item's elements of a block of scores.</summary>
    public static int Column() => Group.IdxX % MatrixBlocks.Block;

    /// <summary>The row of the first of them.</summary>
    public static int Row() => Group.IdxX / MatrixBlocks.Block;

    /// <summary>Takes an item's elements of a block of scores, which the next block is written over.</summary>
    public static void Take(ArrayView<float> scores, ArrayView<float> own)
    {
        int at = (Row() * MatrixBlocks.ProductPitch) + Column();
        for (int n = 0; n < ItemElements; n++)
        {
            own[n] = scores[at + (n * RowsApart * MatrixBlocks.ProductPitch)];
        }
    }

    /// <summary>
    /// Adds to a team's sums the products of its 16 rows of weights and 64 rows of x; rows of x that are not there count as zeros. Every
    /// item sees the weights when it comes here.
    /// </summary>
    public static void Combine<TTile>(
        ArrayView<TTile> weights,
        ArrayView<float> x,
        long startX,
        long strideX,
        int rowsX,
        ArrayView<TTile> operands,
        ArrayView<TileSum> sums,
        [Specialize] int headSize,
        [Specialize(Most = MostTiles)] int tiles)
        where TTile : unmanaged
    {
        int width = tiles * Stripe;
        int pitch = width + 8;
        int row = Tile.TeamIdx / MatrixBlocks.Side * Tile.Size;
        int column = Tile.TeamIdx % MatrixBlocks.Side * Tile.Size;
        for (int first = 0; first < MatrixBlocks.Block; first += Tile.Size)
        {
            for (int i = Group.IdxX; i < Tile.Size * width; i += GroupSize)
            {
                int k = i / width;
                int e = i % width;
                Storage.Store(operands, (k * pitch) + e, first + k < rowsX && e < headSize ? x[startX + ((first + k) * strideX) + e] : 0f);
            }

            Group.Barrier();
            TileA<TTile> a = Tile.LoadA(weights, (row * WeightPitch) + first, WeightPitch, TileOrder.RowMajor);
            for (int j = 0; j < tiles; j++)
            {
                TileB<TTile> b = Tile.LoadB(operands, (j * Stripe) + column, pitch, TileOrder.RowMajor);
                sums[j] = Tile.MultiplyAdd(a, b, sums[j]);
            }

            Group.Barrier();
        }
    }

    /// <summary>Multiplies a team's rows by the group's factors, one for each of 64 rows, in shared memory.</summary>
    public static void ScaleRows(ArrayView<TileSum> sums, ArrayView<float> factors, [Specialize(Most = MostTiles)] int tiles)
    {
        for (int j = 0; j < tiles; j++)
        {
            sums[j] = Tile.ScaleRows(sums[j], factors, Tile.TeamIdx / MatrixBlocks.Side * Tile.Size);
        }
    }

    /// <summary>Writes the group's 64 rows of sums to rows of memory, by way of shared memory: two tiles of each team at a time.</summary>
    public static void Store(
        ArrayView<TileSum> sums,
        ArrayView<float> shared,
        ArrayView<float> target,
        long start,
        long stride,
        int rows,
        [Specialize] int headSize,
        [Specialize(Most = MostTiles)] int tiles)
    {
        int at = (Tile.TeamIdx / MatrixBlocks.Side * Tile.Size * MatrixBlocks.ProductPitch)
            + (Tile.TeamIdx % MatrixBlocks.Side * Tile.Size);
        for (int j = 0; j < tiles; j += 2)
        {
            Tile.Store(sums[j], shared, at, MatrixBlocks.ProductPitch);
            if (j + 1 < tiles)
            {
                Tile.Store(sums[j + 1], shared, at + Stripe, MatrixBlocks.ProductPitch);
            }

            Group.Barrier();
            for (int i = Group.IdxX; i < MatrixBlocks.Block * MatrixBlocks.Block; i += GroupSize)
            {
                int row = i / MatrixBlocks.Block;
                int column = i % MatrixBlocks.Block;
                int e = (j * Stripe) + column;
                if (row < rows && e < headSize)
                {
                    target[start + (row * stride) + e] = shared[(row * MatrixBlocks.ProductPitch) + column];
                }
            }

            Group.Barrier();
        }
    }

    /// <summary>
    /// Copies 64 rows of an operand to shared memory, <see cref="MatrixBlocks.Depth"/> elements of each, rounded to the type of the tiles;
    /// zeros stand for what is not there.
    /// </summary>
    private static void Share<TTile>(ArrayView<float> x, long start, long stride, int rows, int left, ArrayView<TTile> shared)
        where TTile : unmanaged
    {
        for (int i = Group.IdxX; i < MatrixBlocks.Block * MatrixBlocks.Depth; i += GroupSize)
        {
            int r = i / MatrixBlocks.Depth;
            int e = i % MatrixBlocks.Depth;
            Storage.Store(shared, (r * MatrixBlocks.DepthPitch) + e, r < rows && e < left ? x[start + (r * stride) + e] : 0f);
        }
    }
}

namespace Engine.Kernels;

/// <summary>Attention's products on matrix units, beside those of <see cref="MatrixBlocks"/>: a team has 16 rows of a block of 64. Called by every item of the group.</summary>
internal static class AttentionTiles
{
    /// <summary>Elements from one row of weights in shared memory to the next.</summary>
    public const int WeightPitch = MatrixBlocks.Block + 8;

    /// <summary>Elements of a block of weights in shared memory.</summary>
    public const int WeightSize = MatrixBlocks.Block * WeightPitch;

    /// <summary>
    /// Elements of shared memory for operands: two of <see cref="RowProducts"/>, or 16 rows of <see cref="Combine"/>'s for head sizes up to <see cref="Attention.MaxHeadSize"/>.
    /// </summary>
    public const int OperandSize = 2 * MatrixBlocks.OperandSize;

    /// <summary>Elements of a block of scores that one item of the group has.</summary>
    public static int ItemElements(Device device) => MatrixBlocks.Block * MatrixBlocks.Block / MatrixBlocks.GroupSize(device);

    /// <summary>
    /// scores[i, j] = the dot product of row i of x and row j of y, rows of <paramref name="headSize"/> elements; rows that are not there count as zeros. Behind it every item sees the scores.
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
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(MatrixBlocks.Sums);
        ArrayView<TTile> left = operands.SubView(0, MatrixBlocks.OperandSize);
        ArrayView<TTile> right = operands.SubView(MatrixBlocks.OperandSize, MatrixBlocks.OperandSize);
        MatrixBlocks.Clear(sums, MatrixBlocks.Sums);
        for (int first = 0; first < headSize; first += MatrixBlocks.Depth)
        {
            MatrixBlocks.Share(x, startX, strideX, 0, rowsX, first, headSize, left, true);
            MatrixBlocks.Share(y, startY, strideY, 0, rowsY, first, headSize, right, true);
            Group.Barrier();
            MatrixBlocks.Multiply(left, right, sums, true);
            Group.Barrier();
        }

        MatrixBlocks.StoreProducts(sums, scores);
        Group.Barrier();
    }

    /// <summary>Takes an item's elements of a block of scores, which the next block is written over: <see cref="ItemElements"/> of them, a group's size apart.</summary>
    public static void Take(ArrayView<float> scores, ArrayView<float> own, [Specialize] int elements)
    {
        for (int n = 0; n < elements; n++)
        {
            int i = Group.IdxX + (n * Group.DimX);
            own[n] = scores[(i / MatrixBlocks.Block * MatrixBlocks.ProductPitch) + (i % MatrixBlocks.Block)];
        }
    }

    /// <summary>
    /// Adds to a team's sums, tile by tile of the head, the products of its 16 rows of weights and 64 rows of x; rows of x that are not there count as zeros. Every item sees the weights when it comes here.
    /// </summary>
    public static void Combine<TTile>(
        ArrayView<TTile> weights,
        ArrayView<float> x,
        long startX,
        long strideX,
        int rowsX,
        ArrayView<TTile> operands,
        ArrayView<TileSum> sums,
        [Specialize] int headSize)
        where TTile : unmanaged
    {
        int width = (headSize + Tile.Size - 1) / Tile.Size * Tile.Size;
        int pitch = width + 8;
        int row = Tile.TeamIdx * Tile.Size;
        for (int first = 0; first < MatrixBlocks.Block; first += Tile.Size)
        {
            for (int i = Group.IdxX; i < Tile.Size * width; i += Group.DimX)
            {
                int k = i / width;
                int e = i % width;
                Storage.Store(operands, (k * pitch) + e, first + k < rowsX && e < headSize ? x[startX + ((first + k) * strideX) + e] : 0f);
            }

            Group.Barrier();
            TileA<TTile> a = Tile.LoadA(weights, (row * WeightPitch) + first, WeightPitch, TileOrder.RowMajor);
            for (int e = 0; e * Tile.Size < headSize; e++)
            {
                TileB<TTile> b = Tile.LoadB(operands, e * Tile.Size, pitch, TileOrder.RowMajor);
                sums[e] = Tile.MultiplyAdd(a, b, sums[e]);
            }

            Group.Barrier();
        }
    }

    /// <summary>Multiplies a team's rows by the group's factors, one for each of 64 rows, in shared memory.</summary>
    public static void ScaleRows(ArrayView<TileSum> sums, ArrayView<float> factors, [Specialize] int headSize)
    {
        for (int e = 0; e * Tile.Size < headSize; e++)
        {
            sums[e] = Tile.ScaleRows(sums[e], factors, Tile.TeamIdx * Tile.Size);
        }
    }

    /// <summary>Writes the group's 64 rows of sums to rows of memory, by way of shared memory: four tiles of the head at a time.</summary>
    public static void Store(
        ArrayView<TileSum> sums, ArrayView<float> shared, ArrayView<float> target, long start, long stride, int rows, [Specialize] int headSize)
    {
        for (int first = 0; first < headSize; first += MatrixBlocks.Block)
        {
            for (int j = 0; j < MatrixBlocks.Block / Tile.Size; j++)
            {
                if (first + (j * Tile.Size) < headSize)
                {
                    Tile.Store(sums[(first / Tile.Size) + j], shared, (Tile.TeamIdx * Tile.Size * MatrixBlocks.ProductPitch) + (j * Tile.Size), MatrixBlocks.ProductPitch);
                }
            }

            Group.Barrier();
            for (int i = Group.IdxX; i < MatrixBlocks.Block * MatrixBlocks.Block; i += Group.DimX)
            {
                int row = i / MatrixBlocks.Block;
                int column = i % MatrixBlocks.Block;
                int e = first + column;
                if (row < rows && e < headSize)
                {
                    target[start + (row * stride) + e] = shared[(row * MatrixBlocks.ProductPitch) + column];
                }
            }

            Group.Barrier();
        }
    }
}

namespace Engine.Kernels;

/// <summary>
/// Products of a float32 A and a B stored in 16 bits on matrix units, blocks of 64 x 64. A is rounded to B's type when it is copied to shared memory; products are exact, sums float32. While 32 steps are multiplied, each
/// item's part of the next ones is under way from memory to its registers.
/// </summary>
internal static partial class MatMulMatrixUnits
{
    public static Launch Bind(
        Device device,
        MatMulShape shape,
        BufferView<float> a,
        WeightView b,
        BufferView<float> c,
        BufferView<float>? bias,
        BufferView<float>? residual,
        BufferView<float>? preactivation)
    {
        return b.Type == ElementType.Float16 ? Bind(b.As<Half>()) : Bind(b.As<BFloat16>());

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => MultiplyKernel.Bind(
                device,
                new LaunchShape((shape.N + MatrixBlocks.Block - 1) / MatrixBlocks.Block, (shape.M + MatrixBlocks.Block - 1) / MatrixBlocks.Block, shape.Batch, MatrixBlocks.GroupSize(device)),
                a, stored, c, bias ?? default, residual ?? default, preactivation ?? default, shape.M, shape.N, shape.K, shape.RowStrideA, shape.RowStrideB, shape.RowStrideC,
                shape.BatchStrideA, shape.BatchStrideB, shape.BatchStrideC, shape.Alpha, shape.Beta == 1f, shape.Layout == MatMulLayout.NT, MatrixBlocks.ItemElements(device), shape.Activation);
    }

    /// <summary>A block of C: columns by group x, rows by group y, one product by group z. A is [m, k]; B is [n, k] where <paramref name="transposed"/>, else [k, n].</summary>
    [Kernel]
    public static void Multiply<TStored>(
        ArrayView<float> a,
        ArrayView<TStored> b,
        ArrayView<float> c,
        ArrayView<float> bias,
        ArrayView<float> residual,
        ArrayView<float> preactivation,
        int rows,
        int columns,
        int depth,
        long rowA,
        long rowB,
        long rowC,
        long batchA,
        long batchB,
        long batchC,
        float alpha,
        bool accumulate,
        [Specialize] bool transposed,
        [Specialize] int elements,
        [Specialize] ActivationKind activation)
        where TStored : unmanaged
    {
        ArrayView<TStored> left = SharedMemory.Allocate<TStored>(MatrixBlocks.OperandSize);
        ArrayView<TStored> right = SharedMemory.Allocate<TStored>(MatrixBlocks.OperandSize);
        ArrayView<float> products = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(MatrixBlocks.Sums);
        ArrayView<float> nextLeft = LocalMemory.Allocate<float>(elements);
        ArrayView<TStored> nextRight = LocalMemory.Allocate<TStored>(elements);
        int row = Grid.IdxY * MatrixBlocks.Block;
        int column = Grid.IdxX * MatrixBlocks.Block;
        long startA = Grid.IdxZ * batchA;
        long startB = Grid.IdxZ * batchB;
        MatrixBlocks.Clear(sums, MatrixBlocks.Sums);
        MatrixBlocks.Read(a, startA, rowA, row, rows, 0, depth, nextLeft, true, elements);
        MatrixBlocks.Read(b, startB, rowB, column, columns, 0, depth, nextRight, transposed, elements);
        for (int first = 0; first < depth; first += MatrixBlocks.Depth)
        {
            MatrixBlocks.Put(nextLeft, row, rows, first, depth, left, true, elements);
            MatrixBlocks.Put(nextRight, column, columns, first, depth, right, transposed, elements);
            Group.Barrier();
            MatrixBlocks.Read(a, startA, rowA, row, rows, first + MatrixBlocks.Depth, depth, nextLeft, true, elements);
            MatrixBlocks.Read(b, startB, rowB, column, columns, first + MatrixBlocks.Depth, depth, nextRight, transposed, elements);
            MatrixBlocks.Multiply(left, right, sums, transposed);
            Group.Barrier();
        }

        MatrixBlocks.StoreProducts(sums, products);
        Group.Barrier();
        for (int i = Group.IdxX; i < MatrixBlocks.Block * MatrixBlocks.Block; i += Group.DimX)
        {
            int r = i / MatrixBlocks.Block;
            int s = i % MatrixBlocks.Block;
            if (row + r < rows && column + s < columns)
            {
                long at = (Grid.IdxZ * batchC) + ((row + r) * rowC) + column + s;
                MatMulGroups.Finish(
                    alpha * products[(r * MatrixBlocks.ProductPitch) + s], at, column + s, c, bias, residual, preactivation, accumulate, activation);
            }
        }
    }
}

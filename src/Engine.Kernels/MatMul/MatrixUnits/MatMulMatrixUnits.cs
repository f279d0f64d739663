namespace Engine.Kernels;

/// <summary>
/// Products of a float32 A and a B stored in 16 bits on matrix units, blocks of 64 x 64. A is rounded to B's type when it is copied to shared memory; products are exact, sums float32. While 32 steps are multiplied, each
/// item's part of the next ones is under way from memory to its registers.
/// </summary>
internal static partial class MatMulMatrixUnits
{
    /// <summary>Tiles of rows of a team; two stand side by side.</summary>
    private const int Height = 2;

    /// <summary>Two by two teams.</summary>
    private const int GroupSize = 4 * Tile.TeamItems;

    /// <summary>Elements that an item copies of an operand at a time.</summary>
    private const int ItemElements = MatrixBlocks.Block * MatrixBlocks.Depth / GroupSize;

    /// <summary>Rows from one of an item's elements to the next where stored rows run along the summed dimension.</summary>
    private const int RowsApart = GroupSize / MatrixBlocks.Depth;

    /// <summary>Steps from one to the next where they run across it.</summary>
    private const int StepsApart = GroupSize / MatrixBlocks.Block;

    public static Launch Bind(Device device, MatMulShape shape, MatMulViews views)
    {
        return views.B.Type == ElementType.Float16 ? Bind(views.B.As<Half>()) : Bind(views.B.As<BFloat16>());

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => MultiplyKernel.Bind(
                device,
                new LaunchShape((shape.N + MatrixBlocks.Block - 1) / MatrixBlocks.Block, (shape.M + MatrixBlocks.Block - 1) / MatrixBlocks.Block, shape.Batch, GroupSize),
                ProductOperands<TStored>.Of(shape, views.A, stored),
                ProductTarget.Of(shape, views),
                shape.Layout == MatMulLayout.NT, shape.Activation);
    }

    /// <summary>A block of C: columns by group x, rows by group y, one product by group z. A is [m, k]; B is [n, k] where <paramref name="transposed"/>, else [k, n].</summary>
    [Kernel]
    public static void Multiply<TStored>(
        ProductOperands<TStored> of,
        ProductTarget target,
        [Specialize] bool transposed,
        [Specialize] ActivationKind activation)
        where TStored : unmanaged
    {
        ArrayView<TStored> left = SharedMemory.Allocate<TStored>(MatrixBlocks.OperandSize);
        ArrayView<TStored> right = SharedMemory.Allocate<TStored>(MatrixBlocks.OperandSize);
        ArrayView<float> products = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(Height * MatrixBlocks.Side);
        ArrayView<float> nextLeft = LocalMemory.Allocate<float>(ItemElements);
        ArrayView<TStored> nextRight = LocalMemory.Allocate<TStored>(ItemElements);
        int row = Grid.IdxY * MatrixBlocks.Block;
        int column = Grid.IdxX * MatrixBlocks.Block;
        long startA = Grid.IdxZ * of.BatchA;
        long startB = Grid.IdxZ * of.BatchB;
        MatrixBlocks.Clear(sums, Height * MatrixBlocks.Side);
        Read(of.A, startA, of.RowA, row, of.Rows, 0, of.Depth, nextLeft, true);
        Read(of.B, startB, of.RowB, column, of.Columns, 0, of.Depth, nextRight, transposed);
        for (int first = 0; first < of.Depth; first += MatrixBlocks.Depth)
        {
            PutRounded(nextLeft, left);
            Put(nextRight, right, transposed);
            Group.Barrier();
            Read(of.A, startA, of.RowA, row, of.Rows, first + MatrixBlocks.Depth, of.Depth, nextLeft, true);
            Read(of.B, startB, of.RowB, column, of.Columns, first + MatrixBlocks.Depth, of.Depth, nextRight, transposed);
            MatrixBlocks.Multiply(left, right, sums, transposed, Height);
            Group.Barrier();
        }

        MatrixBlocks.StoreProducts(sums, products, Height);
        Group.Barrier();
        for (int i = Group.IdxX; i < MatrixBlocks.Block * MatrixBlocks.Block; i += GroupSize)
        {
            int r = i / MatrixBlocks.Block;
            int s = i % MatrixBlocks.Block;
            if (row + r < of.Rows && column + s < of.Columns)
            {
                long at = (Grid.IdxZ * target.Batch) + ((row + r) * target.Row) + column + s;
                ProductTarget.Finish(target, products[(r * MatrixBlocks.ProductPitch) + s], at, column + s, activation);
            }
        }
    }

    /// <summary>
    /// Reads an item's part of an operand as it is stored, zeros behind its edges: of rows <paramref name="at"/> to at + 63 and steps
    /// <paramref name="first"/> to first + 31, to be written to shared
    /// memory when that is free; nothing waits for it before. <paramref name="alongDepth"/>: stored rows run along the summed
    /// dimension. Either way neighbouring items read and write neighbouring elements.
    /// </summary>
    private static void Read<TSource>(
        ArrayView<TSource> operand, long start, long stride, int at, int count, int first, int depth, ArrayView<TSource> part, [Specialize] bool alongDepth)
        where TSource : unmanaged
    {
        int k = first + Step(alongDepth);
        int r = at + Place(alongDepth);
        long from = start + (alongDepth ? (r * stride) + k : (k * stride) + r);
        for (int n = 0; n < ItemElements; n++)
        {
            bool inside = r + (alongDepth ? n * RowsApart : 0) < count && k + (alongDepth ? 0 : n * StepsApart) < depth;
            part[n] = inside ? operand[from] : default;
            from += (alongDepth ? RowsApart : StepsApart) * stride;
        }
    }

    /// <summary>Writes an item's part of A to shared memory, rounded to the type of the tiles.</summary>
    private static void PutRounded<TTile>(ArrayView<float> part, ArrayView<TTile> shared)
        where TTile : unmanaged
    {
        for (int n = 0; n < ItemElements; n++)
        {
            Storage.Store(shared, Target(n, true), Storage.Load(part, n));
        }
    }

    /// <summary>Writes an item's part of B to shared memory; rows run as they are stored.</summary>
    private static void Put<TTile>(ArrayView<TTile> part, ArrayView<TTile> shared, [Specialize] bool alongDepth)
        where TTile : unmanaged
    {
        for (int n = 0; n < ItemElements; n++)
        {
            shared[Target(n, alongDepth)] = part[n];
        }
    }

    /// <summary>Where the item's <paramref name="n"/>th element lies in shared memory.</summary>
    private static int Target(int n, [Specialize] bool alongDepth) => alongDepth
        ? ((Place(alongDepth) + (n * RowsApart)) * MatrixBlocks.DepthPitch) + Step(alongDepth)
        : ((Step(alongDepth) + (n * StepsApart)) * MatrixBlocks.BlockPitch) + Place(alongDepth);

    /// <summary>The step, of 32, of the item's first element.</summary>
    private static int Step([Specialize] bool alongDepth) => alongDepth ? Group.IdxX % MatrixBlocks.Depth : Group.IdxX / MatrixBlocks.Block;

    /// <summary>Its row or column, of 64.</summary>
    private static int Place([Specialize] bool alongDepth) => alongDepth ? Group.IdxX / MatrixBlocks.Depth : Group.IdxX % MatrixBlocks.Block;
}

namespace Engine.Kernels;

/// <summary>
/// Products of a float32 A and a B stored in 16 bits on matrix units, blocks of 64 x 64. A is rounded to B's type when it is copied to
/// shared memory; products are exact, sums float32. While 32 steps are multiplied, each item's part of the next ones is under way: of A to
/// its registers, of B to shared memory itself where B's rows lie as
/// <see cref="TileCopy"/> wants it, else to registers too. With copies, shared memory holds two parts of 32 steps in turn, so that what is
/// written never waits for what is read: one barrier for each.
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
                new LaunchShape(
                    (shape.N + MatrixBlocks.Block - 1) / MatrixBlocks.Block, (shape.M + MatrixBlocks.Block - 1) / MatrixBlocks.Block,
                    shape.Batch, GroupSize),
                ProductOperands<TStored>.Of(shape, views.A, stored),
                ProductTarget.Of(shape, views),
                shape.Layout == MatMulLayout.NT, InCopies(shape, views.B.ByteOffset), shape.Activation);
    }

    /// <summary>Whether B's rows are whole copies of 16 bytes, each at a multiple of them.</summary>
    internal static bool InCopies(MatMulShape shape, long byteOffset) =>
        byteOffset % (sizeof(ushort) * Tile.Alignment) == 0
        && shape.ColumnsB % Tile.Alignment == 0 && shape.RowStrideB % Tile.Alignment == 0 && shape.BatchStrideB % Tile.Alignment == 0;

    /// <summary>
    /// A block of C: columns by group x, rows by group y, one product by group z. A is [m, k]; B is [n, k] where <paramref
    /// name="transposed"/>, else [k, n]. <paramref name="inCopies"/>: B's rows are whole copies of <see cref="TileCopy"/> and begin where
    /// these may.
    /// </summary>
    [Kernel]
    public static void Multiply<TStored>(
        ProductOperands<TStored> of,
        ProductTarget target,
        [Specialize] bool transposed,
        [Specialize] bool inCopies,
        [Specialize] ActivationKind activation)
        where TStored : unmanaged
    {
        ArrayView<TStored> left = SharedMemory.Allocate<TStored>((inCopies ? 2 : 1) * MatrixBlocks.OperandSize);
        ArrayView<TStored> right = SharedMemory.Allocate<TStored>((inCopies ? 2 : 1) * MatrixBlocks.OperandSize);
        ArrayView<float> products = SharedMemory.Allocate<float>(MatrixBlocks.ProductSize);
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(Height * MatrixBlocks.Side);
        ArrayView<float> nextLeft = LocalMemory.Allocate<float>(ItemElements);
        ArrayView<TStored> nextRight = LocalMemory.Allocate<TStored>(ItemElements);
        MatrixBlocks.Clear(sums, Height * MatrixBlocks.Side);
        BeginA(of, 0, nextLeft);
        BeginB(of, 0, nextRight, right, 0, transposed, inCopies);
        for (int first = 0; first < of.Depth; first += (inCopies ? 2 : 1) * MatrixBlocks.Depth)
        {
            Advance(of, first, left, right, nextLeft, nextRight, sums, 0, transposed, inCopies);
            if (!inCopies)
            {
                Group.Barrier();
            }
            else if (first + MatrixBlocks.Depth < of.Depth)
            {
                Advance(of, first + MatrixBlocks.Depth, left, right, nextLeft, nextRight, sums, 1, transposed, inCopies);
            }
        }

        if (inCopies)
        {
            TileCopy.Wait(0);
        }

        MatrixBlocks.StoreProducts(sums, products, Height);
        Group.Barrier();
        int row = Grid.IdxY * MatrixBlocks.Block;
        int column = Grid.IdxX * MatrixBlocks.Block;
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
    /// Adds the 32 steps from <paramref name="first"/> on, which are under way, to the sums, and begins to bring the next ones. A constant
    /// <paramref name="half"/> of shared memory leaves its places to the instructions.
    /// </summary>
    private static void Advance<TStored>(
        ProductOperands<TStored> of,
        int first,
        ArrayView<TStored> left,
        ArrayView<TStored> right,
        ArrayView<float> nextLeft,
        ArrayView<TStored> nextRight,
        ArrayView<TileSum> sums,
        [Specialize] int half,
        [Specialize] bool transposed,
        [Specialize] bool inCopies)
        where TStored : unmanaged
    {
        ArrayView<TStored> a = left.SubView(half * MatrixBlocks.OperandSize, MatrixBlocks.OperandSize);
        ArrayView<TStored> b = right.SubView(half * MatrixBlocks.OperandSize, MatrixBlocks.OperandSize);
        PutRounded(nextLeft, a);
        if (inCopies)
        {
            TileCopy.Wait(0);
        }
        else
        {
            Put(nextRight, b, transposed);
        }

        // Every item is here: this part is written, and the other half no longer read.
        Group.Barrier();
        BeginA(of, first + MatrixBlocks.Depth, nextLeft);
        BeginB(of, first + MatrixBlocks.Depth, nextRight, right, (1 - half) * MatrixBlocks.OperandSize, transposed, inCopies);
        MatrixBlocks.Multiply(a, b, sums, transposed, Height);
    }

    /// <summary>Begins to bring 32 steps of A to the item's registers.</summary>
    private static void BeginA<TStored>(ProductOperands<TStored> of, int first, ArrayView<float> part)
        where TStored : unmanaged =>
        Read(of.A, Grid.IdxZ * of.BatchA, of.RowA, Grid.IdxY * MatrixBlocks.Block, of.Rows, first, of.Depth, part, true);

    /// <summary>
    /// Begins to bring 32 steps of B: to shared memory at <paramref name="to"/> in a batch of copies, or to the item's registers.
    /// </summary>
    private static void BeginB<TStored>(
        ProductOperands<TStored> of, int first, ArrayView<TStored> part, ArrayView<TStored> shared, int to,
        [Specialize] bool alongDepth, [Specialize] bool inCopies)
        where TStored : unmanaged
    {
        if (inCopies)
        {
            Copy(of, first, shared, to, 0, alongDepth);
            Copy(of, first, shared, to, 1, alongDepth);
            TileCopy.Commit();
        }
        else
        {
            Read(of.B, Grid.IdxZ * of.BatchB, of.RowB, Grid.IdxX * MatrixBlocks.Block, of.Columns, first, of.Depth, part, alongDepth);
        }
    }

    /// <summary>Starts the item's first or second copy: neighbouring items copy neighbouring elements of a stored row.</summary>
    private static void Copy<TStored>(
        ProductOperands<TStored> of, int first, ArrayView<TStored> shared, int to, int second, [Specialize] bool alongDepth)
        where TStored : unmanaged
    {
        int copiesOfRow = (alongDepth ? MatrixBlocks.Depth : MatrixBlocks.Block) / Tile.Alignment;
        int along = Group.IdxX % copiesOfRow * Tile.Alignment;
        int across = (Group.IdxX / copiesOfRow) + (second * (GroupSize / copiesOfRow));
        int r = (Grid.IdxX * MatrixBlocks.Block) + (alongDepth ? across : along);
        int k = first + (alongDepth ? along : across);
        long from = (Grid.IdxZ * of.BatchB) + (alongDepth ? (r * of.RowB) + k : (k * of.RowB) + r);
        int pitch = alongDepth ? MatrixBlocks.DepthPitch : MatrixBlocks.BlockPitch;
        TileCopy.Start(of.B, from, shared, to + (across * pitch) + along, r < of.Columns && k < of.Depth);
    }

    /// <summary>
    /// Reads an item's part of an operand as it is stored, zeros behind its edges: of rows <paramref name="at"/> to at + 63 and steps
    /// <paramref name="first"/> to first + 31, to be written to shared memory when that is free; nothing waits for it before.
    /// <paramref name="alongDepth"/>: stored rows run along the summed dimension. Either way neighbouring items read and write neighbouring
    /// elements.
    /// </summary>
    private static void Read<TSource>(
        ArrayView<TSource> operand, long start, long stride, int at, int count, int first, int depth, ArrayView<TSource> part,
        [Specialize] bool alongDepth)
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

    /// <summary>
    /// Where the item's <paramref name="n"/>th element lies in shared memory: a constant behind its first, which instructions hold.
    /// </summary>
    private static int Target(int n, [Specialize] bool alongDepth) => alongDepth
        ? (Place(alongDepth) * MatrixBlocks.DepthPitch) + Step(alongDepth) + (n * (RowsApart * MatrixBlocks.DepthPitch))
        : (Step(alongDepth) * MatrixBlocks.BlockPitch) + Place(alongDepth) + (n * (StepsApart * MatrixBlocks.BlockPitch));

    /// <summary>The step, of 32, of the item's first element.</summary>
    private static int Step([Specialize] bool alongDepth) => alongDepth ? Group.IdxX % MatrixBlocks.Depth : Group.IdxX / MatrixBlocks.Block;

    /// <summary>Its row or column, of 64.</summary>
    private static int Place([Specialize] bool alongDepth) =>
        alongDepth ? Group.IdxX / MatrixBlocks.Depth : Group.IdxX % MatrixBlocks.Block;
}

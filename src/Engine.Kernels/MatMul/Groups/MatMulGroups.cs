namespace Engine.Kernels;

/// <summary>
/// Products on GPUs: a group's tile of 64 x 64, its operands shared 16 steps of the depth at a time, 4 x 4 sums in each item's registers.
/// While 16 steps are multiplied, each item's part of the next ones is under way from memory to its registers.
/// </summary>
internal static partial class MatMulGroups
{
    private const int Tile = 64;

    private const int Depth = 16;

    /// <summary>Items along a side of the group's tile.</summary>
    private const int Side = 16;

    private const int GroupSize = Side * Side;

    /// <summary>
    /// Rows, and columns, of an item: <see cref="Side"/> apart, so that neighbouring items read and write neighbouring elements.
    /// </summary>
    private const int Sums = Tile / Side;

    /// <summary>One more than a tile's side: columns that are written one after another fall into different banks.</summary>
    private const int Pitch = Tile + 1;

    /// <summary>Elements of an operand that an item copies at a time.</summary>
    private const int Copied = Tile * Depth / GroupSize;

    public static Launch Bind(Device device, MatMulShape shape, MatMulViews views)
    {
        return views.B.Type switch
        {
            ElementType.Float32 => Bind(views.B.As<float>()),
            ElementType.Float16 => Bind(views.B.As<Half>()),
            _ => Bind(views.B.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => MultiplyKernel.Bind(
                device, new LaunchShape((shape.N + Tile - 1) / Tile, (shape.M + Tile - 1) / Tile, shape.Batch, GroupSize),
                ProductOperands<TStored>.Of(shape, views.A, stored),
                ProductTarget.Of(shape, views),
                shape.Layout, shape.Activation);
    }

    /// <summary>A tile of C: columns by group x, rows by group y, one product by group z.</summary>
    [Kernel]
    public static void Multiply<TStored>(
        ProductOperands<TStored> of,
        ProductTarget target,
        [Specialize] MatMulLayout layout,
        [Specialize] ActivationKind activation)
        where TStored : unmanaged
    {
        ArrayView<float> left = SharedMemory.Allocate<float>(Depth * Pitch);
        ArrayView<float> right = SharedMemory.Allocate<float>(Depth * Pitch);
        ArrayView<float> nextLeft = LocalMemory.Allocate<float>(Copied);
        ArrayView<TStored> nextRight = LocalMemory.Allocate<TStored>(Copied);
        ArrayView<float> sums = LocalMemory.Allocate<float>(Sums * Sums);
        int itemColumn = Group.IdxX % Side;
        int itemRow = Group.IdxX / Side;
        int row = Grid.IdxY * Tile;
        int column = Grid.IdxX * Tile;
        long startA = Grid.IdxZ * of.BatchA;
        long startB = Grid.IdxZ * of.BatchB;
        for (int i = 0; i < Sums * Sums; i++)
        {
            sums[i] = 0f;
        }

        Read(of.A, startA, of.RowA, row, of.Rows, 0, of.Depth, nextLeft, layout != MatMulLayout.TN);
        Read(of.B, startB, of.RowB, column, of.Columns, 0, of.Depth, nextRight, layout == MatMulLayout.NT);
        for (int first = 0; first < of.Depth; first += Depth)
        {
            Put(nextLeft, row, of.Rows, first, of.Depth, left, layout != MatMulLayout.TN);
            Put(nextRight, column, of.Columns, first, of.Depth, right, layout == MatMulLayout.NT);
            Group.Barrier();
            Read(of.A, startA, of.RowA, row, of.Rows, first + Depth, of.Depth, nextLeft, layout != MatMulLayout.TN);
            Read(of.B, startB, of.RowB, column, of.Columns, first + Depth, of.Depth, nextRight, layout == MatMulLayout.NT);
            for (int k = 0; k < Depth; k++)
            {
                Accumulate(left, right, (k * Pitch) + itemRow, (k * Pitch) + itemColumn, sums);
            }

            Group.Barrier();
        }

        for (int i = 0; i < Sums; i++)
        {
            for (int j = 0; j < Sums; j++)
            {
                int r = row + itemRow + (i * Side);
                int s = column + itemColumn + (j * Side);
                if (r < of.Rows && s < of.Columns)
                {
                    ProductTarget.Finish(target, sums[(i * Sums) + j], (Grid.IdxZ * target.Batch) + (r * target.Row) + s, s, activation);
                }
            }
        }
    }

    /// <summary>
    /// Reads an item's part of 16 steps of an operand, from step <paramref name="first"/>, as it is stored: nothing waits for it before
    /// <see cref="Put"/>. <paramref name="alongDepth"/>: stored rows run along the summed dimension. Either way neighbouring items read
    /// neighbouring elements.
    /// </summary>
    private static void Read<TStored>(
        ArrayView<TStored> operand, long start, long stride, int at, int count, int first, int depth, ArrayView<TStored> part,
        [Specialize] bool alongDepth)
        where TStored : unmanaged
    {
        for (int i = 0; i < Copied; i++)
        {
            int k = first + Step(i, alongDepth);
            int r = at + Place(i, alongDepth);
            if (r < count && k < depth)
            {
                part[i] = operand[start + (alongDepth ? (r * stride) + k : (k * stride) + r)];
            }
        }
    }

    /// <summary>
    /// Writes what <see cref="Read"/> has read to shared memory as float32, depth by <see cref="Pitch"/>, zeros behind the operand's edges.
    /// </summary>
    private static void Put<TStored>(
        ArrayView<TStored> part, int at, int count, int first, int depth, ArrayView<float> tile, [Specialize] bool alongDepth)
        where TStored : unmanaged
    {
        for (int i = 0; i < Copied; i++)
        {
            int k = Step(i, alongDepth);
            int r = Place(i, alongDepth);
            tile[(k * Pitch) + r] = at + r < count && first + k < depth ? Storage.Load(part, i) : 0f;
        }
    }

    /// <summary>The step of the depth, of 16, of the item's <paramref name="i"/>th element.</summary>
    private static int Step(int i, [Specialize] bool alongDepth) => alongDepth ? Group.IdxX % Depth : ((i * GroupSize) + Group.IdxX) / Tile;

    /// <summary>The row or column, of 64, of the item's <paramref name="i"/>th element.</summary>
    private static int Place(int i, [Specialize] bool alongDepth) =>
        alongDepth ? ((i * GroupSize) + Group.IdxX) / Depth : Group.IdxX % Tile;

    /// <summary>Adds one step of the depth to the item's sums.</summary>
    private static void Accumulate(ArrayView<float> left, ArrayView<float> right, int atLeft, int atRight, ArrayView<float> sums)
    {
        ArrayView<float> x = LocalMemory.Allocate<float>(Sums);
        ArrayView<float> y = LocalMemory.Allocate<float>(Sums);
        for (int i = 0; i < Sums; i++)
        {
            x[i] = left[atLeft + (i * Side)];
            y[i] = right[atRight + (i * Side)];
        }

        for (int i = 0; i < Sums; i++)
        {
            for (int j = 0; j < Sums; j++)
            {
                sums[(i * Sums) + j] = KernelMath.FusedMultiplyAdd(x[i], y[j], sums[(i * Sums) + j]);
            }
        }
    }
}

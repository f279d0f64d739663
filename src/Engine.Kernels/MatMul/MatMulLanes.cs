namespace Engine.Kernels;

/// <summary>
/// Products where work-items are lanes of CPU threads: one item a block of rows times a panel of columns, without barriers. For each
/// step of the depth it copies its panel of B to private memory, and strips of A beside it, so that the register tile
/// reads memory that lies together whatever the layout. Partial sums wait in C. Helpers take the panel's width as an argument where a loop over it
/// must stay a loop: over a constant it would be unrolled, and the driver would compile for seconds.
/// </summary>
internal static partial class MatMulLanes
{
    /// <summary>Rows of the register tile.</summary>
    private const int TileRows = 8;

    /// <summary>Rows of A that TN copies at a time: they lie together there, and a cache line of them is not fetched twice.</summary>
    private const int StripRows = 32;

    /// <summary>Columns of the register tile, two vectors: sixteen sums are as many as the fused multiply-adds need to be in flight.</summary>
    private const int TileColumns = 32;

    /// <summary>Steps of the depth in private memory at a time: the panel and a strip stay in the first cache levels.</summary>
    private const int Depth = 256;

    /// <summary>Most rows of a block. The panel of B is copied once a block, which NT pays for element by element.</summary>
    private const int MaxBlockRows = 256;

    /// <summary>Blocks for each core, so that cores that are late do not hold up the others for long.</summary>
    private const int BlocksPerCore = 8;

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
        int panels = (shape.N + TileColumns - 1) / TileColumns;
        int blockRows = MaxBlockRows;
        while (blockRows > TileRows && (long)Blocks(shape, blockRows) * panels * shape.Batch < (long)BlocksPerCore * device.Features.ComputeUnits)
        {
            blockRows /= 2;
        }

        return b.Type switch
        {
            ElementType.Float32 => Bind(b.As<float>()),
            ElementType.Float16 => Bind(b.As<Half>()),
            _ => Bind(b.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => MultiplyKernel.Bind(
                device, new LaunchShape(panels, Blocks(shape, blockRows), shape.Batch, 1), a, stored, c, bias ?? default, residual ?? default, preactivation ?? default,
                shape.M, shape.N, shape.K, blockRows, shape.RowStrideA, shape.RowStrideB, shape.RowStrideC,
                shape.BatchStrideA, shape.BatchStrideB, shape.BatchStrideC, shape.Alpha, shape.Beta == 1f, shape.Layout, shape.Activation);
    }

    /// <summary>A block of rows (group y) times a panel of columns (group x) of one product (group z).</summary>
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
        int blockRows,
        long rowA,
        long rowB,
        long rowC,
        long batchA,
        long batchB,
        long batchC,
        float alpha,
        bool accumulate,
        [Specialize] MatMulLayout layout,
        [Specialize] ActivationKind activation)
        where TStored : unmanaged
    {
        ArrayView<float> panel = LocalMemory.Allocate<float>(Depth * TileColumns);
        ArrayView<float> strip = LocalMemory.Allocate<float>(Depth * (layout == MatMulLayout.TN ? StripRows : TileRows));
        ArrayView<float> tile = LocalMemory.Allocate<float>(TileRows * TileColumns);
        int column = Grid.IdxX * TileColumns;
        int count = Math.Min(TileColumns, columns - column);
        int firstRow = Grid.IdxY * blockRows;
        int lastRow = Math.Min(firstRow + blockRows, rows);
        long startA = Grid.IdxZ * batchA;
        long startB = Grid.IdxZ * batchB;
        long startC = Grid.IdxZ * batchC;

        // At least one step: a sum over nothing is zero, and is written.
        int first = 0;
        do
        {
            int steps = Math.Min(Depth, depth - first);
            bool last = first + steps >= depth;
            PackPanel(b, startB, rowB, column, count, first, steps, panel, TileColumns, layout);
            for (int row = firstRow; row < lastRow; row += TileRows)
            {
                int tileRows = Math.Min(TileRows, lastRow - row);
                int stripRow = layout == MatMulLayout.TN ? (row - firstRow) % StripRows : 0;
                if (stripRow == 0)
                {
                    PackStrip(a, startA, rowA, row, lastRow - row, first, steps, strip, layout);
                }

                Tile(strip, stripRow, panel, steps, alpha, tile, layout);
                for (int i = 0; i < tileRows; i++)
                {
                    long at = startC + ((row + i) * rowC) + column;
                    ArrayView<float> sums = tile.SubView(i * TileColumns, TileColumns);
                    if (accumulate || first > 0)
                    {
                        Add(c, at, count, sums);
                    }

                    if (last)
                    {
                        Finish(sums, at, column, count, TileColumns, bias, residual, preactivation, activation);
                    }

                    Store(sums, c, at, count);
                }
            }

            first += Depth;
        }
        while (first < depth);
    }

    /// <summary>Copies steps x columns of op(B), as float32, to rows of <paramref name="width"/>. Columns that are not there are copies of the last one: what the tile makes of them is not stored.</summary>
    private static void PackPanel<TStored>(
        ArrayView<TStored> b, long start, long rowB, int column, int count, int first, int steps, ArrayView<float> panel, int width, [Specialize] MatMulLayout layout)
        where TStored : unmanaged
    {
        if (layout == MatMulLayout.NT)
        {
            for (int j = 0; j < width; j++)
            {
                long from = start + ((column + Math.Min(j, count - 1)) * rowB) + first;
                for (int k = 0; k < steps; k++)
                {
                    panel[(k * width) + j] = Storage.Load(b, from + k);
                }
            }
        }
        else if (count == width)
        {
            for (int k = 0; k < steps; k++)
            {
                long from = start + ((first + k) * rowB) + column;
                Vec16.Load(b, from).Store(panel, k * width);
                Vec16.Load(b, from + 16).Store(panel, (k * width) + 16);
            }
        }
        else
        {
            for (int k = 0; k < steps; k++)
            {
                long from = start + ((first + k) * rowB) + column;
                for (int j = 0; j < width; j++)
                {
                    panel[(k * width) + j] = Storage.Load(b, from + Math.Min(j, count - 1));
                }
            }
        }
    }

    /// <summary>Copies rows x steps of op(A): TN to steps of <see cref="StripRows"/>, the others <see cref="TileRows"/> to rows of <see cref="Depth"/>. Rows that are not there are copies of the last one.</summary>
    private static void PackStrip(
        ArrayView<float> a, long start, long rowA, int row, int count, int first, int steps, ArrayView<float> strip, [Specialize] MatMulLayout layout)
    {
        if (layout != MatMulLayout.TN)
        {
            for (int i = 0; i < TileRows; i++)
            {
                long from = start + ((row + Math.Min(i, count - 1)) * rowA) + first;
                int k = 0;
                for (; k + 16 <= steps; k += 16)
                {
                    Vec16.Load(a, from + k).Store(strip, (i * Depth) + k);
                }

                for (; k < steps; k++)
                {
                    strip[(i * Depth) + k] = a[from + k];
                }
            }
        }
        else if (count >= StripRows)
        {
            for (int k = 0; k < steps; k++)
            {
                long from = start + ((first + k) * rowA) + row;
                Vec16.Load(a, from).Store(strip, k * StripRows);
                Vec16.Load(a, from + 16).Store(strip, (k * StripRows) + 16);
            }
        }
        else
        {
            for (int k = 0; k < steps; k++)
            {
                for (int i = 0; i < StripRows; i++)
                {
                    strip[(k * StripRows) + i] = a[start + ((first + k) * rowA) + row + Math.Min(i, count - 1)];
                }
            }
        }
    }

    /// <summary>tile [8, 32] = alpha strip panel, from row <paramref name="stripRow"/> of the strip.</summary>
    private static void Tile(
        ArrayView<float> strip, int stripRow, ArrayView<float> panel, int steps, float alpha, ArrayView<float> tile, [Specialize] MatMulLayout layout)
    {
        ArrayView<Vec16> left = LocalMemory.Allocate<Vec16>(TileRows);
        ArrayView<Vec16> right = LocalMemory.Allocate<Vec16>(TileRows);
        for (int i = 0; i < TileRows; i++)
        {
            left[i] = Vec16.Broadcast(0f);
            right[i] = Vec16.Broadcast(0f);
        }

        for (int k = 0; k < steps; k++)
        {
            Vec16 b0 = Vec16.Load(panel, k * TileColumns);
            Vec16 b1 = Vec16.Load(panel, (k * TileColumns) + 16);
            for (int i = 0; i < TileRows; i++)
            {
                Vec16 x = Vec16.Broadcast(strip[layout == MatMulLayout.TN ? (k * StripRows) + stripRow + i : (i * Depth) + k]);
                left[i] = Vec16.FusedMultiplyAdd(x, b0, left[i]);
                right[i] = Vec16.FusedMultiplyAdd(x, b1, right[i]);
            }
        }

        for (int i = 0; i < TileRows; i++)
        {
            (alpha * left[i]).Store(tile, i * TileColumns);
            (alpha * right[i]).Store(tile, (i * TileColumns) + 16);
        }
    }

    private static void Add(ArrayView<float> c, long at, int count, ArrayView<float> sums)
    {
        if (count == TileColumns)
        {
            (Vec16.Load(c, at) + Vec16.Load(sums, 0)).Store(sums, 0);
            (Vec16.Load(c, at + 16) + Vec16.Load(sums, 16)).Store(sums, 16);
        }
        else
        {
            for (int j = 0; j < count; j++)
            {
                sums[j] += c[at + j];
            }
        }
    }

    private static void Store(ArrayView<float> sums, ArrayView<float> c, long at, int count)
    {
        if (count == TileColumns)
        {
            Vec16.Load(sums, 0).Store(c, at);
            Vec16.Load(sums, 16).Store(c, at + 16);
        }
        else
        {
            for (int j = 0; j < count; j++)
            {
                c[at + j] = sums[j];
            }
        }
    }

    /// <summary>Bias, the pre-activation's copy, activation and residual of one row of a tile; a view of length 0 is an operand that is absent.</summary>
    private static void Finish(
        ArrayView<float> sums,
        long at,
        int column,
        int count,
        int width,
        ArrayView<float> bias,
        ArrayView<float> residual,
        ArrayView<float> preactivation,
        [Specialize] ActivationKind activation)
    {
        if (bias.Length > 0)
        {
            Add(bias, column, count, sums);
        }

        if (preactivation.Length > 0)
        {
            Store(sums, preactivation, at, count);
        }

        if (activation != ActivationKind.None)
        {
            for (int j = 0; j < width; j++)
            {
                sums[j] = ActivationFunctions.Apply(sums[j], activation);
            }
        }

        if (residual.Length > 0)
        {
            Add(residual, at, count, sums);
        }
    }

    private static int Blocks(MatMulShape shape, int blockRows) => (shape.M + blockRows - 1) / blockRows;
}

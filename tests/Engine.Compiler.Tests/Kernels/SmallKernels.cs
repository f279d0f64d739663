namespace Engine.Compiler.Tests.Kernels;

/// <summary>Kernels whose printed text is pinned.</summary>
internal static partial class SmallKernels
{
    /// <summary>y = factor * x, any storage type.</summary>
    [Kernel]
    public static void Scale<T>(ArrayView<T> x, ArrayView<T> y, float factor, int count)
        where T : unmanaged
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            Storage.Store(y, i, factor * Storage.Load(x, i));
        }
    }

    /// <summary>What <see cref="RowScale"/> reads and writes.</summary>
    [Operands]
    public partial struct RowOperands<T>
        where T : unmanaged
    {
        public ArrayView<T> X;
        public ArrayView<float> Y;

        /// <summary>Added, where it is there.</summary>
        public ArrayView<float> Bias;
        public long Stride;
        public DayOfWeek Day;
        public bool Negative;
    }

    /// <summary>y = factor * x + bias, a row a group; the operands go to helpers with and without a barrier.</summary>
    [Kernel]
    public static void RowScale<T>(RowOperands<T> of, float factor, [Specialize] int columns)
        where T : unmanaged
    {
        long row = Grid.IdxX * of.Stride;
        ArrayView<float> tile = SharedMemory.Allocate<float>(columns);
        Share(of, row, tile);
        if (Group.IdxX < columns)
        {
            float value = factor * tile[columns - 1 - Group.IdxX];
            of.Y[row + Group.IdxX] = Signed(of, value) + (of.Bias.Length > 0 ? of.Bias[Group.IdxX] : 0f);
        }
    }

    private static void Share<T>(RowOperands<T> of, long row, ArrayView<float> tile)
        where T : unmanaged
    {
        for (int i = Group.IdxX; i < tile.Length; i += Group.DimX)
        {
            tile[i] = Storage.Load(of.X, row + i);
        }

        Group.Barrier();
    }

    private static float Signed<T>(RowOperands<T> of, float value)
        where T : unmanaged => of.Negative ? (int)of.Day - value : value;

    /// <summary>sums[group] = the sum of the group's elements, by a tree in shared memory.</summary>
    [Kernel]
    public static void GroupSum(ArrayView<float> x, ArrayView<float> sums, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        long i = ((long)Grid.IdxX * groupSize) + item;
        tile[item] = i < x.Length ? x[i] : 0f;
        Group.Barrier();
        for (int half = groupSize / 2; half > 0; half >>= 1)
        {
            if (item < half)
            {
                tile[item] += tile[item + half];
            }

            Group.Barrier();
        }

        if (item == 0)
        {
            sums[Grid.IdxX] = tile[0];
        }
    }

    /// <summary>The same by shuffles, and a helper that holds them.</summary>
    [Kernel]
    public static void WarpSum(ArrayView<float> x, ArrayView<float> sums)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        float total = SumOfWarp(i < x.Length ? x[i] : 0f);
        if (Warp.LaneIdx == 0)
        {
            sums[i / Warp.WarpSize] = total;
        }
    }

    /// <summary>Rows times a column for each item, in registers.</summary>
    [Kernel]
    public static void OuterProduct(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, int depth, [Specialize(Most = 4)] int rows)
    {
        ArrayView<float> sums = LocalMemory.Allocate<float>(rows);
        for (int r = 0; r < rows; r++)
        {
            sums[r] = 0f;
        }

        for (int k = 0; k < depth; k++)
        {
            float value = b[((long)k * Group.DimX) + Group.IdxX];
            for (int r = 0; r < rows; r++)
            {
                sums[r] = MathF.FusedMultiplyAdd(a[((long)r * depth) + k], value, sums[r]);
            }
        }

        for (int r = 0; r < rows; r++)
        {
            c[((long)r * Group.DimX) + Group.IdxX] = sums[r];
        }
    }

    /// <summary>Four elements for each item in the opposite order, in registers as they are stored.</summary>
    [Kernel]
    public static void Turn<T>(ArrayView<T> x, ArrayView<float> y)
        where T : unmanaged
    {
        ArrayView<T> kept = LocalMemory.Allocate<T>(4);
        long start = 4 * (((long)Grid.IdxX * Group.DimX) + Group.IdxX);
        for (int i = 0; i < 4; i++)
        {
            kept[i] = x[start + i];
        }

        for (int i = 0; i < 4; i++)
        {
            y[start + i] = Storage.Load(kept, 3 - i);
        }
    }

    /// <summary>c [16, 16] = a [16, depth] b^T with b [16, depth], by one team; depth is a multiple of 16.</summary>
    [Kernel]
    public static void TileProduct<T>(ArrayView<float> a, ArrayView<T> b, ArrayView<float> c, int depth)
        where T : unmanaged
    {
        ArrayView<T> left = SharedMemory.Allocate<T>(Tile.Size * Tile.Size);
        TileSum sums = Tile.Zero();
        for (int first = 0; first < depth; first += Tile.Size)
        {
            for (int i = Group.IdxX; i < Tile.Size * Tile.Size; i += Group.DimX)
            {
                Storage.Store(left, i, a[((long)(i / Tile.Size) * depth) + first + (i % Tile.Size)]);
            }

            Group.Barrier();
            TileA<T> x = Tile.LoadA(left, 0, Tile.Size, TileOrder.RowMajor);
            TileB<T> y = Tile.LoadB(b, first, depth, TileOrder.ColumnMajor);
            sums = Tile.MultiplyAdd(x, y, sums);
            Group.Barrier();
        }

        Tile.Store(sums, c, 0, Tile.Size);
    }

    private static float SumOfWarp(float value)
    {
        for (int mask = Warp.WarpSize / 2; mask > 0; mask >>= 1)
        {
            value += Warp.ShuffleXor(value, mask);
        }

        return value;
    }
}

namespace Engine.Compiler.Tests.Kernels;

/// <summary>Tiles in every order, from shared and global memory, in registers of a team, through helpers.</summary>
internal static partial class TileKernels
{
    /// <summary>Steps of the summed dimension.</summary>
    public const int Depth = 32;

    public const int Teams = 2;

    /// <summary>Elements from one stored row or column of an operand to the next: no multiple of a tile.</summary>
    public const int Stride = 40;

    /// <summary>Elements of a batch of copies of one team.</summary>
    public const int CopiedElements = Tile.TeamItems * Tile.Alignment;

    /// <summary>
    /// Team t: c[t] [16, 16 count] = diag(factors[t]) a[t] b[t], a [16, <see cref="Depth"/>] and b [<see cref="Depth"/>, 16 count] as their
    /// orders store them. A passes through shared memory.
    /// </summary>
    [Kernel]
    public static void Products<T>(
        ArrayView<T> a,
        ArrayView<T> b,
        ArrayView<float> factors,
        ArrayView<float> c,
        [Specialize] TileOrder orderA,
        [Specialize] TileOrder orderB,
        [Specialize(Most = 4)] int count)
        where T : unmanaged
    {
        ArrayView<T> left = SharedMemory.Allocate<T>(Teams * Depth * Stride);
        ArrayView<float> shared = SharedMemory.Allocate<float>(Teams * Tile.Size);
        ArrayView<TileSum> sums = LocalMemory.Allocate<TileSum>(count);
        int team = Tile.TeamIdx;
        for (int i = Group.IdxX; i < Teams * Depth * Stride; i += Group.DimX)
        {
            left[i] = a[i];
        }

        for (int i = Group.IdxX; i < Teams * Tile.Size; i += Group.DimX)
        {
            shared[i] = factors[i];
        }

        for (int n = 0; n < count; n++)
        {
            sums[n] = Tile.Zero();
        }

        Group.Barrier();
        for (int k = 0; k < Depth; k += Tile.Size)
        {
            int at = (team * Depth * Stride) + (orderA == TileOrder.RowMajor ? k : k * Stride);
            TileA<T> x = Tile.LoadA(left, at, Stride, orderA);
            for (int n = 0; n < count; n++)
            {
                long start = ((long)team * Depth * Stride)
                    + (orderB == TileOrder.RowMajor ? (k * Stride) + (n * Tile.Size) : k + (n * Tile.Size * Stride));
                TileSum sum = sums[n];
                Accumulate(x, b, start, ref sum, orderB);
                sums[n] = sum;
            }
        }

        for (int n = 0; n < count; n++)
        {
            Tile.Store(
                Tile.ScaleRows(sums[n], shared, team * Tile.Size), c, (team * Tile.Size * count * Tile.Size) + (n * Tile.Size),
                count * Tile.Size);
        }
    }

    /// <summary>
    /// y [2, 32 x 8]: each item copies 8 elements of x in each of two batches, zeros in every third place; of each batch, y has the
    /// elements in reversed order, what other items copied. Copies begin at element <paramref name="from"/> of x and <paramref name="to"/>
    /// of shared memory.
    /// </summary>
    [Kernel]
    public static void Copies<T>(ArrayView<T> x, ArrayView<T> y, long from, int to)
        where T : unmanaged
    {
        ArrayView<T> shared = SharedMemory.Allocate<T>((2 * CopiedElements) + Tile.Alignment);
        Begin(x, shared, from, to);
        Begin(x, shared, from + CopiedElements, to + CopiedElements);
        TileCopy.Wait(1);
        Group.Barrier();
        for (int i = Group.IdxX; i < CopiedElements; i += Group.DimX)
        {
            y[i] = shared[to + CopiedElements - 1 - i];
        }

        TileCopy.Wait(0);
        Group.Barrier();
        for (int i = Group.IdxX; i < CopiedElements; i += Group.DimX)
        {
            y[CopiedElements + i] = shared[to + (2 * CopiedElements) - 1 - i];
        }
    }

    /// <summary>The second batch is read when only the first has been waited for: what checked reads must notice.</summary>
    [Kernel]
    public static void Hasty(ArrayView<Half> x, ArrayView<Half> y)
    {
        ArrayView<Half> shared = SharedMemory.Allocate<Half>(2 * CopiedElements);
        Begin(x, shared, 0, 0);
        Begin(x, shared, CopiedElements, CopiedElements);
        TileCopy.Wait(1);
        Group.Barrier();
        y[Group.IdxX] = shared[Group.IdxX];
        y[CopiedElements + Group.IdxX] = shared[CopiedElements + Group.IdxX];
    }

    /// <summary>Items of the upper half do not multiply: what the executor must notice.</summary>
    [Kernel]
    public static void Divergent(ArrayView<Half> a, ArrayView<float> c)
    {
        TileSum sums = Tile.Zero();
        if (Group.IdxX < 16)
        {
            sums = Tile.MultiplyAdd(Tile.LoadA(a, 0, 16, TileOrder.RowMajor), Tile.LoadB(a, 0, 16, TileOrder.RowMajor), sums);
        }

        Tile.Store(sums, c, 0, 16);
    }

    private static void Begin<T>(ArrayView<T> x, ArrayView<T> shared, long from, int to)
        where T : unmanaged
    {
        int at = Group.IdxX * Tile.Alignment;
        TileCopy.Start(x, from + at, shared, to + at, Group.IdxX % 3 != 2);
        TileCopy.Commit();
    }

    private static void Accumulate<T>(TileA<T> x, ArrayView<T> b, long at, ref TileSum sum, [Specialize] TileOrder order)
        where T : unmanaged
    {
        TileB<T> y = Tile.LoadB(b, at, Stride, order);
        sum = Tile.MultiplyAdd(x, y, sum);
    }
}

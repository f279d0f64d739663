namespace Engine.Compiler.Tests.Kernels;

/// <summary>Tiles in every order, from shared and global memory, in registers of a team, through helpers.</summary>
internal static partial class TileKernels
{
    /// <summary>Steps of the summed dimension.</summary>
    public const int Depth = 32;

    public const int Teams = 2;

    /// <summary>Elements from one stored row or column of an operand to the next: no multiple of a tile.</summary>
    public const int Stride = 40;

    /// <summary>
    /// Team t: c[t] [16, 16 count] = diag(factors[t]) a[t] b[t], a [16, <see cref="Depth"/>] and b [<see cref="Depth"/>, 16 count] as their orders store them. A passes through shared memory.
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
                long start = ((long)team * Depth * Stride) + (orderB == TileOrder.RowMajor ? (k * Stride) + (n * Tile.Size) : k + (n * Tile.Size * Stride));
                TileSum sum = sums[n];
                Accumulate(x, b, start, ref sum, orderB);
                sums[n] = sum;
            }
        }

        for (int n = 0; n < count; n++)
        {
            Tile.Store(Tile.ScaleRows(sums[n], shared, team * Tile.Size), c, (team * Tile.Size * count * Tile.Size) + (n * Tile.Size), count * Tile.Size);
        }
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

    private static void Accumulate<T>(TileA<T> x, ArrayView<T> b, long at, ref TileSum sum, [Specialize] TileOrder order)
        where T : unmanaged
    {
        TileB<T> y = Tile.LoadB(b, at, Stride, order);
        sum = Tile.MultiplyAdd(x, y, sum);
    }
}

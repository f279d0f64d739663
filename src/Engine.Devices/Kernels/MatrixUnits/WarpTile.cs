using ILGPU;

namespace Engine.Devices.Kernels;

/// <summary>
/// <see cref="Tile"/> on CUDA cards: a warp holds a tile in the registers that mma.m16n8k16 reads and writes (PTX ISA, "Matrix Fragments
/// for mma.m16n8k16 with floating point type"). Lane l is thread l % 4 of group l / 4, and a product is two instructions, of columns 0 to 7
/// and of columns 8 to 15.
/// </summary>
public static class WarpTile
{
    /// <summary>Elements along a side of the matrices that registers hold: a quarter of a tile.</summary>
    private const int Side = Tile.Size / 2;

    /// <summary><see cref="Tile.TeamIdx"/>.</summary>
    public static int TeamIdx => ILGPU.Group.IdxX / Tile.TeamItems;

    private static int Lane => ILGPU.Group.IdxX % Tile.TeamItems;

    private static int Group => Lane / 4;

    private static int Thread => Lane % 4;

    /// <summary>
    /// <see cref="Tile.LoadA"/>. R0 has row group of steps 2 thread and 2 thread + 1, R1 row group + 8 of them, R2 and R3 these rows of
    /// steps 8 further.
    /// </summary>
    public static TileRegisters LoadA<T>(ArrayView<T> view, long at, int stride, TileOrder order)
        where T : unmanaged
    {
        ArrayView<ushort> bits = view.Cast<ushort>();
        return MatrixInstructions.IsShared(ref bits[at]) ? SharedA(bits, at, stride, order) : GlobalA(bits, at, stride, order);
    }

    /// <summary>
    /// <see cref="Tile.LoadB"/>. R0 has column group of steps 2 thread and 2 thread + 1, R1 steps 8 further, R2 and R3 both of column group
    /// + 8.
    /// </summary>
    public static TileRegisters LoadB<T>(ArrayView<T> view, long at, int stride, TileOrder order)
        where T : unmanaged
    {
        ArrayView<ushort> bits = view.Cast<ushort>();
        return MatrixInstructions.IsShared(ref bits[at]) ? SharedB(bits, at, stride, order) : GlobalB(bits, at, stride, order);
    }

    /// <summary><see cref="Tile.Zero"/>.</summary>
    public static SumRegisters Zero() => default;

    /// <summary><see cref="Tile.MultiplyAdd"/>.</summary>
    public static SumRegisters MultiplyAdd<TStorage>(TileRegisters a, TileRegisters b, SumRegisters sums)
        where TStorage : struct, IStorage =>
        TStorage.IsBFloat16 ? MatrixInstructions.MultiplyAddBFloat16(a, b, sums) : MatrixInstructions.MultiplyAddFloat16(a, b, sums);

    /// <summary><see cref="Tile.ScaleRows"/>.</summary>
    public static SumRegisters ScaleRows(SumRegisters sums, ArrayView<float> factors, long at)
    {
        float upper = factors[at + Group];
        float lower = factors[at + Group + Side];
        return new SumRegisters
        {
            R0 = sums.R0 * upper,
            R1 = sums.R1 * upper,
            R2 = sums.R2 * lower,
            R3 = sums.R3 * lower,
            R4 = sums.R4 * upper,
            R5 = sums.R5 * upper,
            R6 = sums.R6 * lower,
            R7 = sums.R7 * lower,
        };
    }

    /// <summary>
    /// <see cref="Tile.Store"/>. R0 and R1 are row group, columns 2 thread and 2 thread + 1; R2 and R3 row group + 8; R4 to R7 the same 8
    /// columns further.
    /// </summary>
    public static void Store(SumRegisters sums, ArrayView<float> view, long at, int stride)
    {
        long upper = at + (Group * stride) + (2 * Thread);
        long lower = upper + (Side * stride);
        view[upper] = sums.R0;
        view[upper + 1] = sums.R1;
        view[lower] = sums.R2;
        view[lower + 1] = sums.R3;
        view[upper + Side] = sums.R4;
        view[upper + Side + 1] = sums.R5;
        view[lower + Side] = sums.R6;
        view[lower + Side + 1] = sums.R7;
    }

    internal static TileRegisters SharedA(ArrayView<ushort> view, long at, int stride, TileOrder order) => order == TileOrder.RowMajor
        ? MatrixInstructions.Load(ref Row(view, at, stride, order))
        : MatrixInstructions.LoadTransposed(ref Row(view, at, stride, order));

    internal static TileRegisters SharedB(ArrayView<ushort> view, long at, int stride, TileOrder order) => order == TileOrder.ColumnMajor
        ? MatrixInstructions.Load(ref Row(view, at, stride, order))
        : MatrixInstructions.LoadTransposed(ref Row(view, at, stride, order));

    internal static TileRegisters GlobalA(ArrayView<ushort> view, long at, int stride, TileOrder order) =>
        order == TileOrder.RowMajor ? Elements(view, at, stride, 1) : Elements(view, at, 1, stride);

    internal static TileRegisters GlobalB(ArrayView<ushort> view, long at, int stride, TileOrder order)
    {
        TileRegisters elements = order == TileOrder.ColumnMajor ? Elements(view, at, stride, 1) : Elements(view, at, 1, stride);
        return new TileRegisters { R0 = elements.R0, R1 = elements.R2, R2 = elements.R1, R3 = elements.R3 };
    }

    /// <summary>
    /// The row of eight elements that this lane passes to ldmatrix, which loads the quarters of a tile: behind the first, of a row-major
    /// tile the one 8 rows further, of a column-major one that 8 elements further in the same columns. So the second register is A's rows
    /// or B's steps 8 further, as <see cref="LoadA"/> and <see cref="LoadB"/> want it.
    /// </summary>
    private static ref ushort Row(ArrayView<ushort> view, long at, int stride, TileOrder order)
    {
        int row = order == TileOrder.RowMajor ? Lane % Tile.Size : (Lane % Side) + (Lane / Tile.Size * Side);
        int column = order == TileOrder.RowMajor ? Lane / Tile.Size * Side : Lane / Side % 2 * Side;
        return ref view[at + (row * stride) + column];
    }

    /// <summary>
    /// A lane's elements in A's order, by plain loads: neighbours across the summed dimension stand <paramref name="across"/> apart,
    /// neighbours along it <paramref name="along"/>.
    /// </summary>
    private static TileRegisters Elements(ArrayView<ushort> view, long at, int across, int along)
    {
        long first = at + (Group * across) + (2 * Thread * along);
        return new TileRegisters
        {
            R0 = Pair(view, first, along),
            R1 = Pair(view, first + (Side * across), along),
            R2 = Pair(view, first + (Side * along), along),
            R3 = Pair(view, first + (Side * across) + (Side * along), along),
        };
    }

    private static uint Pair(ArrayView<ushort> view, long at, int along) => view[at] | ((uint)view[at + along] << 16);
}

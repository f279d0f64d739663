namespace Engine.Kernels;

/// <summary>
/// Products of 64 x 64 as a group of four teams computes them on matrix units, a team 32 x 32: operands pass through shared memory 32 steps of the summed dimension at a time, rounded
/// to a 16-bit type. Called by every item of the group.
/// </summary>
internal static class MatrixBlocks
{
    /// <summary>Rows and columns of the group's block.</summary>
    public const int Block = 64;

    /// <summary>Steps of the summed dimension in shared memory at a time.</summary>
    public const int Depth = 32;

    /// <summary>Teams of a group: two by two.</summary>
    public const int Teams = 4;

    /// <summary>Tiles along a side of a team's part: two, which <see cref="Multiply"/> holds by name.</summary>
    public const int Side = 2;

    /// <summary>Sums of a team.</summary>
    public const int Sums = Side * Side;

    /// <summary>Elements from one row of a shared operand to the next where rows run along the summed dimension; the last eight keep rows out of each other's banks.</summary>
    public const int DepthPitch = Depth + 8;

    /// <summary>The same where rows run across it.</summary>
    public const int BlockPitch = Block + 8;

    /// <summary>Elements of an operand in shared memory, in either direction.</summary>
    public const int OperandSize = Block * DepthPitch;

    /// <summary>Elements from one row of products in shared memory to the next.</summary>
    public const int ProductPitch = Block + 4;

    /// <summary>Elements of the products in shared memory.</summary>
    public const int ProductSize = Block * ProductPitch;

    /// <summary>Items of a group on a device.</summary>
    public static int GroupSize(Device device) => Teams * device.Features.TileItems;

    /// <summary>Elements that an item copies of an operand at a time.</summary>
    public static int ItemElements(Device device) => Block * Depth / GroupSize(device);

    /// <summary>
    /// Copies rows <paramref name="at"/> to at + 63 of an operand to shared memory, steps <paramref name="first"/> to first + 31, rounded to the type of the tiles, zeros behind its edges.
    /// <paramref name="alongDepth"/>: stored rows run along the summed dimension, and shared ones too. Either way neighbouring items read and write neighbouring elements.
    /// </summary>
    public static void Share<TSource, TTile>(
        ArrayView<TSource> operand, long start, long stride, int at, int count, int first, int depth, ArrayView<TTile> shared, [Specialize] bool alongDepth)
        where TSource : unmanaged
        where TTile : unmanaged
    {
        for (int i = Group.IdxX; i < Block * Depth; i += Group.DimX)
        {
            int k = first + Step(i, alongDepth);
            int r = at + Place(i, alongDepth);
            Storage.Store(shared, SharedIndex(i, alongDepth), r < count && k < depth ? Storage.Load(operand, start + (alongDepth ? (r * stride) + k : (k * stride) + r)) : 0f);
        }
    }

    /// <summary>
    /// Reads an item's part of what <see cref="Share"/> copies, as it is stored, to be written by <see cref="Put"/> when shared memory is free: nothing waits for it before. <paramref name="elements"/> are an
    /// item's: <see cref="ItemElements"/>.
    /// </summary>
    public static void Read<TSource>(
        ArrayView<TSource> operand, long start, long stride, int at, int count, int first, int depth, ArrayView<TSource> part, [Specialize] bool alongDepth, [Specialize] int elements)
        where TSource : unmanaged
    {
        for (int n = 0; n < elements; n++)
        {
            int i = Group.IdxX + (n * (Block * Depth / elements));
            int k = first + Step(i, alongDepth);
            int r = at + Place(i, alongDepth);
            if (r < count && k < depth)
            {
                part[n] = operand[start + (alongDepth ? (r * stride) + k : (k * stride) + r)];
            }
        }
    }

    /// <summary>Writes what <see cref="Read"/> has read to shared memory, rounded to the type of the tiles, zeros behind the operand's edges.</summary>
    public static void Put<TSource, TTile>(
        ArrayView<TSource> part, int at, int count, int first, int depth, ArrayView<TTile> shared, [Specialize] bool alongDepth, [Specialize] int elements)
        where TSource : unmanaged
        where TTile : unmanaged
    {
        for (int n = 0; n < elements; n++)
        {
            int i = Group.IdxX + (n * (Block * Depth / elements));
            bool inside = at + Place(i, alongDepth) < count && first + Step(i, alongDepth) < depth;
            Storage.Store(shared, SharedIndex(i, alongDepth), inside ? Storage.Load(part, n) : 0f);
        }
    }

    /// <summary>The step, of 32, of the <paramref name="i"/>th element that a group copies.</summary>
    private static int Step(int i, [Specialize] bool alongDepth) => alongDepth ? i % Depth : i / Block;

    /// <summary>Its row or column, of 64.</summary>
    private static int Place(int i, [Specialize] bool alongDepth) => alongDepth ? i / Depth : i % Block;

    /// <summary>Where it stands in shared memory.</summary>
    private static int SharedIndex(int i, [Specialize] bool alongDepth) =>
        alongDepth ? (Place(i, alongDepth) * DepthPitch) + Step(i, alongDepth) : (Step(i, alongDepth) * BlockPitch) + Place(i, alongDepth);

    /// <summary>
    /// Adds 32 steps to a team's sums. <paramref name="left"/> has rows along the summed dimension, <paramref name="right"/> too where <paramref name="transposed"/>.
    /// </summary>
    public static void Multiply<TTile>(ArrayView<TTile> left, ArrayView<TTile> right, ArrayView<TileSum> sums, [Specialize] bool transposed)
        where TTile : unmanaged
    {
        int row = Tile.TeamIdx / Side * Side * Tile.Size;
        int column = Tile.TeamIdx % Side * Side * Tile.Size;
        for (int k = 0; k < Depth; k += Tile.Size)
        {
            TileA<TTile> upper = Tile.LoadA(left, (row * DepthPitch) + k, DepthPitch, TileOrder.RowMajor);
            TileA<TTile> lower = Tile.LoadA(left, ((row + Tile.Size) * DepthPitch) + k, DepthPitch, TileOrder.RowMajor);
            for (int j = 0; j < Side; j++)
            {
                int at = column + (j * Tile.Size);
                TileB<TTile> y = Tile.LoadB(
                    right, transposed ? (at * DepthPitch) + k : (k * BlockPitch) + at, transposed ? DepthPitch : BlockPitch, transposed ? TileOrder.ColumnMajor : TileOrder.RowMajor);
                sums[j] = Tile.MultiplyAdd(upper, y, sums[j]);
                sums[Side + j] = Tile.MultiplyAdd(lower, y, sums[Side + j]);
            }
        }
    }

    /// <summary>Sums that are all zero.</summary>
    public static void Clear(ArrayView<TileSum> sums, [Specialize] int count)
    {
        for (int i = 0; i < count; i++)
        {
            sums[i] = Tile.Zero();
        }
    }

    /// <summary>Writes a team's sums to the group's products in shared memory, rows <see cref="ProductPitch"/> apart.</summary>
    public static void StoreProducts(ArrayView<TileSum> sums, ArrayView<float> products)
    {
        int row = Tile.TeamIdx / Side * Side * Tile.Size;
        int column = Tile.TeamIdx % Side * Side * Tile.Size;
        for (int i = 0; i < Side; i++)
        {
            for (int j = 0; j < Side; j++)
            {
                Tile.Store(sums[(i * Side) + j], products, ((row + (i * Tile.Size)) * ProductPitch) + column + (j * Tile.Size), ProductPitch);
            }
        }
    }
}

using Engine.Devices.Cpu;
using System.Runtime.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>
/// Tiles in the managed executor, called by the generated work-group functions. Item i of a team owns eight neighbouring sums: row i / 2,
/// columns 8 (i % 2) to 8 (i % 2) + 7. It holds copies, as float32, of the row of A and of the columns of B that these need, so that
/// nothing passes between items.
/// </summary>
public static unsafe class TileRuntime
{
    /// <summary><see cref="Tile.LoadA"/> of item <paramref name="item"/>.</summary>
    public static TileA<T> LoadA<TReads, T>(int item, CpuView<T> view, long at, int stride, TileOrder order)
        where TReads : struct, IReadPolicy
        where T : unmanaged
    {
        CheckAligned(at, stride);
        TileA<T> tile = default;
        for (int k = 0; k < Tile.Size; k++)
        {
            tile.Row[k] = KernelRuntime.Load<TReads, T>(view, at + Offset(Row(item), k, stride, order));
        }

        return tile;
    }

    /// <summary><see cref="Tile.LoadB"/> of item <paramref name="item"/>.</summary>
    public static TileB<T> LoadB<TReads, T>(int item, CpuView<T> view, long at, int stride, TileOrder order)
        where TReads : struct, IReadPolicy
        where T : unmanaged
    {
        CheckAligned(at, stride);
        TileB<T> tile = default;
        float* values = stackalloc float[TileSum.Columns];
        for (int k = 0; k < Tile.Size; k++)
        {
            for (int j = 0; j < TileSum.Columns; j++)
            {
                values[j] = KernelRuntime.Load<TReads, T>(view, at + Offset(k, Column(item) + j, stride, order));
            }

            tile.Block[k] = Vector256.Load(values);
        }

        return tile;
    }

    /// <summary><see cref="Tile.ScaleRows"/> of item <paramref name="item"/>.</summary>
    public static TileSum ScaleRows<TReads>(int item, TileSum sums, CpuView<float> factors, long at)
        where TReads : struct, IReadPolicy => new() { Values = sums.Values * KernelRuntime.Read<TReads, float>(factors, at + Row(item)) };

    /// <summary><see cref="Tile.Store"/> of item <paramref name="item"/>.</summary>
    public static void Store<TReads>(int item, TileSum sums, CpuView<float> view, long at, int stride)
        where TReads : struct, IReadPolicy =>
            sums.Values.Store(view.Address(at + ((long)Row(item) * stride) + Column(item), TileSum.Columns));

    /// <summary>Refuses a tile that other devices could not load.</summary>
    private static void CheckAligned(long at, int stride)
    {
        if (at % Tile.Alignment != 0 || stride % Tile.Alignment != 0)
        {
            throw new DeviceException(
                $"A tile at element {at} with a stride of {stride} elements is loaded; give multiples of {Tile.Alignment} elements, "
                    + "which are 16 bytes.");
        }
    }

    private static int Row(int item) => item % Tile.TeamItems / 2;

    private static int Column(int item) => TileSum.Columns * (item % 2);

    private static long Offset(int row, int column, int stride, TileOrder order) =>
        order == TileOrder.RowMajor ? ((long)row * stride) + column : ((long)column * stride) + row;
}

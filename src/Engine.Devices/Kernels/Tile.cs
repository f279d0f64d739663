using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ILGPU;
using Half = System.Half;

namespace Engine.Devices.Kernels;

/// <summary>How a matrix lies in memory.</summary>
public enum TileOrder
{
    /// <summary>Elements of a row lie side by side.</summary>
    RowMajor,

    /// <summary>Elements of a column lie side by side.</summary>
    ColumnMajor,
}

/// <summary>
/// Products of 16 x 16 tiles with float32 sums, by matrix units where a device has them. A team of <see cref="TeamItems"/> neighbouring
/// work-items holds a tile together; which item holds which element differs between devices and is never seen.
/// Every item of the group must reach each operation, as it must reach a barrier, all items of a team with the same arguments, and a
/// launch's groups are whole teams. Memory that others wrote is loaded after a barrier.
/// </summary>
public static class Tile
{
    /// <summary>Rows and columns of a tile, and the steps of the summed dimension that one multiplication takes.</summary>
    public const int Size = 16;

    /// <summary>Work-items of a team: a warp.</summary>
    public const int TeamItems = 32;

    /// <summary>
    /// What places and strides of operands are multiples of: 16 bytes of shared memory, which matrix units read at a time.
    /// </summary>
    public const int Alignment = 8;

    /// <summary>Index of the running item's team in its group.</summary>
    public static int TeamIdx => throw OutsideKernel.Error(nameof(Tile));

    /// <summary>Loads A [16, 16] from a shared or global view.</summary>
    /// <param name="at">The element of row 0 and column 0; a multiple of <see cref="Alignment"/>.</param>
    /// <param name="stride">Elements from one row (<see cref="TileOrder.RowMajor"/>) or column to the next; a multiple of
    /// <see cref="Alignment"/>.</param>
    public static TileA<T> LoadA<T>(ArrayView<T> view, long at, int stride, TileOrder order)
        where T : unmanaged => throw OutsideKernel.Error(nameof(Tile));

    /// <summary>
    /// Loads B [16, 16] from a shared or global view. A weight stored [n, k], whose product is x W^T, is a B in
    /// <see cref="TileOrder.ColumnMajor"/>.
    /// </summary>
    /// <inheritdoc cref="LoadA"/>
    public static TileB<T> LoadB<T>(ArrayView<T> view, long at, int stride, TileOrder order)
        where T : unmanaged => throw OutsideKernel.Error(nameof(Tile));

    /// <summary>Sums that are all zero.</summary>
    public static TileSum Zero() => default;

    /// <summary>A B + sums: products are exact, sums float32 in the device's order.</summary>
    public static TileSum MultiplyAdd<T>(in TileA<T> a, in TileB<T> b, TileSum sums)
        where T : unmanaged
    {
        Vector256<float> values = sums.Values;
        for (int k = 0; k < Size; k++)
        {
            values = Vector256.FusedMultiplyAdd(Vector256.Create(a.Row[k]), b.Block[k], values);
        }

        return new TileSum { Values = values };
    }

    /// <summary>Multiplies row i of the sums by element <paramref name="at"/> + i of a shared or global view.</summary>
    public static TileSum ScaleRows(TileSum sums, ArrayView<float> factors, long at) => throw OutsideKernel.Error(nameof(Tile));

    /// <summary>Writes the sums to a shared or global view, rows <paramref name="stride"/> elements apart.</summary>
    public static void Store(TileSum sums, ArrayView<float> view, long at, int stride) => throw OutsideKernel.Error(nameof(Tile));
}

/// <summary>An item's part of a left operand, of <see cref="Half"/> or <see cref="BFloat16"/>.</summary>
public struct TileA<T>
    where T : unmanaged
{
    internal TileRow Row;
}

/// <summary>An item's part of a right operand, of <see cref="Half"/> or <see cref="BFloat16"/>.</summary>
public struct TileB<T>
    where T : unmanaged
{
    internal TileBlock Block;
}

/// <summary>An item's part of 16 x 16 float32 sums.</summary>
public struct TileSum
{
    /// <summary>Sums that the managed executor's item holds: neighbours in one row.</summary>
    internal const int Columns = 8;

    internal Vector256<float> Values;
}

/// <summary>The row of A that an item of the managed executor multiplies.</summary>
[InlineArray(Tile.Size)]
internal struct TileRow
{
    private float first;
}

/// <summary>The columns of B that an item of the managed executor multiplies, step by step.</summary>
[InlineArray(Tile.Size)]
internal struct TileBlock
{
    private Vector256<float> first;
}

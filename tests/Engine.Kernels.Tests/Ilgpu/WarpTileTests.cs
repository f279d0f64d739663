using Engine.Devices.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace Engine.Kernels.Tests;

/// <summary>
/// Which lane holds which element: one warp loads tiles from shared memory or by plain loads, multiplies, scales and stores them, its
/// instructions computed as the PTX ISA describes them. An index that is wrong gives a wrong product.
/// </summary>
[Collection(SimulatedCardTests.Collection)]
public sealed class WarpTileTests
{
    private const int Stride = WarpTileKernel.Stride;

    private const int Count = WarpTileKernel.Count;

    public static TheoryData<bool, TileOrder, TileOrder, bool> Forms
    {
        get
        {
            var rows = new TheoryData<bool, TileOrder, TileOrder, bool>();
            foreach (int form in Enumerable.Range(0, 16))
            {
                rows.Add((form & 1) != 0, (TileOrder)((form >> 1) & 1), (TileOrder)((form >> 2) & 1), (form & 8) != 0);
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_warp_multiplies_tiles_as_matrices(bool bfloat16, TileOrder orderA, TileOrder orderB, bool shared)
    {
        ushort[] a = Values(1), b = Values(2);
        float[] factors = Numbers.Values(3, Tile.Size), before = Numbers.Values(4, Count), actual = [.. before];
        using Context context = Context.Create(builder => builder.DefaultCPU());
        using Accelerator accelerator = new CPUDevice(Tile.TeamItems, 1, 1).CreateCPUAccelerator(context, CPUAcceleratorMode.Parallel);
        using MemoryBuffer1D<ushort, Stride1D.Dense> bufferA = accelerator.Allocate1D(a), bufferB = accelerator.Allocate1D(b);
        using MemoryBuffer1D<float, Stride1D.Dense> bufferFactors = accelerator.Allocate1D(factors),
            bufferC = accelerator.Allocate1D(before);
        var kernel = accelerator.LoadStreamKernel<ArrayView<ushort>, ArrayView<ushort>, ArrayView<float>, ArrayView<float>, int, int, byte>(
            bfloat16 ? WarpTileKernel.Product<BFloat16Storage> : WarpTileKernel.Product<Float16Storage>);
        kernel((1, Tile.TeamItems), bufferA.View, bufferB.View, bufferFactors.View, bufferC.View, (int)orderA, (int)orderB,
            shared ? (byte)1 : (byte)0);
        accelerator.Synchronize();
        bufferC.CopyToCPU(actual);
        for (int i = 0; i < Tile.Size; i++)
        {
            for (int j = 0; j < Stride; j++)
            {
                double sum = 0;
                for (int k = 0; k < Tile.Size && j < Tile.Size; k++)
                {
                    sum += Value(a[At(i, k, orderA)]) * Value(b[At(k, j, orderB)]);
                }

                // One rounding of the sum and one of its product with the factor; behind the tile nothing is written.
                double expected = j < Tile.Size ? factors[i] * sum : before[(i * Stride) + j];
                Assert.Equal(expected, actual[(i * Stride) + j], j < Tile.Size ? 1e-6 : 0);
            }
        }

        ushort[] Values(int seed) =>
            [.. Numbers.Values(seed, Count).Select(value => bfloat16 ? BFloat16Storage.Store(value) : Float16Storage.Store(value))];
        double Value(ushort stored) => bfloat16 ? BFloat16Storage.Load(stored) : Float16Storage.Load(stored);
    }

    private static int At(int row, int column, TileOrder order) =>
        order == TileOrder.RowMajor ? (row * Stride) + column : (column * Stride) + row;
}

/// <summary>What ILGPU runs; it sees public methods only.</summary>
public static class WarpTileKernel
{
    /// <summary>Elements from one stored row or column to the next: no multiple of a tile's.</summary>
    public const int Stride = 24;

    public const int Count = Tile.Size * Stride;

    /// <summary>c [16, 16] = diag(factors) a b.</summary>
    public static void Product<TStorage>(
        ArrayView<ushort> a, ArrayView<ushort> b, ArrayView<float> factors, ArrayView<float> c, int orderA, int orderB, byte shared)
        where TStorage : struct, IStorage
    {
        ArrayView<ushort> sharedA = SharedMemory.Allocate<ushort>(Count), sharedB = SharedMemory.Allocate<ushort>(Count);
        for (int i = Group.IdxX; i < Count; i += Group.DimX)
        {
            sharedA[i] = a[i];
            sharedB[i] = b[i];
        }

        Group.Barrier();
        TileRegisters x = shared != 0
            ? WarpTile.SharedA(sharedA, 0, Stride, (TileOrder)orderA)
            : WarpTile.GlobalA(a, 0, Stride, (TileOrder)orderA);
        TileRegisters y = shared != 0
            ? WarpTile.SharedB(sharedB, 0, Stride, (TileOrder)orderB)
            : WarpTile.GlobalB(b, 0, Stride, (TileOrder)orderB);
        SumRegisters sums = WarpTile.MultiplyAdd<TStorage>(x, y, WarpTile.Zero());
        WarpTile.Store(WarpTile.ScaleRows(sums, factors, 0), c, 0, Stride);
    }
}

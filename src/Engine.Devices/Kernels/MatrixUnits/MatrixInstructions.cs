using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.IR.Intrinsics;

namespace Engine.Devices.Kernels;

/// <summary>
/// Instructions that a warp of a CUDA card does together. Their bodies run on ILGPU's CPU accelerator only: what the PTX ISA says of each
/// instruction, computed from what all lanes pass.
/// </summary>
public static unsafe class MatrixInstructions
{
    private const int Lanes = 32;

    /// <summary>Lanes of a group.</summary>
    private const int Threads = 4;

    /// <summary>Rows of a matrix that ldmatrix loads, and elements of each.</summary>
    private const int MatrixSide = 8;

    private static int LaneGroup => Warp.LaneIdx / Threads;

    private static int Thread => Warp.LaneIdx % Threads;

    /// <summary>Whether an element lies in shared memory.</summary>
    [IntrinsicImplementation]
    public static bool IsShared(ref ushort element) => true;

    /// <summary>
    /// ldmatrix.m8n8.x4.b16: lane l passes row l % 8 of matrix l / 8, 16 bytes of shared memory at a multiple of 16, and gets in register i
    /// elements 2 (l % 4) and the next of row l / 4 of matrix i.
    /// </summary>
    [IntrinsicImplementation]
    public static TileRegisters Load(ref ushort row)
    {
        TileRegisters* table = stackalloc TileRegisters[Lanes];
        ushort* matrices = (ushort*)Exchange(Unsafe.As<ushort, TileRegisters>(ref row), table);
        int first = (LaneGroup * MatrixSide) + (2 * Thread);
        return Ended(Pairs(matrices + first, 1));
    }

    /// <summary>The same with .trans: register i gets the elements in column l / 4 of rows 2 (l % 4) and the next of matrix i.</summary>
    [IntrinsicImplementation]
    public static TileRegisters LoadTransposed(ref ushort row)
    {
        TileRegisters* table = stackalloc TileRegisters[Lanes];
        ushort* matrices = (ushort*)Exchange(Unsafe.As<ushort, TileRegisters>(ref row), table);
        int first = (2 * Thread * MatrixSide) + LaneGroup;
        return Ended(Pairs(matrices + first, MatrixSide));
    }

    /// <summary>
    /// mma.m16n8k16 of bfloat16 twice, for both halves of B and of the sums. Here products are summed in double precision and rounded once.
    /// </summary>
    [IntrinsicImplementation]
    public static SumRegisters MultiplyAddBFloat16(TileRegisters a, TileRegisters b, SumRegisters sums) =>
        MultiplyAdd<BFloat16Storage>(a, b, sums);

    /// <summary>The same of float16.</summary>
    [IntrinsicImplementation]
    public static SumRegisters MultiplyAddFloat16(TileRegisters a, TileRegisters b, SumRegisters sums) =>
        MultiplyAdd<Float16Storage>(a, b, sums);

    /// <summary>
    /// Rows l / 4 and l / 4 + 8 of A lie with the four threads of a lane's own group, columns n and n + 8 of B with those of group n, and
    /// the lane has sums of n = 2 (l % 4) and the next.
    /// </summary>
    private static SumRegisters MultiplyAdd<TStorage>(TileRegisters a, TileRegisters b, SumRegisters sums)
        where TStorage : struct, IStorage<ushort>
    {
        (TileRegisters A, TileRegisters B)* table = stackalloc (TileRegisters, TileRegisters)[Lanes];
        (TileRegisters A, TileRegisters B)* lanes = Exchange((a, b), table);
        SumRegisters result = default;
        for (int i = 0; i < 8; i++)
        {
            int half = i / 4;
            int rows = i / 2 % 2;
            int column = (2 * Thread) + (i % 2);
            double sum = Register(ref sums, i);
            for (int thread = 0; thread < Threads; thread++)
            {
                TileRegisters row = lanes[(LaneGroup * Threads) + thread].A;
                TileRegisters steps = lanes[(column * Threads) + thread].B;
                sum += Products<TStorage>(Register(ref row, rows), Register(ref steps, 2 * half));
                sum += Products<TStorage>(Register(ref row, rows + 2), Register(ref steps, (2 * half) + 1));
            }

            Register(ref result, i) = (float)sum;
        }

        return Ended(result);
    }

    /// <summary>
    /// Puts what each lane passes into the table of lane 0, which all lanes get. It lives until that lane has <see cref="Ended"/>.
    /// </summary>
    private static T* Exchange<T>(T passed, T* table)
        where T : unmanaged
    {
        table = (T*)Warp.Shuffle((long)table, 0);
        table[Warp.LaneIdx] = passed;
        Warp.Barrier();
        return table;
    }

    /// <summary>Waits until every lane has read the table.</summary>
    private static T Ended<T>(T result)
    {
        Warp.Barrier();
        return result;
    }

    /// <summary>An element of each of four matrices, and the one <paramref name="apart"/> behind it.</summary>
    private static TileRegisters Pairs(ushort* elements, int apart)
    {
        TileRegisters result = default;
        for (int i = 0; i < 4; i++)
        {
            ushort* first = elements + (i * MatrixSide * MatrixSide);
            Register(ref result, i) = first[0] | ((uint)first[apart] << 16);
        }

        return result;
    }

    /// <summary>The products of two pairs of elements.</summary>
    private static double Products<TStorage>(uint x, uint y)
        where TStorage : struct, IStorage<ushort> =>
        ((double)TStorage.Load((ushort)x) * TStorage.Load((ushort)y))
            + ((double)TStorage.Load((ushort)(x >> 16)) * TStorage.Load((ushort)(y >> 16)));

    private static ref uint Register(ref TileRegisters registers, int i) => ref Unsafe.Add(ref registers.R0, i);

    private static ref float Register(ref SumRegisters registers, int i) => ref Unsafe.Add(ref registers.R0, i);
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The NT product for up to eight rows of A, as decoding has it: the time is that of reading B, so its rows are read once. One row of A
/// takes them one after another, which is how memory is fastest. More rows take two at a time, so that A need not be read again for each.
/// An element of C is the same sum however many rows A has: that of the even and that of the odd registers of K, since one alone would wait
/// for the latency of its additions.
/// </summary>
/// <remarks>In the loops no call may come while sums are in registers: the compiler would keep these in memory throughout.</remarks>
internal sealed unsafe class MatMulRowsHost<T, TStored>(
    CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
    : MatMulHost(device, shape, operands, epilogue)
    where T : struct, ISimd<T>
    where TStored : unmanaged
{
    /// <summary>Rows of B a worker takes at once.</summary>
    private const int PieceRows = 32;

    /// <summary>How long before its use B's memory is asked for: a page, where the processor's own look-ahead ends.</summary>
    private const int LeadBytes = 4096;

    private const int LineBytes = 64;

    /// <summary>Rows of A that are multiplied side by side: four need sixteen registers for their sums, which AVX2 has in all.</summary>
    private static int StripRows => Vector512.IsHardwareAccelerated ? 4 : 2;

    public override void Run(int piece, int worker)
    {
        float* sums = stackalloc float[8];
        int from = piece * PieceRows, to = Math.Min(P.N, from + PieceRows);
        for (int column = from; column < to; column += P.M == 1 ? 1 : 2)
        {
            int columns = P.M == 1 ? 1 : Math.Min(2, to - column);
            for (int row = 0; row < P.M; row += StripRows)
            {
                Strip(row, Math.Min(StripRows, P.M - row), column, columns, sums);
            }
        }

        Finish<T>(0, P.M, from, to - from);
    }

    protected override void Multiply(HostThreads threads) => threads.For((P.N + PieceRows - 1) / PieceRows, this);

    /// <summary>A block of C of a few rows and one or two columns.</summary>
    private void Strip(int row, int rows, int column, int columns, float* sums)
    {
        float* a = P.A + (row * P.ARow);
        TStored* b = (TStored*)P.B + (column * P.BColumn);
        if (rows == 1)
        {
            for (int j = 0; j < columns; j++)
            {
                sums[j] = Dot(a, b + (j * P.BColumn), P.K);
            }
        }
        else if (rows == 2)
        {
            Dots<TwoRows>(a, rows, b, columns, row == 0, sums);
        }
        else
        {
            Dots<FourRows>(a, rows, b, columns, row == 0, sums);
        }

        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                Put(P.C + ((row + i) * P.CRow) + column + j, AddRest<T, TStored>(sums[(2 * i) + j], a + (i * P.ARow), b + (j * P.BColumn)));
            }
        }
    }

    /// <summary>A row of A times a row of B over the whole registers of K.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(float* a, TStored* b, int depth)
    {
        T even = T.Zero, odd = T.Zero;
        int k = 0;
        for (; k + (2 * T.Count) <= depth; k += 2 * T.Count)
        {
            even = T.MultiplyAdd(T.Load(a + k), Stored.Load<T, TStored>(b + k), even);
            odd = T.MultiplyAdd(T.Load(a + k + T.Count), Stored.Load<T, TStored>(b + k + T.Count), odd);
        }

        if (k + T.Count <= depth)
        {
            even = T.MultiplyAdd(T.Load(a + k), Stored.Load<T, TStored>(b + k), even);
        }

        return T.Sum(even + odd);
    }

    /// <summary>
    /// sums[2 i + j] = row i of A times row j of B over the whole registers of K; rows of A past the last are the last one again.
    /// </summary>
    /// <param name="ask">
    /// Ask for B's memory: two rows side by side are two streams, which memory delivers slower than one, so what lies behind both is asked
    /// for in its own order. An address past the end is no fault.
    /// </param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Dots<TRows>(float* a0, int rows, TStored* b0, int columns, bool ask, float* sums)
        where TRows : struct
    {
        float* a1 = a0 + P.ARow;
        float* a2 = a0 + (Math.Min(2, rows - 1) * P.ARow);
        float* a3 = a0 + (Math.Min(3, rows - 1) * P.ARow);
        TStored* b1 = b0 + ((columns - 1) * P.BColumn);
        byte* ahead = ask ? (byte*)(b0 + P.BColumn) + LeadBytes : null;
        T even00 = T.Zero, even01 = T.Zero, even10 = T.Zero, even11 = T.Zero, even20 = T.Zero, even21 = T.Zero, even30 = T.Zero,
            even31 = T.Zero;
        T odd00 = T.Zero, odd01 = T.Zero, odd10 = T.Zero, odd11 = T.Zero, odd20 = T.Zero, odd21 = T.Zero, odd30 = T.Zero, odd31 = T.Zero;
        int depth = P.K, k = 0;
        for (; k + (2 * T.Count) <= depth; k += 2 * T.Count)
        {
            if (ahead != null && Sse.IsSupported)
            {
                Sse.Prefetch0(ahead);
                Sse.Prefetch0(ahead + LineBytes);
                if (4 * T.Count * sizeof(TStored) > 2 * LineBytes)
                {
                    Sse.Prefetch0(ahead + (2 * LineBytes));
                    Sse.Prefetch0(ahead + (3 * LineBytes));
                }

                ahead += 4 * T.Count * sizeof(TStored);
            }

            T y0 = Stored.Load<T, TStored>(b0 + k), y1 = Stored.Load<T, TStored>(b1 + k), x = T.Load(a0 + k);
            even00 = T.MultiplyAdd(x, y0, even00);
            even01 = T.MultiplyAdd(x, y1, even01);
            x = T.Load(a1 + k);
            even10 = T.MultiplyAdd(x, y0, even10);
            even11 = T.MultiplyAdd(x, y1, even11);
            if (typeof(TRows) == typeof(FourRows))
            {
                x = T.Load(a2 + k);
                even20 = T.MultiplyAdd(x, y0, even20);
                even21 = T.MultiplyAdd(x, y1, even21);
                x = T.Load(a3 + k);
                even30 = T.MultiplyAdd(x, y0, even30);
                even31 = T.MultiplyAdd(x, y1, even31);
            }

            y0 = Stored.Load<T, TStored>(b0 + k + T.Count);
            y1 = Stored.Load<T, TStored>(b1 + k + T.Count);
            x = T.Load(a0 + k + T.Count);
            odd00 = T.MultiplyAdd(x, y0, odd00);
            odd01 = T.MultiplyAdd(x, y1, odd01);
            x = T.Load(a1 + k + T.Count);
            odd10 = T.MultiplyAdd(x, y0, odd10);
            odd11 = T.MultiplyAdd(x, y1, odd11);
            if (typeof(TRows) == typeof(FourRows))
            {
                x = T.Load(a2 + k + T.Count);
                odd20 = T.MultiplyAdd(x, y0, odd20);
                odd21 = T.MultiplyAdd(x, y1, odd21);
                x = T.Load(a3 + k + T.Count);
                odd30 = T.MultiplyAdd(x, y0, odd30);
                odd31 = T.MultiplyAdd(x, y1, odd31);
            }
        }

        if (k + T.Count <= depth)
        {
            T y0 = Stored.Load<T, TStored>(b0 + k), y1 = Stored.Load<T, TStored>(b1 + k);
            even00 = T.MultiplyAdd(T.Load(a0 + k), y0, even00);
            even01 = T.MultiplyAdd(T.Load(a0 + k), y1, even01);
            even10 = T.MultiplyAdd(T.Load(a1 + k), y0, even10);
            even11 = T.MultiplyAdd(T.Load(a1 + k), y1, even11);
            even20 = T.MultiplyAdd(T.Load(a2 + k), y0, even20);
            even21 = T.MultiplyAdd(T.Load(a2 + k), y1, even21);
            even30 = T.MultiplyAdd(T.Load(a3 + k), y0, even30);
            even31 = T.MultiplyAdd(T.Load(a3 + k), y1, even31);
        }

        sums[0] = T.Sum(even00 + odd00);
        sums[1] = T.Sum(even01 + odd01);
        sums[2] = T.Sum(even10 + odd10);
        sums[3] = T.Sum(even11 + odd11);
        if (typeof(TRows) == typeof(FourRows))
        {
            sums[4] = T.Sum(even20 + odd20);
            sums[5] = T.Sum(even21 + odd21);
            sums[6] = T.Sum(even30 + odd30);
            sums[7] = T.Sum(even31 + odd31);
        }
    }

    /// <summary>How many rows of A an inner loop multiplies: a type, so that each has a loop of its own.</summary>
    private readonly struct TwoRows;

    private readonly struct FourRows;
}

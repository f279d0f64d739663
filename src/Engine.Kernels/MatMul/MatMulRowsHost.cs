using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The NT product for up to eight rows of A, as decoding has it: the time is that of reading B, so its rows are read once, one after another. Rows side by side would be
/// several streams at once, which memory delivers at two thirds of the speed of one. An element of C is the same sum however many rows A has.
/// </summary>
internal sealed unsafe class MatMulRowsHost<T, TStored>(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
    : MatMulHost(device, shape, operands, epilogue)
    where T : struct, ISimd<T>
    where TStored : unmanaged
{
    /// <summary>Rows of B a worker takes at once.</summary>
    private const int PieceRows = 32;

    private const int PageBytes = 4096;

    public override void Run(int piece, int worker)
    {
        int from = piece * PieceRows, to = Math.Min(P.N, from + PieceRows);
        for (int column = from; column < to; column++)
        {
            TStored* b = (TStored*)P.B + (column * P.BColumn);
            float* c = P.C + column;
            if (P.M == 1)
            {
                Put(c, Dot(P.A, b, P.K));
                continue;
            }

            for (int row = 0; row < P.M; row += 4)
            {
                Dots(P.A + (row * P.ARow), P.ARow, P.M - row, b, c + (row * P.CRow));
            }
        }

        Finish<T>(0, P.M, from, to - from);
    }

    protected override void Multiply(HostThreads threads) => threads.For((P.N + PieceRows - 1) / PieceRows, this);

    /// <summary>Two sums, of the even and the odd registers: one would wait for the latency of its additions.</summary>
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

        for (; k < depth; k += T.Count)
        {
            int rest = Math.Min(T.Count, depth - k);
            even = T.MultiplyAdd(T.LoadPart(a + k, rest), Stored.LoadPart<T, TStored>(b + k, rest), even);
        }

        return T.Sum(even + odd);
    }

    /// <summary>A row of B times four rows of A; rows past the last are the last one again, and are not stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Dots(float* a, long aRow, int rows, TStored* b, float* c)
    {
        float* a1 = a + (Math.Min(1, rows - 1) * aRow);
        float* a2 = a + (Math.Min(2, rows - 1) * aRow);
        float* a3 = a + (Math.Min(3, rows - 1) * aRow);
        T even0 = T.Zero, even1 = T.Zero, even2 = T.Zero, even3 = T.Zero, odd0 = T.Zero, odd1 = T.Zero, odd2 = T.Zero, odd3 = T.Zero;
        int depth = P.K, k = 0;
        for (; k + (2 * T.Count) <= depth; k += 2 * T.Count)
        {
            Ahead(b + k);
            Ahead(b + k + T.Count);
            T y = Stored.Load<T, TStored>(b + k), z = Stored.Load<T, TStored>(b + k + T.Count);
            even0 = T.MultiplyAdd(T.Load(a + k), y, even0);
            odd0 = T.MultiplyAdd(T.Load(a + k + T.Count), z, odd0);
            even1 = T.MultiplyAdd(T.Load(a1 + k), y, even1);
            odd1 = T.MultiplyAdd(T.Load(a1 + k + T.Count), z, odd1);
            even2 = T.MultiplyAdd(T.Load(a2 + k), y, even2);
            odd2 = T.MultiplyAdd(T.Load(a2 + k + T.Count), z, odd2);
            even3 = T.MultiplyAdd(T.Load(a3 + k), y, even3);
            odd3 = T.MultiplyAdd(T.Load(a3 + k + T.Count), z, odd3);
        }

        for (; k < depth; k += T.Count)
        {
            int rest = Math.Min(T.Count, depth - k);
            T y = Stored.LoadPart<T, TStored>(b + k, rest);
            even0 = T.MultiplyAdd(T.LoadPart(a + k, rest), y, even0);
            even1 = T.MultiplyAdd(T.LoadPart(a1 + k, rest), y, even1);
            even2 = T.MultiplyAdd(T.LoadPart(a2 + k, rest), y, even2);
            even3 = T.MultiplyAdd(T.LoadPart(a3 + k, rest), y, even3);
        }

        Put(c, T.Sum(even0 + odd0));
        if (rows > 1)
        {
            Put(c + P.CRow, T.Sum(even1 + odd1));
        }

        if (rows > 2)
        {
            Put(c + (2 * P.CRow), T.Sum(even2 + odd2));
        }

        if (rows > 3)
        {
            Put(c + (3 * P.CRow), T.Sum(even3 + odd3));
        }
    }

    /// <summary>Asks for B's memory a page ahead: with four rows of A the processor's own look-ahead ends within a row. An address past the end is no fault.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ahead(TStored* b)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0((byte*)b + PageBytes);
        }
    }

    private void Put(float* c, float sum) => *c = P.Accumulate ? (P.Alpha * sum) + *c : P.Alpha * sum;
}

using System.Runtime.CompilerServices;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The NT product with few rows of A or of B: both operands' rows run along K, so elements of C are dot products of rows
/// read where they lie, four rows of A with two of B at a time.
/// </summary>
internal sealed unsafe class MatMulDotHost<T, TStored>(
    CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
    : MatMulHost(device, shape, operands, epilogue)
    where T : struct, ISimd<T>
    where TStored : unmanaged
{
    /// <summary>Rows of the longer operand a worker takes at once.</summary>
    private const int PieceRows = 16;

    public override void Run(int piece, int worker)
    {
        int from = piece * PieceRows;
        if (P.M >= P.N)
        {
            Block(from, Math.Min(P.M, from + PieceRows), 0, P.N);
        }
        else
        {
            Block(0, P.M, from, Math.Min(P.N, from + PieceRows));
        }
    }

    protected override void Multiply(HostThreads threads)
        => threads.For((Math.Max(P.M, P.N) + PieceRows - 1) / PieceRows, this);

    private void Block(int rowFrom, int rowTo, int columnFrom, int columnTo)
    {
        if (P.M >= P.N)
        {
            for (int row = rowFrom; row < rowTo; row += 4)
            {
                for (int column = columnFrom; column < columnTo; column += 2)
                {
                    Dots(row, rowTo - 1, column, columnTo - 1);
                }
            }
        }
        else
        {
            for (int column = columnFrom; column < columnTo; column += 2)
            {
                for (int row = rowFrom; row < rowTo; row += 4)
                {
                    Dots(row, rowTo - 1, column, columnTo - 1);
                }
            }
        }

        Finish<T>(rowFrom, rowTo - rowFrom, columnFrom, columnTo - columnFrom);
    }

    /// <summary>
    /// C[row .. row + 3, column .. column + 1]; rows and columns past the last are computed from the last again and not stored.
    /// </summary>
    private void Dots(int row, int lastRow, int column, int lastColumn)
    {
        float* sums = stackalloc float[8];
        float* a = P.A + (row * P.ARow);
        TStored* b = (TStored*)P.B + (column * P.BColumn);
        int rows = Math.Min(4, lastRow + 1 - row), columns = Math.Min(2, lastColumn + 1 - column);
        Dots(a, rows, b, columns, sums);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                Put(P.C + ((row + i) * P.CRow) + column + j, AddRest<T, TStored>(sums[(2 * i) + j], a + (i * P.ARow), b + (j * P.BColumn)));
            }
        }
    }

    /// <summary>sums[2 i + j] = row i of A times row j of B over the whole registers of K.</summary>
    /// <remarks>No call may come while sums are in registers: the compiler would keep them in memory throughout the loop.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Dots(float* a0, int rows, TStored* b0, int columns, float* sums)
    {
        float* a1 = a0 + (Math.Min(1, rows - 1) * P.ARow);
        float* a2 = a0 + (Math.Min(2, rows - 1) * P.ARow);
        float* a3 = a0 + (Math.Min(3, rows - 1) * P.ARow);
        TStored* b1 = b0 + ((columns - 1) * P.BColumn);
        T c00 = T.Zero, c01 = T.Zero, c10 = T.Zero, c11 = T.Zero, c20 = T.Zero, c21 = T.Zero, c30 = T.Zero, c31 = T.Zero;
        int depth = P.K;
        for (int k = 0; k + T.Count <= depth; k += T.Count)
        {
            T y0 = Stored.Load<T, TStored>(b0 + k), y1 = Stored.Load<T, TStored>(b1 + k);
            T x0 = T.Load(a0 + k), x1 = T.Load(a1 + k), x2 = T.Load(a2 + k), x3 = T.Load(a3 + k);
            c00 = T.MultiplyAdd(x0, y0, c00);
            c01 = T.MultiplyAdd(x0, y1, c01);
            c10 = T.MultiplyAdd(x1, y0, c10);
            c11 = T.MultiplyAdd(x1, y1, c11);
            c20 = T.MultiplyAdd(x2, y0, c20);
            c21 = T.MultiplyAdd(x2, y1, c21);
            c30 = T.MultiplyAdd(x3, y0, c30);
            c31 = T.MultiplyAdd(x3, y1, c31);
        }

        sums[0] = T.Sum(c00);
        sums[1] = T.Sum(c01);
        sums[2] = T.Sum(c10);
        sums[3] = T.Sum(c11);
        sums[4] = T.Sum(c20);
        sums[5] = T.Sum(c21);
        sums[6] = T.Sum(c30);
        sums[7] = T.Sum(c31);
    }
}

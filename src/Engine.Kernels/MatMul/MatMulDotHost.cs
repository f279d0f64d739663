using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The NT product with few rows of A or of B: both operands' rows run along K, so elements of C are dot products of rows
/// read where they lie, four rows of A with two of B at a time.
/// </summary>
internal sealed unsafe class MatMulDotHost<T, TStored>(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
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

    /// <summary>C[row .. row + 3, column .. column + 1]; rows and columns past the last are computed from the last again and not stored.</summary>
    private void Dots(int row, int lastRow, int column, int lastColumn)
    {
        float* a0 = P.A + (row * P.ARow);
        float* a1 = P.A + (Math.Min(row + 1, lastRow) * P.ARow);
        float* a2 = P.A + (Math.Min(row + 2, lastRow) * P.ARow);
        float* a3 = P.A + (Math.Min(row + 3, lastRow) * P.ARow);
        TStored* b0 = (TStored*)P.B + (column * P.BColumn);
        TStored* b1 = (TStored*)P.B + (Math.Min(column + 1, lastColumn) * P.BColumn);
        T c00 = T.Zero, c01 = T.Zero, c10 = T.Zero, c11 = T.Zero, c20 = T.Zero, c21 = T.Zero, c30 = T.Zero, c31 = T.Zero;
        int depth = P.K, k = 0;
        for (; k + T.Count <= depth; k += T.Count)
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

        if (k < depth)
        {
            int rest = depth - k;
            T y0 = Stored.LoadPart<T, TStored>(b0 + k, rest), y1 = Stored.LoadPart<T, TStored>(b1 + k, rest);
            T x0 = T.LoadPart(a0 + k, rest), x1 = T.LoadPart(a1 + k, rest);
            T x2 = T.LoadPart(a2 + k, rest), x3 = T.LoadPart(a3 + k, rest);
            c00 = T.MultiplyAdd(x0, y0, c00);
            c01 = T.MultiplyAdd(x0, y1, c01);
            c10 = T.MultiplyAdd(x1, y0, c10);
            c11 = T.MultiplyAdd(x1, y1, c11);
            c20 = T.MultiplyAdd(x2, y0, c20);
            c21 = T.MultiplyAdd(x2, y1, c21);
            c30 = T.MultiplyAdd(x3, y0, c30);
            c31 = T.MultiplyAdd(x3, y1, c31);
        }

        float* c = P.C + (row * P.CRow) + column;
        bool both = column < lastColumn;
        Put(c, c00, c01, both);
        if (row + 1 <= lastRow)
        {
            Put(c + P.CRow, c10, c11, both);
        }

        if (row + 2 <= lastRow)
        {
            Put(c + (2 * P.CRow), c20, c21, both);
        }

        if (row + 3 <= lastRow)
        {
            Put(c + (3 * P.CRow), c30, c31, both);
        }
    }

    private void Put(float* c, T first, T second, bool both)
    {
        float value = P.Alpha * T.Sum(first);
        c[0] = P.Accumulate ? value + c[0] : value;
        if (both)
        {
            value = P.Alpha * T.Sum(second);
            c[1] = P.Accumulate ? value + c[1] : value;
        }
    }
}

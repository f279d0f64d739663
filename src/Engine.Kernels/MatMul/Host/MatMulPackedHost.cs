using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The product for large shapes, after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): K is cut into
/// blocks; of each, a block of B is packed once into panels all workers share, and every worker packs blocks of A and runs register
/// tiles over them.
/// </summary>
internal sealed unsafe class MatMulPackedHost<T, TTile, TStored> : MatMulHost
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
    where TStored : unmanaged
{
    /// <summary>Depth of a block: a panel of B and a strip of A of this depth stay in the first two cache levels.</summary>
    private const int MaxDepth = 384;

    /// <summary>Rows of A a worker packs at once: 192 KiB at full depth.</summary>
    private const int MaxRows = 128;

    /// <summary>Up to this many columns of B, packing A costs more than its strided reads.</summary>
    private const int DirectColumns = 192;

    /// <summary>Up to this depth a strip of A is a few cache lines, packed or not.</summary>
    private const int DirectDepth = 32;

    private readonly int depth;
    private readonly int blockColumns;
    private readonly int blockRows;
    private readonly bool direct;
    private bool packing;
    private int k0;
    private int kc;
    private int column0;
    private int columns;

    public MatMulPackedHost(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
        : base(device, shape, operands, epilogue)
    {
        int blocks = Math.Max(1, CeilDiv(P.K, MaxDepth));
        depth = Math.Max(1, CeilDiv(P.K, blocks));
        blockColumns = CpuDevice.SharedScratchBytes / sizeof(float) / depth / Wide * Wide;
        int share = CeilDiv(P.M, 4 * device.Threads.Count);
        blockRows = Math.Min(MaxRows, CeilDiv(share, TTile.Rows) * TTile.Rows);
        direct = P.AStep == 1 && (P.N <= DirectColumns || P.K <= DirectDepth);
    }

    private static int Wide => Tiles.WideColumns<T>();

    /// <summary>Panels that cover the current columns: wide ones, then narrow ones, the last of them padded.</summary>
    private int Panels => (columns / Wide) + CeilDiv(columns % Wide, T.Count);

    public override void Run(int piece, int worker)
    {
        if (packing)
        {
            PackPanel(piece);
        }
        else
        {
            MultiplyRows(piece, worker);
        }
    }

    protected override void Multiply(HostThreads threads)
    {
        for (column0 = 0; column0 < P.N; column0 += blockColumns)
        {
            columns = Math.Min(blockColumns, P.N - column0);
            k0 = 0;
            do
            {
                kc = Math.Min(depth, P.K - k0);
                packing = true;
                threads.For(Panels, this);
                packing = false;
                threads.For(CeilDiv(P.M, blockRows), this);
                k0 += depth;
            }
            while (k0 < P.K);
        }
    }

    private static int CeilDiv(int value, int divisor) => (value + divisor - 1) / divisor;

    /// <summary>First column, within the block, and width of a panel.</summary>
    private (int Column, int Width) Panel(int panel)
    {
        int wide = columns / Wide;
        return panel < wide ? (panel * Wide, Wide) : ((wide * Wide) + ((panel - wide) * T.Count), T.Count);
    }

    private void PackPanel(int panel)
    {
        (int column, int width) = Panel(panel);
        TStored* source = (TStored*)P.B + (k0 * P.BStep) + ((column0 + column) * P.BColumn);
        float* target = (float*)Device.SharedScratch + ((long)column * kc);
        MatMulPacking.Pack<T, TStored>(source, P.BColumn, P.BStep, Math.Min(width, columns - column), width, kc, target);
    }

    private void MultiplyRows(int block, int worker)
    {
        int row0 = block * blockRows;
        int rows = Math.Min(blockRows, P.M - row0);
        float* edge = (float*)Device.Scratch(worker);
        float* strips = edge + (TTile.Rows * Wide);
        for (int row = 0; row < rows; row += TTile.Rows)
        {
            int valid = Math.Min(TTile.Rows, rows - row);
            if (!direct || valid < TTile.Rows)
            {
                float* source = P.A + ((row0 + row) * P.ARow) + (k0 * P.AStep);
                MatMulPacking.Pack<T, float>(source, P.ARow, P.AStep, valid, TTile.Rows, kc, strips + ((long)row * kc));
            }
        }

        bool accumulate = P.Accumulate || k0 > 0;
        bool last = k0 + kc == P.K;
        int panels = Panels;
        for (int panel = 0; panel < panels; panel++)
        {
            (int column, int width) = Panel(panel);
            int validColumns = Math.Min(width, columns - column);
            float* b = (float*)Device.SharedScratch + ((long)column * kc);
            for (int row = 0; row < rows; row += TTile.Rows)
            {
                int valid = Math.Min(TTile.Rows, rows - row);
                bool strided = direct && valid == TTile.Rows;
                float* a = strided ? P.A + ((row0 + row) * P.ARow) + k0 : strips + ((long)row * kc);
                long aRow = strided ? P.ARow : 1, aStep = strided ? 1 : TTile.Rows;
                float* c = P.C + ((row0 + row) * P.CRow) + column0 + column;
                bool whole = valid == TTile.Rows && validColumns == width;
                float* target = whole ? c : edge;
                long targetRow = whole ? P.CRow : width;
                bool add = whole && accumulate;
                if (width == Wide)
                {
                    TTile.Wide(kc, a, aRow, aStep, b, width, target, targetRow, P.Alpha, add);
                }
                else
                {
                    TTile.Narrow(kc, a, aRow, aStep, b, width, target, targetRow, P.Alpha, add);
                }

                if (!whole)
                {
                    MatMulEdge.Merge<T>(edge, width, valid, validColumns, c, P.CRow, accumulate);
                }

                if (last)
                {
                    Finish<T>(row0 + row, valid, column0 + column, validColumns);
                }
            }
        }
    }
}

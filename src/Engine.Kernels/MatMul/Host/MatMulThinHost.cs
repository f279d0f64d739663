using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The product for few rows of A and row-major B: every element of B is used once or a few times, so B is read where it lies and
/// the time is that of reading it; 16-bit storage is converted to a panel in cache. Workers take panels of columns; sums wait in a tile
/// aside until K is done.
/// </summary>
internal sealed unsafe class MatMulThinHost<T, TTile, TStored>(
    CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
    : MatMulHost(device, shape, operands, epilogue)
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
    where TStored : unmanaged
{
    /// <summary>Depth of a block: a panel of B of this depth stays in the second cache level while the strips of A pass over it.</summary>
    private const int MaxDepth = 256;

    private static int Wide => Tiles.WideColumns<T>();

    public override void Run(int piece, int worker)
    {
        int wide = P.N / Wide;
        int column = piece < wide ? piece * Wide : (wide * Wide) + ((piece - wide) * T.Count);
        int width = piece < wide ? Wide : T.Count;
        int valid = Math.Min(width, P.N - column);
        int strips = (P.M + TTile.Rows - 1) / TTile.Rows;
        float* sums = (float*)Device.Scratch(worker);
        float* packedA = sums + (strips * TTile.Rows * width);
        float* packedB = packedA + (TTile.Rows * MaxDepth);
        int k0 = 0;
        do
        {
            int kc = Math.Min(MaxDepth, P.K - k0);
            TStored* stored = (TStored*)P.B + (k0 * P.BStep) + column;
            float* b = (float*)stored;
            long bStep = P.BStep;
            if (valid < width || typeof(TStored) != typeof(float))
            {
                MatMulPacking.Pack<T, TStored>(stored, 1, bStep, valid, width, kc, packedB);
                b = packedB;
                bStep = width;
            }

            for (int strip = 0; strip < strips; strip++)
            {
                int row = strip * TTile.Rows;
                float* a = P.A + (row * P.ARow) + (k0 * P.AStep);
                long aRow = P.ARow, aStep = P.AStep;
                if (P.M - row < TTile.Rows)
                {
                    MatMulPacking.Pack<T, float>(a, aRow, aStep, P.M - row, TTile.Rows, kc, packedA);
                    a = packedA;
                    aRow = 1;
                    aStep = TTile.Rows;
                }

                float* tile = sums + (row * width);
                if (width == Wide)
                {
                    TTile.Wide(kc, a, aRow, aStep, b, bStep, tile, width, P.Alpha, k0 > 0);
                }
                else
                {
                    TTile.Narrow(kc, a, aRow, aStep, b, bStep, tile, width, P.Alpha, k0 > 0);
                }
            }

            k0 += MaxDepth;
        }
        while (k0 < P.K);

        if (P.Transposed)
        {
            MatMulEdge.MergeTransposed(sums, width, P.M, valid, P.C + (column * P.CRow), P.CRow, P.Accumulate);
            Finish<T>(column, valid, 0, P.M);
        }
        else
        {
            MatMulEdge.Merge<T>(sums, width, P.M, valid, P.C + column, P.CRow, P.Accumulate);
            Finish<T>(0, P.M, column, valid);
        }
    }

    protected override void Multiply(HostThreads threads)
        => threads.For((P.N / Wide) + (((P.N % Wide) + T.Count - 1) / T.Count), this);
}

using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Products on the cpu device. Four paths share the epilogue: packed panels for large products, unpacked rows of B for few rows of A,
/// dot products for few rows of either in NT, and a stream of B's rows for the fewest. B may be stored in 16 bits: packing converts it, and
/// so do the dot products as they read. Which path runs, and where its sums are cut along K, depends on the shape alone, so results have
/// the same bits for any number of threads.
/// </summary>
internal abstract unsafe class MatMulHost : HostLaunch, IHostBody
{
    /// <summary>Up to this many rows, packing the other operand costs more than it saves.</summary>
    private const int ThinRows = 32;

    /// <summary>Up to this many rows, reading the other operand is what NT takes time for.</summary>
    private const int StreamedRows = 8;

    /// <summary>From this depth on a dot product's final sum over lanes is cheap beside its loop.</summary>
    private const int DotDepth = 64;

    private readonly MatMulShape shape;
    private readonly MatMulOperands first;

    protected MatMulHost(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
        : base(device)
    {
        this.shape = shape;
        first = operands;
        P = operands;
        Epilogue = epilogue;
    }

    public override string Name => $"MatMul {shape.M}x{shape.N}x{shape.K} {shape.Layout}";

    /// <summary>The product that is running: one of the batch.</summary>
    protected MatMulOperands P;

    /// <summary>The running product's offset into C, in elements.</summary>
    protected long Start { get; private set; }

    protected MatMulEpilogue Epilogue { get; }

    public static MatMulHost Create(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return Create<Simd512, Tile8<Simd512>>(device, shape, operands, epilogue);
        }

        return Vector256.IsHardwareAccelerated
            ? Create<Simd256, Tile4<Simd256>>(device, shape, operands, epilogue)
            : Create<Simd128, Tile4<Simd128>>(device, shape, operands, epilogue);
    }

    /// <summary>The path the shape takes, for one register width.</summary>
    public static MatMulHost Create<T, TTile>(CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
        where T : struct, ISimd<T>
        where TTile : struct, ITile<T> => operands.TypeB switch
        {
            ElementType.Float32 => Create<T, TTile, float>(device, shape, operands, epilogue),
            ElementType.Float16 => Create<T, TTile, Half>(device, shape, operands, epilogue),
            _ => Create<T, TTile, BFloat16>(device, shape, operands, epilogue),
        };

    public abstract void Run(int piece, int worker);

    private static MatMulHost Create<T, TTile, TStored>(
        CpuDevice device, MatMulShape shape, MatMulOperands operands, MatMulEpilogue epilogue)
        where T : struct, ISimd<T>
        where TTile : struct, ITile<T>
        where TStored : unmanaged
    {
        switch (shape.Layout)
        {
            case MatMulLayout.NT when shape.M <= StreamedRows && shape.M <= shape.N && shape.K >= DotDepth:
                return new MatMulRowsHost<T, TStored>(device, shape, operands, epilogue);
            case MatMulLayout.NT when Math.Min(shape.M, shape.N) <= ThinRows && shape.K >= DotDepth:
                return new MatMulDotHost<T, TStored>(device, shape, operands, epilogue);
            case MatMulLayout.NN or MatMulLayout.TN when shape.M <= ThinRows:
                return new MatMulThinHost<T, TTile, TStored>(device, shape, operands, epilogue);
            case MatMulLayout.TN when shape.N <= ThinRows:
                return new MatMulThinHost<T, TTile, float>(device, shape, operands.Exchanged(), epilogue);
            default:
                return new MatMulPackedHost<T, TTile, TStored>(device, shape, operands, epilogue);
        }
    }

    protected sealed override void Execute(HostThreads threads)
    {
        for (int i = 0; i < shape.Batch; i++)
        {
            Start = i * shape.BatchStrideC;
            P.A = first.A + (i * (first.Transposed ? shape.BatchStrideB : shape.BatchStrideA));
            P.B = (byte*)first.B + (i * (first.Transposed ? shape.BatchStrideA : shape.BatchStrideB) * first.TypeB.SizeInBytes());
            P.C = first.C + Start;
            Multiply(threads);
        }
    }

    /// <summary>Runs the product <see cref="P"/>.</summary>
    protected abstract void Multiply(HostThreads threads);

    /// <summary>Adds to a dot product of whole registers what is left of K.</summary>
    protected float AddRest<T, TStored>(float sum, float* a, TStored* b)
        where T : struct, ISimd<T>
        where TStored : unmanaged
    {
        for (int k = P.K / T.Count * T.Count; k < P.K; k++)
        {
            sum += a[k] * Stored.Load(b + k);
        }

        return sum;
    }

    /// <summary>Writes a sum to its element of C, or adds it.</summary>
    protected void Put(float* c, float sum) => *c = P.Accumulate ? (P.Alpha * sum) + *c : P.Alpha * sum;

    /// <summary>Applies the epilogue, if there is one, to a block of the running product's C.</summary>
    protected void Finish<T>(int row, int rows, int column, int columns)
        where T : struct, ISimd<T>
    {
        if (!Epilogue.IsEmpty)
        {
            Epilogue.Apply<T>(first.C, P.CRow, Start, row, rows, column, columns);
        }
    }
}

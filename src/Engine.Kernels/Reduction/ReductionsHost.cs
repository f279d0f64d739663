using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The sum of squares: a float64 partial sum for each piece, then those in their order.</summary>
internal sealed unsafe class SquaredNormHost(
    CpuDevice device, long count, BufferView<float> x, BufferView<float> workspace, BufferView<float> result)
    : RangeHost(device, count)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* partial = CpuDevice.Pointer(workspace);
    private readonly float* result = CpuDevice.Pointer(result);

    public override string Name => "Reductions_SquaredNorm";

    /// <summary>Elements of workspace: a float64, which is two float32, for each piece.</summary>
    public static long Workspace(long count) => 2L * Pieces(count);

    protected override void Execute(HostThreads threads)
    {
        base.Execute(threads);
        double sum = 0;
        for (int piece = 0; piece < Pieces(Count); piece++)
        {
            sum += ((double*)partial)[piece];
        }

        *result = (float)sum;
    }

    protected override void Range(long start, int length, int worker) =>
        ((double*)partial)[start / Grain] = Lanes.Dot(x + start, x + start, length);
}

/// <summary>The sum of squares of each row, in float64.</summary>
internal sealed unsafe class RowSquaredNormsHost<TStored>(
    CpuDevice device, int rows, int columns, BufferView<TStored> x, BufferView<float> result)
    : RowHost(device, rows, columns)
    where TStored : unmanaged
{
    private readonly TStored* x = CpuDevice.Pointer(x);
    private readonly float* result = CpuDevice.Pointer(result);

    public override string Name => "Reductions_RowSquaredNorms";

    protected override void Row(int row, int worker)
    {
        TStored* from = x + ((long)row * Columns);
        result[row] = (float)Lanes.Dot(from, from, Columns);
    }
}

/// <summary>norm and clipping factor from the squared norm.</summary>
internal sealed unsafe class ClipFactorHost(
    CpuDevice device, float maxNorm, BufferView<float> square, BufferView<float> norm, BufferView<float> clip)
    : HostLaunch(device)
{
    private readonly float* square = CpuDevice.Pointer(square);
    private readonly float* norm = CpuDevice.Pointer(norm);
    private readonly float* clip = CpuDevice.Pointer(clip);

    public override string Name => "Reductions_ClipFactor";

    protected override void Execute(HostThreads threads)
    {
        float length = MathF.Sqrt(*square);
        *norm = length;
        float factor = maxNorm == 0 ? 1 : MathF.Min(1, maxNorm / (length + Reductions.ClipEpsilon));
        *clip = float.IsFinite(length) ? factor : float.NaN;
    }
}

/// <summary>result[j] += sum over rows of x[i, j].</summary>
internal sealed unsafe class ColumnSumsHost(CpuDevice device, int rows, int columns, BufferView<float> x, BufferView<float> result)
    : StripHost(device, rows, columns)
{
    private readonly MatrixRows terms = new(columns, CpuDevice.Pointer(x));
    private readonly float* result = CpuDevice.Pointer(result);

    public override string Name => "Reductions_ColumnSums";

    protected override void Strip(int column, int width) => ColumnSum.Add(in terms, Rows, column, width, result);
}

/// <summary>result[j] += sum over rows of x[i, j] y[i, j].</summary>
internal sealed unsafe class ColumnDotsHost(
    CpuDevice device, int rows, int columns, BufferView<float> x, BufferView<float> y, BufferView<float> result)
    : StripHost(device, rows, columns)
{
    private readonly Products products = new(columns, CpuDevice.Pointer(x), CpuDevice.Pointer(y));
    private readonly float* result = CpuDevice.Pointer(result);

    public override string Name => "Reductions_ColumnDots";

    protected override void Strip(int column, int width) => ColumnSum.Add(in products, Rows, column, width, result);

    private readonly struct Products(int columns, float* x, float* y) : IRowLanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Load(int row, int column)
        {
            long at = ((long)row * columns) + column;
            return Vector512.Load(x + at) * Vector512.Load(y + at);
        }

        public Vector512<float> LoadPartial(int row, int column, int count)
        {
            long at = ((long)row * columns) + column;
            return Lanes.LoadPartial(x + at, count) * Lanes.LoadPartial(y + at, count);
        }
    }
}

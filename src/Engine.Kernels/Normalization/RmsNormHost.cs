using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>RmsNorm row by row: the sum of squares and the result are two passes over a row that stays in cache.</summary>
internal sealed unsafe class RmsNormForwardHost(
    CpuDevice device, int rows, int columns, float epsilon, BufferView<float> x, BufferView<float> weight, BufferView<float> y,
    BufferView<float> inverseRms, bool oneMore)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* weight = CpuDevice.Pointer(weight);
    private readonly float* y = CpuDevice.Pointer(y);
    private readonly float* inverseRms = CpuDevice.Pointer(inverseRms);
    private readonly Vector512<float> added = Vector512.Create(oneMore ? 1f : 0f);

    public override string Name => "RmsNorm_Forward";

    protected override void Row(int row, int worker)
    {
        float* from = x + ((long)row * Columns);
        float* to = y + ((long)row * Columns);
        int whole = Columns & -Lanes.Count;
        int rest = Columns - whole;
        var squares = Vector512<float>.Zero;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> value = Vector512.Load(from + j);
            squares = Vector512.FusedMultiplyAdd(value, value, squares);
        }

        Vector512<float> tail = rest == 0 ? default : Lanes.LoadPartial(from + whole, rest);
        squares = Vector512.FusedMultiplyAdd(tail, tail, squares);
        var scale = (float)(1.0 / Math.Sqrt((Lanes.Sum(squares) / Columns) + epsilon));
        Vector512<float> scales = Vector512.Create(scale);
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            (Vector512.Load(from + j) * scales * (Vector512.Load(weight + j) + added)).Store(to + j);
        }

        if (rest != 0)
        {
            Lanes.StorePartial(tail * scales * (Lanes.LoadPartial(weight + whole, rest) + added), to + whole, rest);
        }

        inverseRms[row] = scale;
    }
}

/// <summary>With n = x inverseRms and g = dy weight: dx = inverseRms (g - n mean(g n)) [+ addend].</summary>
internal sealed unsafe class RmsNormBackwardHost(
    CpuDevice device, int rows, int columns,
    BufferView<float> x, BufferView<float> weight, BufferView<float> inverseRms, BufferView<float> dy, BufferView<float>? addend,
    BufferView<float> dx, bool oneMore)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* weight = CpuDevice.Pointer(weight);
    private readonly float* inverseRms = CpuDevice.Pointer(inverseRms);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* addend = addend is { } present ? CpuDevice.Pointer(present) : null;
    private readonly float* dx = CpuDevice.Pointer(dx);
    private readonly Vector512<float> added = Vector512.Create(oneMore ? 1f : 0f);

    public override string Name => "RmsNorm_Backward";

    protected override void Row(int row, int worker)
    {
        long offset = (long)row * Columns;
        float* values = x + offset;
        float* gradients = dy + offset;
        int whole = Columns & -Lanes.Count;
        int rest = Columns - whole;
        Vector512<float> scale = Vector512.Create(inverseRms[row]);
        var product = Vector512<float>.Zero;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> g = Vector512.Load(gradients + j) * (Vector512.Load(weight + j) + added);
            product = Vector512.FusedMultiplyAdd(g, Vector512.Load(values + j) * scale, product);
        }

        Vector512<float> lastGradient = default;
        Vector512<float> lastNormal = default;
        if (rest != 0)
        {
            lastGradient = Lanes.LoadPartial(gradients + whole, rest) * (Lanes.LoadPartial(weight + whole, rest) + added);
            lastNormal = Lanes.LoadPartial(values + whole, rest) * scale;
            product = Vector512.FusedMultiplyAdd(lastGradient, lastNormal, product);
        }

        Vector512<float> meanProduct = Vector512.Create((float)(Lanes.Sum(product) / Columns));
        float* extra = addend == null ? null : addend + offset;
        float* to = dx + offset;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> g = Vector512.Load(gradients + j) * (Vector512.Load(weight + j) + added);
            Vector512<float> result = (g - (Vector512.Load(values + j) * scale * meanProduct)) * scale;
            (extra == null ? result : result + Vector512.Load(extra + j)).Store(to + j);
        }

        if (rest != 0)
        {
            Vector512<float> result = (lastGradient - (lastNormal * meanProduct)) * scale;
            Lanes.StorePartial(extra == null ? result : result + Lanes.LoadPartial(extra + whole, rest), to + whole, rest);
        }
    }
}

/// <summary>dWeight += sum over rows of dy x inverseRms.</summary>
internal sealed unsafe class RmsNormParameterGradientHost(
    CpuDevice device, int rows, int columns, BufferView<float> x, BufferView<float> inverseRms, BufferView<float> dy,
    BufferView<float> dWeight)
    : StripHost(device, rows, columns)
{
    private readonly NormalProducts products = new(columns, CpuDevice.Pointer(x), CpuDevice.Pointer(inverseRms), CpuDevice.Pointer(dy));
    private readonly float* dWeight = CpuDevice.Pointer(dWeight);

    public override string Name => "RmsNorm_ParameterGradient";

    protected override void Strip(int column, int width) => ColumnSum.Add(in products, Rows, column, width, dWeight);

    private readonly struct NormalProducts(int columns, float* x, float* inverseRms, float* dy) : IRowLanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Load(int row, int column)
        {
            long at = ((long)row * columns) + column;
            return Vector512.Load(x + at) * Vector512.Create(inverseRms[row]) * Vector512.Load(dy + at);
        }

        public Vector512<float> LoadPartial(int row, int column, int count)
        {
            long at = ((long)row * columns) + column;
            return Lanes.LoadPartial(x + at, count) * Vector512.Create(inverseRms[row]) * Lanes.LoadPartial(dy + at, count);
        }
    }
}

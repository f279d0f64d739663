using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>LayerNorm row by row: mean, variance about the mean and the result are three passes over a row that stays in cache.</summary>
internal sealed unsafe class LayerNormForwardHost(
    CpuDevice device, int rows, int columns, float epsilon,
    BufferView<float> x, BufferView<float> weight, BufferView<float>? bias, BufferView<float> y, BufferView<float> mean,
    BufferView<float> inverseDeviation)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* weight = CpuDevice.Pointer(weight);
    private readonly float* bias = bias is { } present ? CpuDevice.Pointer(present) : null;
    private readonly float* y = CpuDevice.Pointer(y);
    private readonly float* mean = CpuDevice.Pointer(mean);
    private readonly float* inverseDeviation = CpuDevice.Pointer(inverseDeviation);

    public override string Name => "LayerNorm_Forward";

    protected override void Row(int row, int worker)
    {
        float* from = x + ((long)row * Columns);
        float* to = y + ((long)row * Columns);
        int whole = Columns & -Lanes.Count;
        int rest = Columns - whole;

        var sum = Vector512<float>.Zero;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            sum += Vector512.Load(from + j);
        }

        Vector512<float> tail = rest == 0 ? default : Lanes.LoadPartial(from + whole, rest);
        var center = (float)(Lanes.Sum(sum + tail) / Columns);

        Vector512<float> centers = Vector512.Create(center);
        var squares = Vector512<float>.Zero;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> difference = Vector512.Load(from + j) - centers;
            squares = Vector512.FusedMultiplyAdd(difference, difference, squares);
        }

        tail = Lanes.First(rest, tail - centers, Vector512<float>.Zero);
        squares = Vector512.FusedMultiplyAdd(tail, tail, squares);
        var scale = (float)(1.0 / Math.Sqrt((Lanes.Sum(squares) / Columns) + epsilon));

        Vector512<float> scales = Vector512.Create(scale);
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> normal = (Vector512.Load(from + j) - centers) * scales;
            Vector512<float> shift = bias == null ? Vector512<float>.Zero : Vector512.Load(bias + j);
            Vector512.FusedMultiplyAdd(normal, Vector512.Load(weight + j), shift).Store(to + j);
        }

        if (rest != 0)
        {
            Vector512<float> shift = bias == null ? Vector512<float>.Zero : Lanes.LoadPartial(bias + whole, rest);
            Vector512<float> result = Vector512.FusedMultiplyAdd(tail * scales, Lanes.LoadPartial(weight + whole, rest), shift);
            Lanes.StorePartial(result, to + whole, rest);
        }

        mean[row] = center;
        inverseDeviation[row] = scale;
    }
}

/// <summary>
/// With n = (x - mean) inverseDeviation and g = dy weight: dx = inverseDeviation (g - mean(g) - n mean(g n)) [+ addend].
/// </summary>
internal sealed unsafe class LayerNormBackwardHost(
    CpuDevice device, int rows, int columns,
    BufferView<float> x, BufferView<float> weight, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy,
    BufferView<float>? addend, BufferView<float> dx)
    : RowHost(device, rows, columns)
{
    private readonly float* x = CpuDevice.Pointer(x);
    private readonly float* weight = CpuDevice.Pointer(weight);
    private readonly float* mean = CpuDevice.Pointer(mean);
    private readonly float* inverseDeviation = CpuDevice.Pointer(inverseDeviation);
    private readonly float* dy = CpuDevice.Pointer(dy);
    private readonly float* addend = addend is { } present ? CpuDevice.Pointer(present) : null;
    private readonly float* dx = CpuDevice.Pointer(dx);

    public override string Name => "LayerNorm_Backward";

    protected override void Row(int row, int worker)
    {
        long offset = (long)row * Columns;
        float* values = x + offset;
        float* gradients = dy + offset;
        int whole = Columns & -Lanes.Count;
        int rest = Columns - whole;
        Vector512<float> center = Vector512.Create(mean[row]);
        Vector512<float> scale = Vector512.Create(inverseDeviation[row]);

        var sum = Vector512<float>.Zero;
        var product = Vector512<float>.Zero;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> g = Vector512.Load(gradients + j) * Vector512.Load(weight + j);
            sum += g;
            product = Vector512.FusedMultiplyAdd(g, (Vector512.Load(values + j) - center) * scale, product);
        }

        Vector512<float> lastGradient = default;
        Vector512<float> lastNormal = default;
        if (rest != 0)
        {
            lastGradient = Lanes.LoadPartial(gradients + whole, rest) * Lanes.LoadPartial(weight + whole, rest);
            lastNormal = (Lanes.LoadPartial(values + whole, rest) - center) * scale;
            sum += lastGradient;
            product = Vector512.FusedMultiplyAdd(lastGradient, lastNormal, product);
        }

        Vector512<float> meanGradient = Vector512.Create((float)(Lanes.Sum(sum) / Columns));
        Vector512<float> meanProduct = Vector512.Create((float)(Lanes.Sum(product) / Columns));
        float* extra = addend == null ? null : addend + offset;
        float* to = dx + offset;
        for (int j = 0; j < whole; j += Lanes.Count)
        {
            Vector512<float> g = Vector512.Load(gradients + j) * Vector512.Load(weight + j);
            Vector512<float> normal = (Vector512.Load(values + j) - center) * scale;
            Vector512<float> result = (g - meanGradient - (normal * meanProduct)) * scale;
            (extra == null ? result : result + Vector512.Load(extra + j)).Store(to + j);
        }

        if (rest != 0)
        {
            Vector512<float> result = (lastGradient - meanGradient - (lastNormal * meanProduct)) * scale;
            Lanes.StorePartial(extra == null ? result : result + Lanes.LoadPartial(extra + whole, rest), to + whole, rest);
        }
    }
}

using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Cross-entropy of a chunk of rows, row by row: the row's maximum, the sum of exponentials below it, then the gradient. The rows' losses are
/// added in float64 in their order by the chunk that writes the loss.
/// </summary>
internal sealed unsafe class CrossEntropyHost(
    CpuDevice device, int rows, int first, int count, int classes,
    BufferView<float> logits, BufferView<int> labels, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float>? loss, BufferView<float>? dLogits)
    : RowHost(device, count, classes)
{
    private readonly float* logits = CpuDevice.Pointer(logits);
    private readonly int* labels = CpuDevice.Pointer(labels);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = loss is { } mean ? CpuDevice.Pointer(mean) : null;
    private readonly float* dLogits = dLogits is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private float gradientScale;

    public override string Name => "Losses_CrossEntropy";

    protected override void Execute(HostThreads threads)
    {
        int counted = 0;
        for (int row = 0; row < rows; row++)
        {
            counted += labels[row] == Losses.IgnoredLabel ? 0 : 1;
        }

        gradientScale = counted == 0 ? 0 : scalars[StepScalars.LossScale] / counted;
        base.Execute(threads);
        if (loss == null)
        {
            return;
        }

        double sum = 0;
        for (int row = 0; row < rows; row++)
        {
            sum += rowLoss[row];
        }

        *loss = counted == 0 ? 0 : (float)(sum / counted);
    }

    protected override void Row(int row, int worker)
    {
        float* from = logits + ((long)row * Columns);
        float* to = dLogits == null ? null : dLogits + ((long)row * Columns);
        int label = labels[first + row];
        if (label == Losses.IgnoredLabel)
        {
            rowLoss[first + row] = 0;
            if (to != null)
            {
                new Span<float>(to, Columns).Clear();
            }

            return;
        }

        float maximum = Maximum(from, Columns);
        double sum = SumOfExponentials(from, Columns, maximum);
        rowLoss[first + row] = (float)(Math.Log(sum) + ((double)maximum - from[label]));
        if (to != null)
        {
            Probabilities(from, Columns, maximum, (float)(gradientScale / sum), to);
            to[label] -= gradientScale;
        }
    }

    private static float Maximum(float* x, int count)
    {
        Vector512<float> maxima = Vector512.Create(float.NegativeInfinity);
        int j = 0;
        for (; j <= count - Lanes.Count; j += Lanes.Count)
        {
            maxima = Vector512.MaxNative(maxima, Vector512.Load(x + j));
        }

        float maximum = float.NegativeInfinity;
        for (int lane = 0; lane < Lanes.Count; lane++)
        {
            maximum = MathF.Max(maximum, maxima.GetElement(lane));
        }

        for (; j < count; j++)
        {
            maximum = MathF.Max(maximum, x[j]);
        }

        return maximum;
    }

    private static double SumOfExponentials(float* x, int count, float maximum)
    {
        Vector512<float> top = Vector512.Create(maximum);
        var even = Vector512<float>.Zero;
        var odd = Vector512<float>.Zero;
        int j = 0;
        for (; j <= count - (2 * Lanes.Count); j += 2 * Lanes.Count)
        {
            even += (Vector512<float>)LaneMath.Exp<Simd512>(Vector512.Load(x + j) - top);
            odd += (Vector512<float>)LaneMath.Exp<Simd512>(Vector512.Load(x + j + Lanes.Count) - top);
        }

        for (; j < count; j += Lanes.Count)
        {
            int rest = Math.Min(Lanes.Count, count - j);
            Vector512<float> lanes = rest == Lanes.Count ? Vector512.Load(x + j) : Lanes.LoadPartial(x + j, rest);
            Vector512<float> power = LaneMath.Exp<Simd512>(lanes - top);
            even += Lanes.First(rest, power, Vector512<float>.Zero);
        }

        return Lanes.Sum(even) + Lanes.Sum(odd);
    }

    /// <summary>to = factor * e^(x - maximum).</summary>
    private static void Probabilities(float* x, int count, float maximum, float factor, float* to)
    {
        Vector512<float> top = Vector512.Create(maximum);
        Vector512<float> factors = Vector512.Create(factor);
        int j = 0;
        for (; j <= count - Lanes.Count; j += Lanes.Count)
        {
            Vector512<float> power = LaneMath.Exp<Simd512>(Vector512.Load(x + j) - top);
            (power * factors).Store(to + j);
        }

        if (j < count)
        {
            Vector512<float> power = LaneMath.Exp<Simd512>(Lanes.LoadPartial(x + j, count - j) - top);
            Lanes.StorePartial(power * factors, to + j, count - j);
        }
    }
}

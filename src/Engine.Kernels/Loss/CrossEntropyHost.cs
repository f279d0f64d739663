using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Cross-entropy of a chunk of rows, row by row: the row's maximum, the sum of exponentials below it, then the gradient. The rows' losses
/// are added in float64 in their order by the chunk that writes the loss. Sums over a row's targets are float64, too.
/// </summary>
internal sealed unsafe class CrossEntropyHost(
    CpuDevice device, int rows, int first, int count, int classes,
    BufferView<float> logits, BufferView<int> labels, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float>? loss,
    BufferView<float>? dLogits, CrossEntropyOptions options)
    : RowHost(device, count, classes)
{
    private readonly float* logits = CpuDevice.Pointer(logits);
    private readonly int* labels = CpuDevice.Pointer(labels);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = loss is { } mean ? CpuDevice.Pointer(mean) : null;
    private readonly float* dLogits = dLogits is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private readonly float* weights = options.ClassWeights is { } given ? CpuDevice.Pointer(given) : null;
    private readonly float smoothing = options.LabelSmoothing;
    private float gradientScale;

    /// <summary>The sum of the class weights.</summary>
    private double allWeights;

    public override string Name => "Losses_CrossEntropy";

    protected override void Execute(HostThreads threads)
    {
        double total = 0;
        for (int row = 0; row < rows; row++)
        {
            total += labels[row] == Losses.IgnoredLabel ? 0 : Weight(labels[row]);
        }

        gradientScale = total == 0 ? 0 : (float)(scalars[StepScalars.LossScale] / total);
        allWeights = Columns;
        if (weights != null)
        {
            allWeights = 0;
            for (int j = 0; j < Columns; j++)
            {
                allWeights += weights[j];
            }
        }

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

        *loss = total == 0 ? 0 : (float)(sum / total);
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
        double share = (double)smoothing / Columns, own = (1 - (double)smoothing) * Weight(label), targets = own + (share * allWeights);
        double distance = smoothing > 0 ? share * WeightedDistance(from, maximum) : 0;
        rowLoss[first + row] = (float)((targets * Math.Log(sum)) + (own * ((double)maximum - from[label])) + distance);
        if (to == null)
        {
            return;
        }

        float everywhere = weights == null ? (float)(gradientScale * share) : 0;
        Probabilities(from, Columns, maximum, (float)(gradientScale * targets / sum), everywhere, to);
        to[label] -= (float)(gradientScale * own);
        for (int j = 0; weights != null && smoothing > 0 && j < Columns; j++)
        {
            to[j] -= (float)(gradientScale * share * weights[j]);
        }
    }

    private float Weight(int label) => weights == null ? 1 : weights[label];

    /// <summary>The sum of w_c (maximum - x_c).</summary>
    private double WeightedDistance(float* x, float maximum)
    {
        double sum = 0;
        int j = 0;
        if (weights == null)
        {
            var sums = Vector512<double>.Zero;
            Vector512<float> top = Vector512.Create(maximum);
            for (; j <= Columns - Lanes.Count; j += Lanes.Count)
            {
                (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(top - Vector512.Load(x + j));
                sums += lower + upper;
            }

            sum = Vector512.Sum(sums);
        }

        for (; j < Columns; j++)
        {
            sum += Weight(j) * ((double)maximum - x[j]);
        }

        return sum;
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

    /// <summary>to = factor * e^(x - maximum) - subtrahend.</summary>
    private static void Probabilities(float* x, int count, float maximum, float factor, float subtrahend, float* to)
    {
        Vector512<float> subtrahends = Vector512.Create(subtrahend);
        Vector512<float> top = Vector512.Create(maximum);
        Vector512<float> factors = Vector512.Create(factor);
        int j = 0;
        for (; j <= count - Lanes.Count; j += Lanes.Count)
        {
            Vector512<float> power = LaneMath.Exp<Simd512>(Vector512.Load(x + j) - top);
            ((power * factors) - subtrahends).Store(to + j);
        }

        if (j < count)
        {
            Vector512<float> power = LaneMath.Exp<Simd512>(Lanes.LoadPartial(x + j, count - j) - top);
            Lanes.StorePartial((power * factors) - subtrahends, to + j, count - j);
        }
    }
}

using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Cross-entropy of spans and its gradient, a row of tokens and a column at a time.</summary>
internal sealed unsafe class SpanCrossEntropyHost(
    CpuDevice device, int rows, int tokens,
    BufferView<float> logits, BufferView<int> labels, BufferView<int> rowStart, BufferView<float> scalars, BufferView<float> rowLoss,
    BufferView<float> loss, BufferView<float>? dLogits)
    : RangeHost(device, rows)
{
    private readonly float* logits = CpuDevice.Pointer(logits);
    private readonly int* labels = CpuDevice.Pointer(labels);
    private readonly int* rowStart = CpuDevice.Pointer(rowStart);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* dLogits = dLogits is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private readonly double[] losses = new double[2 * rows];
    private readonly float[] gradientScales = new float[2];

    public override string Name => "SpanLosses_CrossEntropy";

    protected override void Execute(HostThreads threads)
    {
        Span<int> counted = stackalloc int[2];
        for (int i = 0; i < 2 * rows; i++)
        {
            counted[i % 2] += labels[i] == Losses.IgnoredLabel ? 0 : 1;
        }

        for (int column = 0; column < 2; column++)
        {
            gradientScales[column] = counted[column] == 0 ? 0 : 0.5f * scalars[StepScalars.LossScale] / counted[column];
        }

        base.Execute(threads);
        double sum = 0;
        for (int column = 0; column < 2; column++)
        {
            double total = 0;
            for (int row = 0; row < rows; row++)
            {
                total += losses[(2 * row) + column];
            }

            sum += counted[column] == 0 ? 0 : total / counted[column];
        }

        *loss = (float)(sum / 2);
        for (long i = 2L * rowStart[rows]; dLogits != null && i < 2L * tokens; i++)
        {
            dLogits[i] = 0;
        }
    }

    protected override void Range(long start, int length, int worker)
    {
        for (long row = start; row < start + length; row++)
        {
            for (int column = 0; column < 2; column++)
            {
                losses[(2 * row) + column] = Column(rowStart[row], rowStart[row + 1], labels[(2 * row) + column], column);
            }

            rowLoss[row] = (float)((losses[2 * row] + losses[(2 * row) + 1]) / 2);
        }
    }

    private double Column(long first, long end, int label, int column)
    {
        float largest = float.NegativeInfinity;
        for (long token = first; token < end; token++)
        {
            largest = Math.Max(largest, logits[(2 * token) + column]);
        }

        double sum = 0;
        for (long token = first; token < end; token++)
        {
            sum += KernelMath.Exp(logits[(2 * token) + column] - largest);
        }

        bool counts = label != Losses.IgnoredLabel;
        double result = counts ? Math.Log(sum) + largest - logits[(2 * (first + label)) + column] : 0;
        for (long token = first; dLogits != null && token < end; token++)
        {
            float share = (float)(KernelMath.Exp(logits[(2 * token) + column] - largest) / sum);
            dLogits[(2 * token) + column] =
                counts ? gradientScales[column] * (share - (token - first == label ? 1f : 0f)) : 0f;
        }

        return result;
    }
}

using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Binary cross-entropy with logits and its gradient, row by row.</summary>
internal sealed unsafe class BinaryCrossEntropyHost(
    CpuDevice device, int rows, int classes,
    BufferView<float> logits, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? dLogits)
    : RangeHost(device, rows)
{
    private readonly float* logits = CpuDevice.Pointer(logits);
    private readonly float* targets = CpuDevice.Pointer(targets);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* dLogits = dLogits is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private float gradientScale;

    public override string Name => "Losses_BinaryCrossEntropy";

    protected override void Execute(HostThreads threads)
    {
        int counted = 0;
        for (long row = 0; row < Count; row++)
        {
            counted += float.IsNaN(targets[row * classes]) ? 0 : 1;
        }

        gradientScale = counted == 0 ? 0 : scalars[StepScalars.LossScale] / ((float)counted * classes);
        base.Execute(threads);

        double sum = 0;
        for (long row = 0; row < Count; row++)
        {
            sum += rowLoss[row];
        }

        *loss = counted == 0 ? 0 : (float)(sum / counted);
    }

    protected override void Range(long start, int length, int worker)
    {
        for (long row = start; row < start + length; row++)
        {
            long first = row * classes;
            bool counts = !float.IsNaN(targets[first]);
            double sum = 0;
            for (long i = first; i < first + classes; i++)
            {
                float x = logits[i], target = targets[i];
                sum += counts ? Math.Max(x, 0f) - (x * target) + KernelMath.Log(1f + KernelMath.Exp(-Math.Abs(x))) : 0;
                if (dLogits != null)
                {
                    dLogits[i] = counts ? gradientScale * (KernelMath.Logistic(x) - target) : 0f;
                }
            }

            rowLoss[row] = (float)(sum / classes);
        }
    }
}

using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// A loss against float targets, row by row, whose mean is over the rows whose first target is not NaN: predictions are few, one to some
/// per text.
/// </summary>
/// <param name="columns">Targets of a row.</param>
internal abstract unsafe class TargetLossHost(
    CpuDevice device, int rows, int columns,
    BufferView<float> predictions, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? gradient)
    : RangeHost(device, rows)
{
    private readonly float* predictions = CpuDevice.Pointer(predictions);
    private readonly float* targets = CpuDevice.Pointer(targets);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* gradient = gradient is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private float gradientScale;

    /// <summary>The loss of one prediction, whose mean over the columns is a row's, and its gradient.</summary>
    protected abstract double Of(float prediction, float target, out float slope);

    protected override void Execute(HostThreads threads)
    {
        int counted = 0;
        for (long row = 0; row < Count; row++)
        {
            counted += float.IsNaN(targets[row * columns]) ? 0 : 1;
        }

        gradientScale = counted == 0 ? 0 : scalars[StepScalars.LossScale] / ((float)counted * columns);
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
            long first = row * columns;
            bool counts = !float.IsNaN(targets[first]);
            double sum = 0;
            for (long i = first; i < first + columns; i++)
            {
                float slope = 0;
                sum += counts ? Of(predictions[i], targets[i], out slope) : 0;
                if (gradient != null)
                {
                    gradient[i] = gradientScale * slope;
                }
            }

            rowLoss[row] = (float)(sum / columns);
        }
    }
}

/// <summary>Squared errors.</summary>
internal sealed class MeanSquaredErrorHost(
    CpuDevice device, int count,
    BufferView<float> predictions, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? gradient)
    : TargetLossHost(device, count, 1, predictions, targets, scalars, rowLoss, loss, gradient)
{
    public override string Name => "Losses_MeanSquaredError";

    protected override double Of(float prediction, float target, out float slope)
    {
        float difference = prediction - target;
        slope = 2f * difference;
        return difference * difference;
    }
}

/// <summary>Binary cross-entropy with logits.</summary>
internal sealed class BinaryCrossEntropyHost(
    CpuDevice device, int rows, int classes,
    BufferView<float> logits, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? gradient)
    : TargetLossHost(device, rows, classes, logits, targets, scalars, rowLoss, loss, gradient)
{
    public override string Name => "Losses_BinaryCrossEntropy";

    protected override double Of(float prediction, float target, out float slope)
    {
        slope = KernelMath.Logistic(prediction) - target;
        return Math.Max(prediction, 0f) - (prediction * target) + KernelMath.Log(1f + KernelMath.Exp(-Math.Abs(prediction)));
    }
}

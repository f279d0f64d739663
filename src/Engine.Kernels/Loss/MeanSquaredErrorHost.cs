using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>Squared errors and their gradient, element by element: predictions are few, one to some per text.</summary>
internal sealed unsafe class MeanSquaredErrorHost(
    CpuDevice device, int count,
    BufferView<float> predictions, BufferView<float> targets, BufferView<float> scalars, BufferView<float> rowLoss, BufferView<float> loss,
    BufferView<float>? dPredictions)
    : RangeHost(device, count)
{
    private readonly float* predictions = CpuDevice.Pointer(predictions);
    private readonly float* targets = CpuDevice.Pointer(targets);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* rowLoss = CpuDevice.Pointer(rowLoss);
    private readonly float* loss = CpuDevice.Pointer(loss);
    private readonly float* dPredictions = dPredictions is { } wanted ? CpuDevice.Pointer(wanted) : null;
    private float gradientScale;

    public override string Name => "Losses_MeanSquaredError";

    protected override void Execute(HostThreads threads)
    {
        int counted = 0;
        for (int i = 0; i < Count; i++)
        {
            counted += float.IsNaN(targets[i]) ? 0 : 1;
        }

        gradientScale = counted == 0 ? 0 : 2f * scalars[StepScalars.LossScale] / counted;
        base.Execute(threads);

        double sum = 0;
        for (int i = 0; i < Count; i++)
        {
            sum += rowLoss[i];
        }

        *loss = counted == 0 ? 0 : (float)(sum / counted);
    }

    protected override void Range(long start, int length, int worker)
    {
        for (long i = start; i < start + length; i++)
        {
            float target = targets[i];
            float difference = float.IsNaN(target) ? 0 : predictions[i] - target;
            rowLoss[i] = difference * difference;
            if (dPredictions != null)
            {
                dPredictions[i] = gradientScale * difference;
            }
        }
    }
}

namespace Engine.Kernels;

/// <summary>Losses of texts that have any number of classes.</summary>
internal static partial class BinaryLossesKernels
{
    /// <summary>One group for everything, a row an item: logits are few, some to a text.</summary>
    [Kernel]
    public static void BinaryCrossEntropy(
        ArrayView<float> logits, ArrayView<float> targets, ArrayView<float> scalars, ArrayView<float> rowLoss, ArrayView<float> loss,
        ArrayView<float> dLogits, int rows, int classes, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        float present = 0f;
        float losses = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            long first = (long)row * classes;
            float sum = 0f;
            if (!float.IsNaN(targets[first]))
            {
                present += 1f;
                for (int i = 0; i < classes; i++)
                {
                    float x = logits[first + i];
                    float magnitude = x < 0f ? -x : x;
                    sum += (x > 0f ? x : 0f) - (x * targets[first + i]) + KernelMath.Log(1f + KernelMath.Exp(-magnitude));
                }
            }

            rowLoss[row] = sum / classes;
            losses += sum / classes;
        }

        float counted = GroupReductions.Sum(tile, present, groupSize);
        float total = GroupReductions.Sum(tile, losses, groupSize);
        if (item == 0)
        {
            loss[0] = counted > 0f ? total / counted : 0f;
        }

        if (withGradient)
        {
            float scale = counted > 0f ? scalars[StepScalars.LossScale] / (counted * classes) : 0f;
            for (int row = item; row < rows; row += groupSize)
            {
                long first = (long)row * classes;
                bool counts = !float.IsNaN(targets[first]);
                for (int i = 0; i < classes; i++)
                {
                    float gradient = 0f;
                    if (counts)
                    {
                        gradient = scale * (KernelMath.Logistic(logits[first + i]) - targets[first + i]);
                    }

                    dLogits[first + i] = gradient;
                }
            }
        }
    }
}

namespace Engine.Kernels;

/// <summary>Losses with their gradients.</summary>
internal static partial class LossesKernels
{
    /// <summary>
    /// Cross-entropy of a chunk of rows from <paramref name="first"/> on, one group a row: the row's maximum, the sum of exponentials below it, the row's loss, then its gradient.
    /// Every group counts the rows that count for itself: that costs less than a launch of its own.
    /// </summary>
    [Kernel]
    public static void CrossEntropy(
        ArrayView<float> logits, ArrayView<int> labels, ArrayView<float> scalars, ArrayView<float> rowLoss, ArrayView<float> dLogits,
        int rows, int first, int classes, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        int labelled = first + Grid.IdxX;
        long offset = (long)Grid.IdxX * classes;
        float counted = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            counted += labels[row] == Losses.IgnoredLabel ? 0f : 1f;
        }

        float count = GroupReductions.Sum(tile, counted, groupSize);
        float largest = float.NegativeInfinity;
        for (int j = item; j < classes; j += groupSize)
        {
            largest = MathF.Max(largest, logits[offset + j]);
        }

        float maximum = GroupReductions.Max(tile, largest, groupSize);

        // In blocks: thousands of terms added one by one would lose digits.
        float powers = 0f;
        for (int block = item; block < classes; block += LaunchShapes.TermsPerItem * groupSize)
        {
            int end = Math.Min(classes, block + (LaunchShapes.TermsPerItem * groupSize));
            float part = 0f;
            for (int j = block; j < end; j += groupSize)
            {
                part += KernelMath.Exp(logits[offset + j] - maximum);
            }

            powers += part;
        }

        float sum = GroupReductions.Sum(tile, powers, groupSize);
        int label = labels[labelled];
        bool ignored = label == Losses.IgnoredLabel;
        if (item == 0)
        {
            float loss = 0f;
            if (!ignored)
            {
                loss = KernelMath.Log(sum) + (maximum - logits[offset + label]);
            }

            rowLoss[labelled] = loss;
        }

        if (withGradient)
        {
            // The gradient may be written over the logits, whose label item 0 has read.
            Group.Barrier();
            float scale = ignored ? 0f : scalars[StepScalars.LossScale] / count;
            for (int j = item; j < classes; j += groupSize)
            {
                float gradient = 0f;
                if (!ignored)
                {
                    gradient = (KernelMath.Exp(logits[offset + j] - maximum) * (scale / sum)) - (j == label ? scale : 0f);
                }

                dLogits[offset + j] = gradient;
            }
        }
    }

    /// <summary>One group: loss[0] = the sum of the rows' losses over the number of rows that count.</summary>
    [Kernel]
    public static void Mean(ArrayView<float> rowLoss, ArrayView<int> labels, ArrayView<float> loss, int rows, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        float losses = 0f;
        float counted = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            losses += rowLoss[row];
            counted += labels[row] == Losses.IgnoredLabel ? 0f : 1f;
        }

        float sum = GroupReductions.Sum(tile, losses, groupSize);
        float count = GroupReductions.Sum(tile, counted, groupSize);
        if (item == 0)
        {
            loss[0] = count > 0f ? sum / count : 0f;
        }
    }

    /// <summary>One group for everything: predictions are few, one to some per text.</summary>
    [Kernel]
    public static void MeanSquaredError(
        ArrayView<float> predictions, ArrayView<float> targets, ArrayView<float> scalars, ArrayView<float> rowLoss, ArrayView<float> loss, ArrayView<float> dPredictions,
        int count, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        float present = 0f;
        float squares = 0f;
        for (int block = item; block < count; block += LaunchShapes.TermsPerItem * groupSize)
        {
            int end = Math.Min(count, block + (LaunchShapes.TermsPerItem * groupSize));
            float part = 0f;
            for (int i = block; i < end; i += groupSize)
            {
                float square = 0f;
                if (!float.IsNaN(targets[i]))
                {
                    float difference = predictions[i] - targets[i];
                    square = difference * difference;
                    present += 1f;
                }

                rowLoss[i] = square;
                part += square;
            }

            squares += part;
        }

        float counted = GroupReductions.Sum(tile, present, groupSize);
        float sum = GroupReductions.Sum(tile, squares, groupSize);
        if (item == 0)
        {
            loss[0] = counted > 0f ? sum / counted : 0f;
        }

        if (withGradient)
        {
            float scale = counted > 0f ? 2f * scalars[StepScalars.LossScale] / counted : 0f;
            for (int i = item; i < count; i += groupSize)
            {
                float gradient = 0f;
                if (!float.IsNaN(targets[i]))
                {
                    gradient = scale * (predictions[i] - targets[i]);
                }

                dPredictions[i] = gradient;
            }
        }
    }
}

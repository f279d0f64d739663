namespace Engine.Kernels;

/// <summary>Losses with their gradients.</summary>
internal static partial class LossesKernels
{
    /// <summary>
    /// Cross-entropy of a chunk of rows from <paramref name="first"/> on, one group a row: the row's maximum, the sum of exponentials below
    /// it, the row's loss, then its gradient. With targets t_c the loss is t (log(sum) + maximum) - sum of t_c x_c, t their sum, and the
    /// gradient t p_c - t_c. Every group adds up the weights of all rows for itself: that costs less than a launch of its own.
    /// </summary>
    [Kernel]
    public static void CrossEntropy(
        ArrayView<float> logits, ArrayView<int> labels, ArrayView<float> classWeights, ArrayView<float> scalars, ArrayView<float> rowLoss,
        ArrayView<float> dLogits, int rows, int first, int classes, float smoothing,
        [Specialize] bool weighted, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        int labelled = first + Grid.IdxX;
        long offset = (long)Grid.IdxX * classes;
        float weights = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            weights += RowWeight(labels[row], classWeights, weighted);
        }

        float total = GroupReductions.Sum(tile, weights, groupSize);
        float largest = float.NegativeInfinity;
        for (int j = item; j < classes; j += groupSize)
        {
            largest = MathF.Max(largest, logits[offset + j]);
        }

        float maximum = GroupReductions.Max(tile, largest, groupSize);

        // In blocks: thousands of terms added one by one would lose digits.
        float powers = 0f;
        float distances = 0f;
        float spread = 0f;
        for (int block = item; block < classes; block += LaunchShapes.TermsPerItem * groupSize)
        {
            int end = Math.Min(classes, block + (LaunchShapes.TermsPerItem * groupSize));
            float part = 0f;
            float far = 0f;
            for (int j = block; j < end; j += groupSize)
            {
                float below = logits[offset + j] - maximum;
                part += KernelMath.Exp(below);
                if (smoothing > 0f)
                {
                    float weight = weighted ? classWeights[j] : 1f;
                    far -= weight * below;
                    spread += weight;
                }
            }

            powers += part;
            distances += far;
        }

        float sum = GroupReductions.Sum(tile, powers, groupSize);
        float share = smoothing / classes;
        float targets = 0f;
        float distance = 0f;
        if (smoothing > 0f)
        {
            targets = share * GroupReductions.Sum(tile, spread, groupSize);
            distance = share * GroupReductions.Sum(tile, distances, groupSize);
        }

        int label = labels[labelled];
        bool ignored = label == Losses.IgnoredLabel;
        float own = (1f - smoothing) * RowWeight(label, classWeights, weighted);
        targets += own;
        if (item == 0)
        {
            float loss = 0f;
            if (!ignored)
            {
                loss = (targets * KernelMath.Log(sum)) + ((own * (maximum - logits[offset + label])) + distance);
            }

            rowLoss[labelled] = loss;
        }

        if (withGradient)
        {
            // The gradient may be written over the logits, whose label item 0 has read.
            Group.Barrier();
            float scale = ignored ? 0f : scalars[StepScalars.LossScale] / total;
            for (int j = item; j < classes; j += groupSize)
            {
                float gradient = 0f;
                if (!ignored)
                {
                    float target = (share * (weighted ? classWeights[j] : 1f)) + (j == label ? own : 0f);
                    gradient = (KernelMath.Exp(logits[offset + j] - maximum) * (targets * scale / sum)) - (scale * target);
                }

                dLogits[offset + j] = gradient;
            }
        }
    }

    /// <summary>One group: loss[0] = the sum of the rows' losses over that of their weights.</summary>
    [Kernel]
    public static void Mean(
        ArrayView<float> rowLoss, ArrayView<int> labels, ArrayView<float> classWeights, ArrayView<float> loss, int rows,
        [Specialize] bool weighted, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        float losses = 0f;
        float weights = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            losses += rowLoss[row];
            weights += RowWeight(labels[row], classWeights, weighted);
        }

        float sum = GroupReductions.Sum(tile, losses, groupSize);
        float total = GroupReductions.Sum(tile, weights, groupSize);
        if (item == 0)
        {
            loss[0] = total > 0f ? sum / total : 0f;
        }
    }

    /// <summary>One group for everything: predictions are few, one to some per text.</summary>
    [Kernel]
    public static void MeanSquaredError(
        ArrayView<float> predictions, ArrayView<float> targets, ArrayView<float> scalars, ArrayView<float> rowLoss, ArrayView<float> loss,
        ArrayView<float> dPredictions,
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

    /// <summary>What a row counts for in the mean.</summary>
    private static float RowWeight(int label, ArrayView<float> classWeights, bool weighted)
    {
        float weight = 0f;
        if (label != Losses.IgnoredLabel)
        {
            weight = weighted ? classWeights[label] : 1f;
        }

        return weight;
    }
}

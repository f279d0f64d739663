namespace Engine.Kernels;

/// <summary>Losses of spans.</summary>
internal static partial class SpanLossesKernels
{
    /// <summary>One group for everything, which shares the tokens of a row: there are two logits a token.</summary>
    [Kernel]
    public static void CrossEntropy(
        ArrayView<float> logits, ArrayView<int> labels, ArrayView<int> rowStart, ArrayView<float> scalars, ArrayView<float> rowLoss,
        ArrayView<float> loss, ArrayView<float> dLogits, int rows, int tokens, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int item = Group.IdxX;
        float starts = 0f;
        float ends = 0f;
        for (int row = item; row < rows; row += groupSize)
        {
            starts += labels[2 * row] == Losses.IgnoredLabel ? 0f : 1f;
            ends += labels[(2 * row) + 1] == Losses.IgnoredLabel ? 0f : 1f;
        }

        float countedStarts = GroupReductions.Sum(tile, starts, groupSize);
        float countedEnds = GroupReductions.Sum(tile, ends, groupSize);
        float sumOfStarts = 0f;
        float sumOfEnds = 0f;
        for (int column = 0; column < 2; column++)
        {
            float counted = column == 0 ? countedStarts : countedEnds;
            float scale = counted > 0f ? 0.5f * scalars[StepScalars.LossScale] / counted : 0f;
            for (int row = 0; row < rows; row++)
            {
                int first = rowStart[row];
                int end = rowStart[row + 1];
                int label = labels[(2 * row) + column];
                float largest = float.NegativeInfinity;
                for (int token = first + item; token < end; token += groupSize)
                {
                    largest = MathF.Max(largest, logits[(2L * token) + column]);
                }

                largest = GroupReductions.Max(tile, largest, groupSize);
                float part = 0f;
                float named = 0f;
                for (int token = first + item; token < end; token += groupSize)
                {
                    float x = logits[(2L * token) + column];
                    part += KernelMath.Exp(x - largest);
                    named += token - first == label ? x : 0f;
                }

                float sum = GroupReductions.Sum(tile, part, groupSize);
                float x0 = GroupReductions.Sum(tile, named, groupSize);
                float rowOf = label == Losses.IgnoredLabel ? 0f : KernelMath.Log(sum) + largest - x0;
                sumOfStarts += column == 0 ? rowOf : 0f;
                sumOfEnds += column == 0 ? 0f : rowOf;
                if (item == 0)
                {
                    rowLoss[row] = column == 0 ? 0.5f * rowOf : rowLoss[row] + (0.5f * rowOf);
                }

                if (withGradient)
                {
                    for (int token = first + item; token < end; token += groupSize)
                    {
                        float share = KernelMath.Exp(logits[(2L * token) + column] - largest) / sum;
                        float target = token - first == label ? 1f : 0f;
                        dLogits[(2L * token) + column] = label == Losses.IgnoredLabel ? 0f : scale * (share - target);
                    }
                }
            }
        }

        if (item == 0)
        {
            loss[0] = 0.5f * ((countedStarts > 0f ? sumOfStarts / countedStarts : 0f) + (countedEnds > 0f ? sumOfEnds / countedEnds : 0f));
        }

        if (withGradient)
        {
            for (int token = rowStart[rows] + item; token < tokens; token += groupSize)
            {
                dLogits[2L * token] = 0f;
                dLogits[(2L * token) + 1] = 0f;
            }
        }
    }
}

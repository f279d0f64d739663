namespace Engine.Kernels;

/// <summary>Losses of sentence vectors, a group for each vector, sample or pair.</summary>
internal static partial class EmbeddingLossesKernels
{
    /// <summary>norms[row] = the length of a row, at least <see cref="EmbeddingLosses.LeastNorm"/>.</summary>
    [Kernel]
    public static void Norms(ArrayView<float> x, ArrayView<float> norms, int columns, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        long first = (long)Grid.IdxX * columns;
        float squares = 0f;
        for (int j = Group.IdxX; j < columns; j += groupSize)
        {
            squares += x[first + j] * x[first + j];
        }

        float sum = GroupReductions.Sum(tile, squares, groupSize);
        if (Group.IdxX == 0)
        {
            norms[Grid.IdxX] = MathF.Max(MathF.Sqrt(sum), EmbeddingLosses.LeastNorm);
        }
    }

    /// <summary>
    /// A sample's scores, its loss, and in place of the scores the loss's gradient by the products of the two vectors; an item has
    /// candidates of its own, so that the group meets for the softmax's sums alone.
    /// </summary>
    [Kernel]
    public static void Scores(
        ArrayView<float> x, ArrayView<float> norms, ArrayView<float> scalars, ArrayView<float> scores, ArrayView<float> rowLoss,
        int samples, int texts, int columns, float scale, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int sample = Grid.IdxX;
        int candidates = samples * (texts - 1);
        long anchor = (long)sample * texts * columns;
        long own = (long)sample * candidates;
        float norm = norms[sample * texts];
        float largest = float.NegativeInfinity;
        float right = 0f;
        for (int candidate = Group.IdxX; candidate < candidates; candidate += groupSize)
        {
            int row = (candidate % samples * texts) + 1 + (candidate / samples);
            long first = (long)row * columns;
            float product = 0f;
            for (int j = 0; j < columns; j++)
            {
                product += x[anchor + j] * x[first + j];
            }

            float score = scale * (product / (norm * norms[row]));
            scores[own + candidate] = score;
            largest = MathF.Max(largest, score);
            right = candidate == sample ? score : right;
        }

        largest = GroupReductions.Max(tile, largest, groupSize);
        float part = 0f;
        for (int candidate = Group.IdxX; candidate < candidates; candidate += groupSize)
        {
            part += KernelMath.Exp(scores[own + candidate] - largest);
        }

        float sum = GroupReductions.Sum(tile, part, groupSize);
        float share = scale * scalars[StepScalars.LossScale] / samples / norm;
        for (int candidate = Group.IdxX; candidate < candidates; candidate += groupSize)
        {
            int row = (candidate % samples * texts) + 1 + (candidate / samples);
            float probability = KernelMath.Exp(scores[own + candidate] - largest) / sum;
            scores[own + candidate] = share * (probability - (candidate == sample ? 1f : 0f)) / norms[row];
            if (candidate == sample)
            {
                rowLoss[sample] = KernelMath.Log(sum) + largest - right;
            }
        }
    }

    /// <summary>loss[0] = the mean of rowLoss.</summary>
    [Kernel]
    public static void Mean(ArrayView<float> rowLoss, ArrayView<float> loss, int rows, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float part = 0f;
        for (int row = Group.IdxX; row < rows; row += groupSize)
        {
            part += rowLoss[row];
        }

        float sum = GroupReductions.Sum(tile, part, groupSize);
        if (Group.IdxX == 0)
        {
            loss[0] = sum / rows;
        }
    }

    /// <summary>loss[0] = the mean of rowLoss over the rows whose target is a number; 0 where none is.</summary>
    [Kernel]
    public static void CountedMean(
        ArrayView<float> rowLoss, ArrayView<float> targets, ArrayView<float> loss, int rows, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float part = 0f;
        float present = 0f;
        for (int row = Group.IdxX; row < rows; row += groupSize)
        {
            part += rowLoss[row];
            present += float.IsNaN(targets[row]) ? 0f : 1f;
        }

        float sum = GroupReductions.Sum(tile, part, groupSize);
        float counted = GroupReductions.Sum(tile, present, groupSize);
        if (Group.IdxX == 0)
        {
            loss[0] = counted > 0f ? sum / counted : 0f;
        }
    }

    /// <summary>
    /// dx of a row from the gradients by the products it is in: those of its sample for an anchor, those of all for another. What lies
    /// along the row changes its length alone, which cosines do not see.
    /// </summary>
    [Kernel]
    public static void RankingGradient(
        ArrayView<float> x, ArrayView<float> norms, ArrayView<float> gradients, ArrayView<float> dx, int samples, int texts, int columns,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int row = Grid.IdxX;
        int sample = row / texts;
        int place = row % texts;
        int candidates = samples * (texts - 1);
        int others = place == 0 ? candidates : samples;
        long first = (long)row * columns;
        float norm = norms[row];
        float part = 0f;
        for (int j = Group.IdxX; j < columns; j += groupSize)
        {
            float sum = 0f;
            for (int other = 0; other < others; other++)
            {
                int otherRow = place == 0 ? (other % samples * texts) + 1 + (other / samples) : other * texts;
                long at = place == 0
                    ? ((long)sample * candidates) + other
                    : ((long)other * candidates) + sample + ((place - 1) * samples);
                sum += gradients[at] * x[((long)otherRow * columns) + j];
            }

            dx[first + j] = sum;
            part += sum * x[first + j];
        }

        float along = GroupReductions.Sum(tile, part, groupSize) / norm / norm;
        for (int j = Group.IdxX; j < columns; j += groupSize)
        {
            dx[first + j] -= along * x[first + j];
        }
    }

    /// <summary>A pair's squared difference and its gradient.</summary>
    [Kernel]
    public static void Cosine(
        ArrayView<float> x, ArrayView<float> targets, ArrayView<float> scalars, ArrayView<float> rowLoss, ArrayView<float> dx,
        int samples, int columns, [Specialize] bool withGradient, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int sample = Grid.IdxX;
        long a = 2L * sample * columns;
        long b = a + columns;
        float product = 0f;
        float squaresOfA = 0f;
        float squaresOfB = 0f;
        for (int j = Group.IdxX; j < columns; j += groupSize)
        {
            product += x[a + j] * x[b + j];
            squaresOfA += x[a + j] * x[a + j];
            squaresOfB += x[b + j] * x[b + j];
        }

        float present = 0f;
        for (int i = Group.IdxX; i < samples; i += groupSize)
        {
            present += float.IsNaN(targets[i]) ? 0f : 1f;
        }

        float dot = GroupReductions.Sum(tile, product, groupSize);
        float normA = MathF.Max(MathF.Sqrt(GroupReductions.Sum(tile, squaresOfA, groupSize)), EmbeddingLosses.LeastCosineNorm);
        float normB = MathF.Max(MathF.Sqrt(GroupReductions.Sum(tile, squaresOfB, groupSize)), EmbeddingLosses.LeastCosineNorm);
        float counted = GroupReductions.Sum(tile, present, groupSize);
        float cosine = dot / (normA * normB);
        bool counts = !float.IsNaN(targets[sample]);
        float difference = counts ? cosine - targets[sample] : 0f;
        if (Group.IdxX == 0)
        {
            rowLoss[sample] = difference * difference;
        }

        if (withGradient)
        {
            float scale = counts ? 2f * scalars[StepScalars.LossScale] * difference / counted : 0f;
            for (int j = Group.IdxX; j < columns; j += groupSize)
            {
                float ofA = x[a + j] / normA;
                float ofB = x[b + j] / normB;
                dx[a + j] = scale * (ofB - (cosine * ofA)) / normA;
                dx[b + j] = scale * (ofA - (cosine * ofB)) / normB;
            }
        }
    }
}

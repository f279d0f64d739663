namespace Engine.Kernels;

/// <summary>Routing, one item a token; shares of tokens, one group an expert.</summary>
internal static partial class RoutingKernels
{
    [Kernel]
    public static void Forward(ArrayView<float> p, ArrayView<float> w, int rows, int experts, int chosen)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            long start = (long)row * experts;
            float sum = 0f;
            for (int e = 0; e < experts; e++)
            {
                int before = 0;
                for (int j = 0; j < experts; j++)
                {
                    before += p[start + j] > p[start + e] || (p[start + j] == p[start + e] && j < e) ? 1 : 0;
                }

                float kept = before < chosen ? p[start + e] : 0f;
                w[start + e] = kept;
                sum += kept;
            }

            for (int e = 0; e < experts; e++)
            {
                w[start + e] = w[start + e] / sum;
            }
        }
    }

    [Kernel]
    public static void Backward(ArrayView<float> p, ArrayView<float> w, ArrayView<float> dw, ArrayView<float> dp, int rows, int experts)
    {
        int row = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (row < rows)
        {
            long start = (long)row * experts;
            float sum = 0f;
            float dot = 0f;
            for (int e = 0; e < experts; e++)
            {
                sum += w[start + e] > 0f ? p[start + e] : 0f;
                dot += w[start + e] * dw[start + e];
            }

            for (int e = 0; e < experts; e++)
            {
                dp[start + e] = w[start + e] > 0f ? (dw[start + e] - dot) / sum : 0f;
            }
        }
    }

    /// <summary>Each expert's mean probability and share of tokens.</summary>
    [Kernel]
    public static void Shares(
        ArrayView<float> p, ArrayView<float> w, ArrayView<int> rowStart, ArrayView<float> means, ArrayView<float> fractions, int experts,
        int texts, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int tokens = rowStart[texts];
        float probability = 0f;
        float chosen = 0f;
        for (int token = Group.IdxX; token < tokens; token += groupSize)
        {
            long place = ((long)token * experts) + Grid.IdxX;
            probability += p[place];
            chosen += w[place] > 0f ? 1f : 0f;
        }

        float sum = GroupReductions.Sum(tile, probability, groupSize);
        float count = GroupReductions.Sum(tile, chosen, groupSize);
        if (Group.IdxX == 0)
        {
            means[Grid.IdxX] = sum / tokens;
            fractions[Grid.IdxX] = count / tokens;
        }
    }

    [Kernel]
    public static void Balance(
        ArrayView<float> means, ArrayView<float> fractions, ArrayView<float> previous, ArrayView<float> term, int experts,
        float coefficient, bool adds)
    {
        if (Grid.IdxX == 0 && Group.IdxX == 0)
        {
            float sum = 0f;
            for (int e = 0; e < experts; e++)
            {
                sum += fractions[e] * means[e];
            }

            float own = coefficient * experts * sum;
            term[0] = adds ? previous[0] + own : own;
        }
    }

    [Kernel]
    public static void BalanceGradient(
        ArrayView<float> fractions, ArrayView<int> rowStart, ArrayView<float> scalars, ArrayView<float> dp, long count, int experts,
        int texts, float coefficient)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            int tokens = rowStart[texts];
            long row = i / experts;
            dp[i] = row < tokens ? scalars[StepScalars.LossScale] * coefficient * experts / tokens * fractions[i - (row * experts)] : 0f;
        }
    }
}

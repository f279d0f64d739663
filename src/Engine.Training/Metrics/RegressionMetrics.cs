namespace Engine.Training.Metrics;

/// <summary>
/// Metrics of predicted numbers, as SciPy computes them. A correlation is NaN where either side is constant or there is one pair only.
/// </summary>
internal static class RegressionMetrics
{
    /// <summary>Pearson's linear correlation.</summary>
    public static double Pearson(ReadOnlySpan<double> labels, ReadOnlySpan<double> predictions)
    {
        ClassificationMetrics.RequirePairs(labels.Length, predictions.Length);
        if (IsConstant(labels) || IsConstant(predictions))
        {
            return double.NaN;
        }

        double labelMean = Mean(labels);
        double predictionMean = Mean(predictions);
        double product = 0;
        double labelSquares = 0;
        double predictionSquares = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            double label = labels[i] - labelMean;
            double prediction = predictions[i] - predictionMean;
            product += label * prediction;
            labelSquares += label * label;
            predictionSquares += prediction * prediction;
        }

        return Math.Clamp(product / (Math.Sqrt(labelSquares) * Math.Sqrt(predictionSquares)), -1, 1);
    }

    /// <summary>Spearman's rank correlation: Pearson's over ranks, equal numbers sharing the mean of theirs.</summary>
    public static double Spearman(ReadOnlySpan<double> labels, ReadOnlySpan<double> predictions)
    {
        ClassificationMetrics.RequirePairs(labels.Length, predictions.Length);
        return Pearson(Ranks(labels), Ranks(predictions));
    }

    /// <summary>Mean squared error.</summary>
    public static double MeanSquaredError(ReadOnlySpan<double> labels, ReadOnlySpan<double> predictions)
    {
        ClassificationMetrics.RequirePairs(labels.Length, predictions.Length);
        double sum = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            sum += (labels[i] - predictions[i]) * (labels[i] - predictions[i]);
        }

        return sum / labels.Length;
    }

    private static double[] Ranks(ReadOnlySpan<double> values)
    {
        double[] sorted = values.ToArray();
        int[] order = [.. Enumerable.Range(0, sorted.Length)];
        Array.Sort(sorted, order);
        double[] ranks = new double[sorted.Length];
        for (int start = 0; start < sorted.Length;)
        {
            int end = start + 1;
            while (end < sorted.Length && sorted[end] == sorted[start])
            {
                end++;
            }

            for (int i = start; i < end; i++)
            {
                ranks[order[i]] = (start + end - 1) / 2.0;
            }

            start = end;
        }

        return ranks;
    }

    private static bool IsConstant(ReadOnlySpan<double> values) => !values.ContainsAnyExcept(values[0]);

    private static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return sum / values.Length;
    }
}

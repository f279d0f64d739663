namespace Engine.Training.Metrics;

/// <summary>Metrics of a classifier that has been trained on some of its classes, and is asked for these alone.</summary>
internal static class SeenClasses
{
    /// <summary>What a text's class is taken for among the classes of all tasks given, and the loss over these.</summary>
    /// <param name="labels">[rows] Class numbers, of these classes.</param>
    /// <param name="logits">[rows, classes] Of every class.</param>
    /// <param name="tasks">The classes of each task.</param>
    /// <returns>The metrics over all rows, and the accuracy over the rows of each task, NaN where there are none.</returns>
    public static (OrderedDictionary<string, double> Metrics, double[] OfTasks) Measure(
        IReadOnlyList<int> labels, float[] logits, int classes, IReadOnlyList<IReadOnlyList<int>> tasks)
    {
        int[] seen = [.. tasks.SelectMany(task => task)];
        int[] taskOf = [.. tasks.SelectMany((task, number) => task.Select(_ => number))];
        var places = new int[labels.Count];
        var scores = new float[labels.Count * seen.Length];
        double loss = 0;
        for (int row = 0; row < places.Length; row++)
        {
            Span<float> own = scores.AsSpan(row * seen.Length, seen.Length);
            for (int i = 0; i < seen.Length; i++)
            {
                own[i] = logits[(row * classes) + seen[i]];
            }

            places[row] = Array.IndexOf(seen, labels[row]);
            loss += LossOf(own, places[row]);
        }

        int[] predictions = ClassificationMetrics.Argmax(scores, seen.Length);
        var counts = new (int Rows, int Right)[tasks.Count];
        for (int row = 0; row < places.Length; row++)
        {
            ref (int Rows, int Right) count = ref counts[taskOf[places[row]]];
            count.Rows++;
            count.Right += predictions[row] == places[row] ? 1 : 0;
        }

        OrderedDictionary<string, double> metrics = new()
        {
            [TaskMetrics.Loss] = loss / places.Length,
            ["accuracy"] = ClassificationMetrics.Accuracy(places, predictions),
            ["f1_macro"] = ClassificationMetrics.MacroF1(places, predictions),
            ["matthews"] = ClassificationMetrics.Matthews(places, predictions),
        };
        return (metrics, [.. counts.Select(count => count.Rows == 0 ? double.NaN : (double)count.Right / count.Rows)]);
    }

    private static double LossOf(ReadOnlySpan<float> logits, int label)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
        {
            largest = Math.Max(largest, logit);
        }

        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - largest);
        }

        return Math.Log(sum) + largest - logits[label];
    }
}

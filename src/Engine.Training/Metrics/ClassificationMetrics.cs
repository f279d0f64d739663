using Engine.Common.Keys;

namespace Engine.Training.Metrics;

/// <summary>Metrics of predicted classes, with scikit-learn's conventions where a formula divides by zero.</summary>
internal static class ClassificationMetrics
{
    /// <summary>The share of equal pairs.</summary>
    public static double Accuracy(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions)
    {
        RequirePairs(labels.Length, predictions.Length);
        int equal = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            equal += labels[i] == predictions[i] ? 1 : 0;
        }

        return (double)equal / labels.Length;
    }

    /// <summary>The class that every row is predicted to be, where the labels are of several; else null.</summary>
    public static int? Only(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions)
    {
        RequirePairs(labels.Length, predictions.Length);
        return labels.ContainsAnyExcept(labels[0]) && !predictions.ContainsAnyExcept(predictions[0]) ? predictions[0] : null;
    }

    /// <summary>Harmonic mean of precision and recall of one class; 0 where it neither occurs nor is predicted.</summary>
    public static double F1(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions, int positive = 1)
    {
        RequirePairs(labels.Length, predictions.Length);
        int both = 0;
        int either = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            both += labels[i] == positive && predictions[i] == positive ? 1 : 0;
            either += (labels[i] == positive ? 1 : 0) + (predictions[i] == positive ? 1 : 0);
        }

        return either == 0 ? 0 : 2.0 * both / either;
    }

    /// <summary>The unweighted mean of the F1 of every class that occurs or is predicted.</summary>
    public static double MacroF1(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions)
    {
        RequirePairs(labels.Length, predictions.Length);
        double sum = 0;
        SortedSet<int> classes = [.. labels, .. predictions];
        foreach (int one in classes)
        {
            sum += F1(labels, predictions, one);
        }

        return sum / classes.Count;
    }

    /// <summary>
    /// Matthews' correlation for any number of classes (Gorodkin 2004): the correlation of labels and predictions as indicator vectors;
    /// 0 where either side is constant.
    /// </summary>
    public static double Matthews(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions)
    {
        RequirePairs(labels.Length, predictions.Length);
        Dictionary<int, (double Labels, double Predictions)> counts = [];
        double correct = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            correct += labels[i] == predictions[i] ? 1 : 0;
            (double Labels, double Predictions) label = counts.GetValueOrDefault(labels[i]);
            counts[labels[i]] = label with { Labels = label.Labels + 1 };
            (double Labels, double Predictions) prediction = counts.GetValueOrDefault(predictions[i]);
            counts[predictions[i]] = prediction with { Predictions = prediction.Predictions + 1 };
        }

        double total = (double)labels.Length * labels.Length;
        double product = 0;
        double labelSquares = 0;
        double predictionSquares = 0;
        foreach ((double label, double prediction) in counts.Values)
        {
            product += label * prediction;
            labelSquares += label * label;
            predictionSquares += prediction * prediction;
        }

        double denominator = Math.Sqrt(total - labelSquares) * Math.Sqrt(total - predictionSquares);
        return denominator == 0 ? 0 : ((correct * labels.Length) - product) / denominator;
    }

    /// <summary>The class of the largest logit in each row; the first of equal ones.</summary>
    /// <param name="logits">[rows, classes]</param>
    /// <exception cref="ArithmeticException">A logit that is not a number: the model has diverged.</exception>
    public static int[] Argmax(ReadOnlySpan<float> logits, int classes)
    {
        int[] predictions = new int[logits.Length / classes];
        for (int row = 0; row < predictions.Length; row++)
        {
            ReadOnlySpan<float> scores = logits.Slice(row * classes, classes);
            for (int i = 0; i < classes; i++)
            {
                if (float.IsNaN(scores[i]))
                {
                    throw new ArithmeticException(
                        $"The logit of row {row}, class {i} is not a number (NaN): the model has diverged. "
                            + $"A smaller {Setting.Of("learning_rate")} or a {Setting.Of("max_grad_norm")} usually helps.");
                }

                predictions[row] = scores[i] > scores[predictions[row]] ? i : predictions[row];
            }
        }

        return predictions;
    }

    internal static void RequirePairs(int labels, int predictions)
    {
        if (labels != predictions || labels == 0)
        {
            throw new ArgumentException(
                $"There are {labels} labels and {predictions} predictions; equally many and at least one were expected.");
        }
    }
}

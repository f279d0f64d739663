using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Metrics;

/// <summary>The metrics each task reports, in the order they are printed.</summary>
internal static class TaskMetrics
{
    /// <summary>The mean loss, which every task reports.</summary>
    public const string Loss = "loss";

    /// <summary>Names of what a task reports; f1 is that of class 1 and there only where the classes are two.</summary>
    /// <param name="classes">Classes of the task; null where they are not known yet (then every name the task may report).</param>
    /// <param name="hasScores">Sentence vectors: pairs have scores (<c>data.label</c>).</param>
    public static IReadOnlyList<string> Names(TaskKind task, int? classes = null, bool hasScores = false) => task switch
    {
        TaskKind.SequenceClassification when classes is null or 2 => [Loss, "accuracy", "f1", "f1_macro", "matthews"],
        TaskKind.SequenceClassification => [Loss, "accuracy", "f1_macro", "matthews"],
        TaskKind.Regression => [Loss, "pearson", "spearman", "mse"],
        TaskKind.TokenClassification => [Loss, "precision", "recall", "f1", "accuracy"],
        TaskKind.MultipleChoice => [Loss, "accuracy"],
        TaskKind.SentenceSimilarity => hasScores ? [Loss, "pearson", "spearman"] : [Loss, "accuracy", "mrr"],
        TaskKind.QuestionAnswering => [Loss, "exact_match", "f1"],
        TaskKind.MultiLabelClassification => [Loss, "f1_micro", "f1_macro", "accuracy"],
        _ => [Loss, "perplexity"],
    };

    /// <summary>The metric that picks the best checkpoint unless the run file names another.</summary>
    /// <param name="hasScores">Sentence vectors: pairs have scores.</param>
    public static string DefaultBest(TaskKind task, bool hasScores = false) => task switch
    {
        TaskKind.SequenceClassification or TaskKind.MultipleChoice => "accuracy",
        TaskKind.Regression => "pearson",
        TaskKind.TokenClassification or TaskKind.QuestionAnswering => "f1",
        TaskKind.MultiLabelClassification => "f1_micro",
        TaskKind.SentenceSimilarity => hasScores ? "spearman" : "mrr",
        _ => Loss,
    };

    /// <summary>Whether a larger value of this metric is the better one.</summary>
    public static bool GreaterIsBetter(string metric) => metric is not (Loss or "mse" or "perplexity");

    /// <summary>The values a metric can have; null where it has no bounds on both sides.</summary>
    public static (double Least, double Greatest)? Range(string metric) => metric switch
    {
        "accuracy" or "exact_match" or "f1" or "f1_macro" or "f1_micro" or "precision" or "recall" or "mrr" => (0, 1),
        "matthews" or "pearson" or "spearman" => (-1, 1),
        _ => null,
    };

    /// <summary>Metrics of a classification task.</summary>
    /// <param name="labels">[rows] Class indices.</param>
    /// <param name="predictions">[rows] Class indices.</param>
    /// <param name="loss">Mean loss over the rows.</param>
    public static IReadOnlyDictionary<string, double> Classification(
        ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions, int classes, double loss)
    {
        OrderedDictionary<string, double> metrics =
            new() { [Loss] = loss, ["accuracy"] = ClassificationMetrics.Accuracy(labels, predictions) };
        if (classes == 2)
        {
            metrics["f1"] = ClassificationMetrics.F1(labels, predictions);
        }

        metrics["f1_macro"] = ClassificationMetrics.MacroF1(labels, predictions);
        metrics["matthews"] = ClassificationMetrics.Matthews(labels, predictions);
        return metrics;
    }

    /// <summary>Metrics of labelled words: of the entities that they make up, and the share of words whose label is right.</summary>
    /// <param name="labels">Each text's labels, as numbers of the names.</param>
    /// <param name="predictions">Likewise.</param>
    public static IReadOnlyDictionary<string, double> Entities(
        IReadOnlyList<int[]> labels, IReadOnlyList<int[]> predictions, IReadOnlyList<string> names, double loss)
    {
        (double precision, double recall, double f1) = EntityMetrics.Measure(labels, predictions, names);
        return new OrderedDictionary<string, double>
        {
            [Loss] = loss,
            ["precision"] = precision,
            ["recall"] = recall,
            ["f1"] = f1,
            ["accuracy"] = ClassificationMetrics.Accuracy([.. labels.SelectMany(row => row)], [.. predictions.SelectMany(row => row)]),
        };
    }

    /// <summary>
    /// Metrics of texts with any number of classes, as scikit-learn has them of indicators; a class is predicted where its logit is above
    /// 0. Accuracy is the share of texts of which every class is right.
    /// </summary>
    /// <param name="targets">[rows, classes] 0 or 1.</param>
    /// <param name="logits">[rows, classes]</param>
    public static IReadOnlyDictionary<string, double> MultiLabel(float[] targets, float[] logits, int classes, double loss)
    {
        int[] labels = [.. targets.Select(target => target > 0.5f ? 1 : 0)], predictions = [.. logits.Select(logit => logit > 0 ? 1 : 0)];
        int rows = targets.Length / classes;
        int[] OfClass(int[] values, int one) => [.. Enumerable.Range(0, rows).Select(row => values[(row * classes) + one])];
        return new OrderedDictionary<string, double>
        {
            [Loss] = loss,
            ["f1_micro"] = ClassificationMetrics.F1(labels, predictions),
            ["f1_macro"] = Enumerable.Range(0, classes).Average(
                one => ClassificationMetrics.F1(OfClass(labels, one), OfClass(predictions, one))),
            ["accuracy"] = Enumerable.Range(0, rows).Average(row =>
                labels.AsSpan(row * classes, classes).SequenceEqual(predictions.AsSpan(row * classes, classes)) ? 1.0 : 0),
        };
    }

    /// <summary>Metrics of choices.</summary>
    public static IReadOnlyDictionary<string, double> Choices(ReadOnlySpan<int> labels, ReadOnlySpan<int> predictions, double loss) =>
        new OrderedDictionary<string, double> { [Loss] = loss, ["accuracy"] = ClassificationMetrics.Accuracy(labels, predictions) };

    /// <summary>Metrics of answers.</summary>
    public static IReadOnlyDictionary<string, double> Answers(QuestionSet questions, IReadOnlyList<FoundAnswer> found, double loss)
    {
        (double exact, double f1) = AnswerMetrics.Measure(
            [.. questions.Examples.Select(example => example.Answers!.Select(answer => answer.Text).ToArray())],
            [.. found.Select(answer => answer.Text)]);
        return new OrderedDictionary<string, double> { [Loss] = loss, ["exact_match"] = exact, ["f1"] = f1 };
    }

    /// <summary>Metrics of a regression task; a correlation is NaN where the predictions are all equal.</summary>
    public static IReadOnlyDictionary<string, double> Regression(ReadOnlySpan<float> targets, ReadOnlySpan<float> predictions, double loss)
    {
        double[] expected = ToDouble(targets);
        double[] actual = ToDouble(predictions);
        return new OrderedDictionary<string, double>
        {
            [Loss] = loss,
            ["pearson"] = RegressionMetrics.Pearson(expected, actual),
            ["spearman"] = RegressionMetrics.Spearman(expected, actual),
            ["mse"] = RegressionMetrics.MeanSquaredError(expected, actual),
        };
    }

    /// <summary>Metrics of a language-modelling task; perplexity is the exponential of the mean loss per token.</summary>
    public static IReadOnlyDictionary<string, double> LanguageModel(double loss) =>
        new OrderedDictionary<string, double> { [Loss] = loss, ["perplexity"] = Math.Exp(loss) };

    private static double[] ToDouble(ReadOnlySpan<float> values)
    {
        double[] wide = new double[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }
}

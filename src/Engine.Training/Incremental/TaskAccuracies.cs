namespace Engine.Training.Incremental;

/// <summary>What an evaluation after a task found, each text being one of all classes trained so far.</summary>
/// <param name="Accuracy">Over all texts of these classes.</param>
/// <param name="OfTasks">Over the texts of each task's classes, those of the tasks so far; NaN where the validation data has none.</param>
public sealed record TaskAccuracy(double Accuracy, IReadOnlyList<double> OfTasks);

/// <summary>Accuracies of class-incremental training after each of its tasks.</summary>
/// <param name="Classes">The labels of each task's classes.</param>
/// <param name="After">After each task that is trained.</param>
public sealed record TaskAccuracies(IReadOnlyList<IReadOnlyList<string>> Classes, IReadOnlyList<TaskAccuracy> After)
{
    /// <summary>The mean of the tasks' accuracies after the last one trained.</summary>
    public double Average => After.Count == 0 ? double.NaN : Mean(After[^1].OfTasks);

    /// <summary>The mean over the evaluations of the accuracy over all classes trained until then.</summary>
    public double Anytime => Mean([.. After.Select(after => after.Accuracy)]);

    /// <summary>
    /// By how much the accuracy on an earlier task's classes is below its highest of the evaluations before, on average (Chaudhry et al.
    /// 2018, arXiv 1801.10112, equation 3); NaN where one task is trained.
    /// </summary>
    public double Forgetting => ForgettingOf([.. After.Select(after => after.OfTasks)]);

    /// <summary>The same of rows of accuracies, each with those of the tasks until then.</summary>
    internal static double ForgettingOf(IReadOnlyList<IReadOnlyList<double>> rows)
    {
        if (rows.Count < 2)
        {
            return double.NaN;
        }

        IReadOnlyList<double> last = rows[^1];
        return Mean([.. Enumerable.Range(0, last.Count - 1).Select(task =>
            rows.SkipLast(1).Where(row => row.Count > task).Max(row => row[task]) - last[task])]);
    }

    /// <summary>The mean of what is a number.</summary>
    internal static double Mean(IReadOnlyList<double> values) =>
        values.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();
}

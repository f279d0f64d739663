using System.Globalization;
using Engine.Cli.Progress;
using Engine.Training.Incremental;
using Engine.Training.Reports;
using Spectre.Console;
using OperatorProfile = Engine.Graph.OperatorProfile;
using Profile = Engine.Graph.Profile;

namespace Engine.Cli.Tables;

/// <summary>The tables that a run ends with.</summary>
internal static class ReportTables
{
    /// <summary>Metrics before and after training.</summary>
    public static FittingTable Comparison(IReadOnlyDictionary<string, double>? before, IReadOnlyDictionary<string, double> after)
    {
        if (before is null)
        {
            return Metrics(after);
        }

        FittingTable table = TableStyle.Create("metric", ">before", ">after");
        foreach ((string name, double value) in after)
        {
            table.Row(name, before.TryGetValue(name, out double start) ? Amounts.Metric(start) : "", Amounts.Metric(value));
        }

        return table;
    }

    /// <summary>Metrics of one evaluation.</summary>
    public static FittingTable Metrics(IReadOnlyDictionary<string, double> metrics)
    {
        FittingTable table = TableStyle.Create("metric", ">value");
        foreach ((string name, double value) in metrics)
        {
            table.Row(name, Amounts.Metric(value));
        }

        return table;
    }

    /// <summary>Accuracies after each task of a class-incremental run: over all classes until then, and over those of each task.</summary>
    public static FittingTable Tasks(TaskAccuracies tasks)
    {
        int count = tasks.After.Count;
        IEnumerable<string> headings = Enumerable.Range(1, count).Select(task => FormattableString.Invariant($">task {task}"));
        FittingTable table = TableStyle.Create(["after task", ">accuracy", .. headings]);
        for (int task = 0; task < count; task++)
        {
            IEnumerable<string> cells = tasks.After[task].OfTasks.Select(accuracy => Amounts.Metric(accuracy));
            table.Row(
            [
                (task + 1).ToString(CultureInfo.InvariantCulture),
                Amounts.Metric(tasks.After[task].Accuracy),
                .. cells,
                .. Enumerable.Repeat("", count - tasks.After[task].OfTasks.Count),
            ]);
        }

        return table;
    }

    /// <summary>Where a run's time went, by operator.</summary>
    public static FittingTable ByOperator(Profile profile)
    {
        double total = profile.Rows.Sum(row => row.Time.TotalSeconds);
        FittingTable table = TableStyle.Create("operator", ">share", ">seconds", ">calls", ">ms per call", ">GB/s", ">GFLOP/s");
        foreach (OperatorProfile row in profile.Rows)
        {
            double seconds = row.Time.TotalSeconds;
            table.Row(
                row.Operator,
                (seconds / total).ToString("0.0 %", CultureInfo.InvariantCulture),
                seconds.ToString("0.000", CultureInfo.InvariantCulture),
                row.Calls.ToString("N0", CultureInfo.InvariantCulture),
                (row.Time.TotalMilliseconds / row.Calls).ToString("0.000", CultureInfo.InvariantCulture),
                (row.Cost.Bytes / seconds / 1e9).ToString("N1", CultureInfo.InvariantCulture),
                row.Cost.Operations > 0 ? (row.Cost.Operations / seconds / 1e9).ToString("N0", CultureInfo.InvariantCulture) : "");
        }

        return table;
    }

    /// <summary>Device bytes by owner.</summary>
    public static FittingTable Memory(IEnumerable<KeyValuePair<string, long>> byOwner, long total)
    {
        FittingTable table = TableStyle.Create("memory of", ">bytes", ">");
        foreach ((string owner, long bytes) in byOwner.OrderByDescending(entry => entry.Value))
        {
            table.Row(owner, bytes.ToString("N0", CultureInfo.InvariantCulture), Amounts.Bytes(bytes));
        }

        table.Row("all", total.ToString("N0", CultureInfo.InvariantCulture), Amounts.Bytes(total));
        return table;
    }
}

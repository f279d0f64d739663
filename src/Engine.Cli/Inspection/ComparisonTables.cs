using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Html;
using Engine.Cli.Progress;
using Engine.Optim.Sharpness;
using Engine.Training.Comparing;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>Tables of a comparison on a terminal.</summary>
internal static class ComparisonTables
{
    /// <summary>A row for each method: the metric's mean and deviation, the other metrics' means, what it costs beside the reference.</summary>
    public static FittingTable Of(ComparisonReport report)
    {
        string reference = report.Reference.Name;
        string[] costs = [">s/step", $">time x {reference}", ">peak", $">peak x {reference}"];
        FittingTable table = Tables.Create(["method", ">runs", .. report.Metrics.Select(name => $">{name}"), .. costs]);
        foreach (MethodResult method in report.Methods)
        {
            table.Row([
                method.Name,
                Runs(method),
                .. report.Metrics.Select(name => Mean(method.Metric(name))),
                method.SecondsPerStep is { } seconds ? seconds.Value.ToString("0.000", CultureInfo.InvariantCulture) : "",
                Ratio(report.RelativeTime(method)),
                method.PeakBytes is { } bytes ? Amounts.Bytes(bytes) : "",
                Ratio(report.RelativeBytes(method))]);
        }

        return table;
    }

    /// <summary>A row for each method: the mean and deviation of each figure of sharpness in a space.</summary>
    public static FittingTable Sharpness(ComparisonReport report, string space, IReadOnlyList<string> figures)
    {
        FittingTable table = Tables.Create([$"sharpness, {space} space", .. figures.Select(figure => $">{figure}")]);
        foreach (MethodResult method in report.Methods)
        {
            table.Row([method.Name, .. figures.Select(figure => Figure(method.Sharpness(space, figure)))]);
        }

        return table;
    }

    /// <summary>Mean and deviation of a figure of any size.</summary>
    private static string Figure(SampleMean? mean) => mean is null
        ? ""
        : double.IsNaN(mean.Deviation) ? ChartScale.Number(mean.Value) : $"{ChartScale.Number(mean.Value)} ± {ChartScale.Number(mean.Deviation)}";

    /// <summary>How many runs there are, and how many failed.</summary>
    public static string Runs(MethodResult method) => method.Failed.Count == 0 ? $"{method.Runs.Count}" : $"{method.Runs.Count}, {method.Failed.Count} failed";

    /// <summary>Mean and deviation.</summary>
    public static string Mean(SampleMean? mean) => mean is null ? "" : $"{TrainingView.Metric(mean.Value)}{Deviation(mean)}";

    /// <summary>The deviation behind a mean; empty for a single run.</summary>
    public static string Deviation(SampleMean mean) => double.IsNaN(mean.Deviation) ? "" : $" ± {TrainingView.Metric(mean.Deviation)}";

    public static string Ratio(double? ratio) => ratio is { } value ? value.ToString("0.000", CultureInfo.InvariantCulture) : "";
}

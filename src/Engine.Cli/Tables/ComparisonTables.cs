using System.Globalization;
using Engine.Training.Comparing;
using Engine.Training.Reports;

namespace Engine.Cli.Tables;

/// <summary>Tables of a comparison on a terminal.</summary>
internal static class ComparisonTables
{
    /// <summary>
    /// A row for each method: the metric's mean and deviation, the other metrics' means, what it costs beside the reference.
    /// </summary>
    public static FittingTable Of(ComparisonReport report)
    {
        string reference = report.Reference.Name;
        string[] costs = [">s/step", $">time x {reference}", ">peak", $">peak x {reference}"];
        FittingTable table = TableStyle.Create(["method", ">runs", .. report.Metrics.Select(name => $">{name}"), .. costs]);
        foreach (MethodResult method in report.Methods)
        {
            table.Row([
                method.Name,
                method.RunsText,
                .. report.Metrics.Select(name => method.Metric(name) is { } mean ? Amounts.Metric(mean) : ""),
                method.SecondsPerStep?.Value.ToString("0.000", CultureInfo.InvariantCulture) ?? "",
                Amounts.Ratio(report.RelativeTime(method)),
                method.PeakBytes is { } bytes ? Amounts.Bytes(bytes) : "",
                Amounts.Ratio(report.RelativeBytes(method))]);
        }

        return table;
    }

    /// <summary>A row for each method: the mean and deviation of each figure of sharpness in a space.</summary>
    public static FittingTable Sharpness(ComparisonReport report, string space, IReadOnlyList<string> figures)
    {
        FittingTable table = TableStyle.Create([$"sharpness, {space} space", .. figures.Select(figure => $">{figure}")]);
        foreach (MethodResult method in report.Methods)
        {
            table.Row([
                method.Name,
                .. figures.Select(figure => method.Sharpness(space, figure) is { } mean ? Amounts.Number(mean) : "")]);
        }

        return table;
    }
}

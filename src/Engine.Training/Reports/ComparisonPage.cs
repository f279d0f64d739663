using Engine.Optim.Sharpness;
using Engine.Training.Comparing;
using Engine.Training.Metrics;

namespace Engine.Training.Reports;

/// <summary>
/// The page that compares methods: what they came to and cost in a table, every run as a dot, curves over the epochs as means over the
/// seeds.
/// </summary>
internal static class ComparisonPage
{
    private const int LossParts = 24;

    public static HtmlPage Of(ComparisonReport report)
    {
        var page = new HtmlPage("Methods side by side");
        page.Facts([
            .. report.RunFile is { } file ? [("run file", file)] : Array.Empty<(string, string)>(),
            ("model", report.Model),
            ("data", report.Data),
            ("compared by", report.Metric),
            ("device", report.Device),
            ("runs", report.Finished == report.Planned ? $"{report.Planned}" : $"{report.Finished} of {report.Planned}"),
        ]);
        if (report.Finished < report.Planned)
        {
            page.Paragraph("The comparison is not whole: runs are missing or failed.");
        }

        page.Heading("What they came to");
        page.Html(Metrics(report).ToString());
        page.Paragraph(
            "Mean over the seeds ± the sample's standard deviation, of the weights each run ended with. The best mean of a column is "
                + "marked; with deviations as large as the differences, that says little.");
        page.Charts(Charts(report));
        Sharpness(page, report);
        page.Heading("What they cost");
        page.Html(Costs(report).ToString());
        page.Paragraph(
            $"Seconds of an optimizer step and the peak of device memory, beside {report.Reference.Name}. Runs were made one after "
                + "another: on a machine that does other work the times say little.");
        Failures(page, report);
        return page;
    }

    private static HtmlTable Metrics(ComparisonReport report)
    {
        var table = new HtmlTable(["method", ">runs", .. report.Metrics.Select(name => $">{name}")]);
        foreach ((MethodResult method, int color) in report.Methods.Select((method, i) => (method, i)))
        {
            IEnumerable<HtmlCell> metrics = report.Metrics.Select(name => Cell(report, method, name));
            table.Row([new HtmlCell(method.Name, Series: color), method.RunsText, .. metrics]);
        }

        return table;
    }

    private static HtmlCell Cell(ComparisonReport report, MethodResult method, string name)
    {
        if (method.Metric(name) is not { } mean)
        {
            return "";
        }

        // Only of the metric that is compared by is it known which way is better.
        bool isBest = name == report.Metric && IsBest(mean, report.Methods.Select(other => other.Metric(name)), report.LargerIsBetter);
        return new HtmlCell(Amounts.Metric(mean.Value), Amounts.MetricDeviation(mean), isBest);
    }

    /// <summary>Whether a mean is the best of several; none is while they are over different numbers of runs.</summary>
    private static bool IsBest(SampleMean mean, IEnumerable<SampleMean?> all, bool largerIsBetter)
    {
        SampleMean[] means = [.. all.OfType<SampleMean>()];
        return means.Length > 1
            && means.All(other => other.Samples == mean.Samples)
            && mean.Value == (largerIsBetter ? means.Max(other => other.Value) : means.Min(other => other.Value));
    }

    private static HtmlTable Costs(ComparisonReport report)
    {
        string reference = report.Reference.Name;
        var table = new HtmlTable(["method", ">seconds per step", $">x {reference}", ">peak memory", $">x {reference}"]);
        foreach ((MethodResult method, int color) in report.Methods.Select((method, i) => (method, i)))
        {
            table.Row(
                new HtmlCell(method.Name, Series: color),
                method.SecondsPerStep is { } seconds ? Amounts.Number(seconds.Value) : "",
                Amounts.Ratio(report.RelativeTime(method)),
                method.PeakBytes is { } bytes ? Amounts.Bytes(bytes) : "",
                Amounts.Ratio(report.RelativeBytes(method)));
        }

        return table;
    }

    private static IEnumerable<string> Charts(ComparisonReport report)
    {
        (MethodResult Method, int Color)[] made =
            [.. report.Methods.Select((method, i) => (method, i)).Where(entry => entry.method.Runs.Count > 0)];
        if (made.Length == 0)
        {
            yield break;
        }

        var dots = new LineChart($"{report.Metric} of every run", "seed", report.Metric)
        {
            Dots = true,
            WholeX = true,
            YWithin = TaskMetrics.Range(report.Metric),
        };
        foreach ((MethodResult method, int color) in made)
        {
            ComparedRun[] runs = [.. method.Runs.OrderBy(run => run.Seed)];
            double[] values = [.. runs.Select(run => run.Metrics.GetValueOrDefault(report.Metric) ?? double.NaN)];
            dots.Add(new ChartSeries(method.Name, color, [.. runs.Select(run => (double)run.Seed)], values));
        }

        yield return dots.ToString();
        if (made.All(entry => entry.Method.Runs.Any(run => run.Evaluations.Count > 1)))
        {
            var course = new LineChart($"{report.Metric} over the run", "epoch", report.Metric)
            {
                Dots = true,
                YWithin = TaskMetrics.Range(report.Metric),
            };
            foreach ((MethodResult method, int color) in made)
            {
                course.Add(Means(method.Name, color, method.Runs.Select(run => run.Evaluations.Select(
                    evaluation => (evaluation.Epoch, evaluation.Metrics.GetValueOrDefault(report.Metric) ?? double.NaN)))));
            }

            yield return course.ToString();
        }

        var losses = new LineChart("Training loss", "epoch", "loss");
        foreach ((MethodResult method, int color) in made)
        {
            losses.Add(Means(method.Name, color, method.Runs.Select(run => run.LossCurve(LossParts).AsEnumerable())));
        }

        yield return losses.ToString();
    }

    /// <summary>The mean over the runs, point by point; runs of one method have the same points.</summary>
    private static ChartSeries Means(string name, int color, IEnumerable<IEnumerable<(double Epoch, double Value)>> runs)
    {
        (double Epoch, double Value)[] means = [.. runs
            .SelectMany(run => run.Select((point, i) => (Index: i, Point: point)))
            .GroupBy(entry => entry.Index, entry => entry.Point)
            .OrderBy(group => group.Key)
            .Select(group => (group.Average(point => point.Epoch), group.Average(point => point.Value)))];
        return new ChartSeries(name, color, [.. means.Select(point => point.Epoch)], [.. means.Select(point => point.Value)]);
    }

    private static void Sharpness(HtmlPage page, ComparisonReport report)
    {
        if (report.Sharpness.Count == 0)
        {
            return;
        }

        page.Heading("How flat the loss is around them");
        page.Paragraph(
            "Rises of the loss and curvature on the validation data, as mean over the seeds ± the sample's standard deviation; the "
                + "flattest of a column is marked. In the adapters' space, only A and B move; in the weights' space, the whole weights of "
                + "the adapted layers.");
        foreach ((string space, IReadOnlyList<string> figures) in report.Sharpness)
        {
            var table = new HtmlTable([$"in the {space} space", .. figures.Select(figure => $">{figure}")]);
            foreach ((MethodResult method, int color) in report.Methods.Select((method, i) => (method, i)))
            {
                IEnumerable<HtmlCell> cells = figures.Select(figure => FigureCell(report, method, space, figure));
                table.Row([new HtmlCell(method.Name, Series: color), .. cells]);
            }

            page.Html(table.ToString());
        }
    }

    private static HtmlCell FigureCell(ComparisonReport report, MethodResult method, string space, string figure)
    {
        if (method.Sharpness(space, figure) is not { } mean)
        {
            return "";
        }

        return new HtmlCell(
            Amounts.Number(mean.Value),
            Amounts.NumberDeviation(mean),
            IsBest(mean, report.Methods.Select(other => other.Sharpness(space, figure)), largerIsBetter: false));
    }

    private static void Failures(HtmlPage page, ComparisonReport report)
    {
        if (report.Methods.All(method => method.Failed.Count == 0))
        {
            return;
        }

        page.Heading("What failed");
        var table = new HtmlTable("method", ">seed", "reason");
        foreach (MethodResult method in report.Methods)
        {
            foreach (FailedRun failed in method.Failed)
            {
                table.Row(method.Name, $"{failed.Seed}", failed.Reason);
            }
        }

        page.Html(table.ToString());
    }
}

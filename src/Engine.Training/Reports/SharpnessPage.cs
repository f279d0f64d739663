using Engine.Optim.Sharpness;
using Engine.Training.Inspecting;
using Engine.Training.Sharpness;

namespace Engine.Training.Reports;

/// <summary>
/// The page that compares adapters: figures in a table, curves on the same axes, planes in the same colours, layers side by side.
/// </summary>
internal static class SharpnessPage
{
    private const int DensityPoints = 240;

    /// <summary>The width of a Ritz value's bump, as a part of the spectrum's.</summary>
    private const double DensityWidth = 0.012;

    /// <summary>Densities below this part of the lowest bump's height are not drawn.</summary>
    private const double DensityFloor = 0.03;

    /// <summary>Nor those below this part of the highest: round-off.</summary>
    private const double LeastDensity = 1e-9;

    public static HtmlPage Of(SharpnessResults results)
    {
        var page = new HtmlPage("How flat the loss is");
        page.Facts(
            ("base model", results.Model),
            ("evaluation data", $"{results.Data}, {results.Adapters.Select(adapter => adapter.Rows).DefaultIfEmpty(0).Max()} rows"),
            ("device", results.Device),
            ("seed of the directions", $"{results.Options.Seed}"));
        if (results.Adapters.Any(adapter => !adapter.Complete))
        {
            page.Paragraph("The measurement was interrupted: what is missing was not reached.");
        }

        foreach (SharpnessSpace space in results.Options.Spaces.Distinct())
        {
            Space(page, results, space);
        }

        Layers(page, results.Adapters);
        return page;
    }

    private static void Space(HtmlPage page, SharpnessResults results, SharpnessSpace space)
    {
        (int Color, AdapterReport Adapter, SpaceReport Report)[] measured =
        [
            .. from entry in results.Adapters.Index()
               let report = entry.Item.Of(space)
               where report is not null
               select (entry.Index, entry.Item, report!),
        ];
        if (measured.Length == 0)
        {
            return;
        }

        page.Heading(space == SharpnessSpace.Adapter ? "In the adapters' own parameters" : "In the whole weights of the adapted layers");
        page.Paragraph(space == SharpnessSpace.Adapter
            ? "The loss as a function of A and B (and DoRA's magnitudes) alone: what the optimizer saw."
            : "The loss as a function of the adapted layers' weights W, the adapter merged into them: where the model lies in the space of "
                + "all weights.");
        page.Html(Figures(measured).ToString());
        page.Paragraph(Explanation(results.Options, measured.Select(entry => entry.Report)));
        page.Charts(Curves(results.Options, measured));
        Planes(page, measured);
        if (measured.Any(entry => entry.Report.WorstCase is { Layers.Count: > 1 }))
        {
            page.Charts(LayerChart(
                $"Rise of the loss by one step of {Amounts.Number(results.Options.Rho)} in a layer alone",
                "rise of the loss",
                [.. measured.Where(entry => entry.Report.WorstCase is not null)
                    .Select(
                        entry => (entry.Color, entry.Adapter.Name,
                            entry.Report.WorstCase!.Layers.Select(layer => (layer.Layer, layer.Rise)).ToArray()))]));
        }
    }

    private static HtmlTable Figures((int Color, AdapterReport Adapter, SpaceReport Report)[] measured)
    {
        IReadOnlyList<SharpnessFigure> figures = SharpnessFigure.Of(measured.Select(entry => entry.Report));
        var table = new HtmlTable(["adapter", ">parameters", .. figures.Select(figure => $">{figure.Heading}")]);
        foreach ((int color, AdapterReport adapter, SpaceReport report) in measured)
        {
            table.Row([
                new HtmlCell(adapter.Name, Series: color),
                report.Dimension.ToString("N0", System.Globalization.CultureInfo.InvariantCulture),
                .. figures.Select(figure => new HtmlCell(figure.ValueText(report), figure.ErrorText(report), IsFlattest(figure, report)))]);
        }

        return table;

        bool IsFlattest(SharpnessFigure figure, SpaceReport report) => measured.Length > 1 && figure.LessIsFlatter
            && measured.Where(entry => entry.Report != report).All(entry => figure.IsBelow(report, entry.Report));
    }

    private static string Explanation(SharpnessOptions options, IEnumerable<SpaceReport> reports)
    {
        SpaceReport[] all = [.. reports];
        List<string> sentences = [];
        if (all.Any(report => report.Expected is not null))
        {
            sentences.Add(
                $"Expected: the mean rise of the loss under noise of {Amounts.Number(options.Sigma)} of each row's length, "
                + $"over {options.Samples} pairs +e, -e, with its standard error.");
        }

        if (all.Any(report => report.WorstCase is not null))
        {
            sentences.Add(
                "One step and ascent: the rise after one step along the gradient, and the highest within a radius of "
                + $"{Amounts.Number(options.Rho)} that {options.AscentSteps} steps find.");
        }

        if (all.Any(report => report.Eigenvalue is { Converged: false }))
        {
            sentences.Add("A top eigenvalue whose iteration had not settled is a lower bound in magnitude.");
        }

        if (all.Any(report => report.Eigenvalue is { PlateauSpread: > 0.1 }))
        {
            sentences.Add(
                "A top eigenvalue here changes by more than a tenth with the step of its differences: the loss is not quadratic that far, "
                + "or flat to within round-off.");
        }

        if (all.Any(report => report.Trace is not null))
        {
            sentences.Add($"Trace: of the Hessian, over {options.Samples} random sign vectors.");
        }

        if (all.Length > 1)
        {
            sentences.Add("The flattest of a column is marked, a mean over random samples only where it lies below the others by two "
                + "standard errors.");
        }

        return string.Join(' ', sentences);
    }

    private static IEnumerable<string> Curves(SharpnessOptions options, (int Color, AdapterReport Adapter, SpaceReport Report)[] measured)
    {
        var lines = measured.Where(entry => entry.Report.Line is not null).ToArray();
        if (lines.Length > 0)
        {
            var chart = new LineChart("Along one random direction", "lengths of the weights", "loss")
            {
                LogarithmicY = ChartScale.SpansMuch(lines.SelectMany(entry => entry.Report.Line!.Losses[0])),
            };
            foreach ((int color, AdapterReport adapter, SpaceReport report) in lines)
            {
                chart.Add(new ChartSeries(adapter.Name, color, report.Line!.Coordinates, report.Line.Losses[0]));
            }

            yield return chart.ToString();
        }

        var spectra = measured.Where(entry => entry.Report.Spectrum is not null).ToArray();
        if (spectra.Length > 0)
        {
            double low = spectra.Min(entry => entry.Report.Spectrum!.Bottom), high = spectra.Max(entry => entry.Report.Spectrum!.Top);
            double margin = Math.Max(1e-12, 0.05 * (high - low));
            double[] x = [.. Enumerable.Range(0, DensityPoints)
                .Select(i => low - margin + ((high - low + (2 * margin)) * i / (DensityPoints - 1)))];
            double width = Math.Max(1e-12, DensityWidth * (high - low));
            double[][] densities = [.. spectra.Select(entry => x.Select(at => Density(entry.Report.Spectrum!, at, width)).ToArray())];
            double lowest = spectra.Min(entry => entry.Report.Spectrum!.Weights.Min()) / (width * Math.Sqrt(2 * Math.PI));
            double floor = Math.Max(DensityFloor * lowest, LeastDensity * densities.Max(density => density.Max()));
            var chart = new LineChart("Density of the Hessian's eigenvalues", "eigenvalue", "density") { LogarithmicY = true };
            foreach (((int color, AdapterReport adapter, _), double[] density) in spectra.Zip(densities))
            {
                chart.Add(new ChartSeries(adapter.Name, color, x, [.. density.Select(value => value < floor ? double.NaN : value)]));
            }

            yield return chart.ToString();
        }
    }

    /// <summary>Ritz values as bumps, each as large as its weight.</summary>
    private static double Density(LanczosSpectrum spectrum, double at, double width) =>
        spectrum.Nodes.Zip(spectrum.Weights, (node, weight) =>
            weight * Math.Exp(-(at - node) * (at - node) / (2 * width * width)) / (width * Math.Sqrt(2 * Math.PI))).Sum();

    private static void Planes(HtmlPage page, (int Color, AdapterReport Adapter, SpaceReport Report)[] measured)
    {
        var planes = measured.Where(entry => entry.Report.Plane is not null).ToArray();
        if (planes.Length == 0)
        {
            return;
        }

        var colors = new HeatMap(planes.SelectMany(entry => entry.Report.Plane!.Losses.SelectMany(row => row)));
        page.Subheading("Along two random directions");
        page.Charts([
            .. planes.Select(entry => colors.Map(
                entry.Adapter.Name, entry.Report.Plane!.Coordinates, entry.Report.Plane.Losses, "first direction", "second direction")),
            colors.Legend("loss")]);
    }

    private static void Layers(HtmlPage page, IReadOnlyList<AdapterReport> adapters)
    {
        (int Color, AdapterReport Adapter)[] measured =
            [.. adapters.Select((adapter, i) => (i, adapter)).Where(entry => entry.adapter.Layers.Count > 0)];
        if (measured.Length == 0)
        {
            return;
        }

        page.Heading("Layer by layer");
        page.Paragraph(
            "Balancedness is half of ||B||² - ||A||². The effective rank of an update D = W - W0 is the exponential of the entropy of its "
            + "singular values. Intruders are leading singular vectors of the tuned weight that are like none of the base weight's.");
        page.Html(Summary(measured).ToString());
        page.Charts(
            new[]
            {
                Chart("Balancedness", "½ (||B||² - ||A||²)", layer => layer.Geometry?.Balancedness),
                Chart("Effective rank of the update", "effective rank", layer => layer.Geometry?.EffectiveRank),
                Chart("Size of the update", "||D|| / ||W0||", layer => layer.Geometry?.RelativeNorm),
                Chart("Intruder dimensions", "of the leading vectors", layer => layer.Intruders?.Count),
            }.OfType<string>());
        string[] modules = Modules(measured.SelectMany(entry => entry.Adapter.Layers.Select(layer => layer.Layer)));
        page.Details("Names of the layers", $"<ol>{string.Concat(modules.Select(module => $"<li>{HtmlPage.Encode(module)}</li>"))}</ol>");

        string? Chart(string caption, string title, Func<LayerReport, double?> value) =>
            measured.Any(entry => entry.Adapter.Layers.Any(layer => value(layer) is not null))
            ? LayerChart(caption, title, [.. measured.Select(entry => (entry.Color, entry.Adapter.Name, entry.Adapter.Layers
                .Where(layer => value(layer) is not null).Select(layer => (layer.Layer, value(layer)!.Value)).ToArray()))])
            : null;
    }

    private static HtmlTable Summary((int Color, AdapterReport Adapter)[] measured)
    {
        var table = new HtmlTable(
            ["adapter", ">layers", ">mean balancedness", ">mean effective rank", ">mean ||D|| / ||W0||", ">intruders"]);
        foreach ((int color, AdapterReport adapter) in measured)
        {
            UpdateGeometry[] geometries = [.. adapter.Layers.Select(layer => layer.Geometry).OfType<UpdateGeometry>()];
            IntruderCount[] intruders = [.. adapter.Layers.Select(layer => layer.Intruders).OfType<IntruderCount>()];
            string Mean(Func<UpdateGeometry, double> value) => geometries.Length == 0 ? "" : Amounts.Number(geometries.Average(value));
            table.Row(
                new HtmlCell(adapter.Name, Series: color),
                $"{adapter.Layers.Count}",
                Mean(geometry => geometry.Balancedness),
                Mean(geometry => geometry.EffectiveRank),
                Mean(geometry => geometry.RelativeNorm),
                intruders.Length == 0 ? "" : $"{intruders.Sum(count => count.Count)} of {intruders.Sum(count => count.Looked)}");
        }

        return table;
    }

    /// <summary>A figure of each layer, layers by their number in the model.</summary>
    private static string LayerChart(
        string caption, string title, IReadOnlyList<(int Color, string Name, (string Layer, double Value)[] Values)> adapters)
    {
        string[] modules = Modules(adapters.SelectMany(adapter => adapter.Values.Select(value => value.Layer)));
        var chart = new LineChart(caption, "adapted layer", title) { Dots = true, DotName = number => modules[(int)number - 1] };
        foreach ((int color, string name, (string Layer, double Value)[] values) in adapters)
        {
            double[] numbers = [.. values.Select(value => Array.IndexOf(modules, value.Layer) + 1.0)];
            chart.Add(new ChartSeries(name, color, numbers, [.. values.Select(value => value.Value)]));
        }

        return chart.ToString();
    }

    private static string[] Modules(IEnumerable<string> layers) => [.. layers.Distinct().Order(NaturalOrder.Comparer)];
}

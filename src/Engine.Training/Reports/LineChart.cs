using System.Globalization;
using System.Text;

namespace Engine.Training.Reports;

/// <summary>A curve.</summary>
/// <param name="Name">What it is, for the legend.</param>
/// <param name="Color">The number of its colour.</param>
/// <param name="X">Where.</param>
/// <param name="Y">How much; the curve is broken where it is not finite.</param>
internal sealed record ChartSeries(string Name, int Color, IReadOnlyList<double> X, IReadOnlyList<double> Y);

/// <summary>Curves on the same axes, as an SVG figure.</summary>
/// <param name="caption">What is shown.</param>
/// <param name="xTitle">What the horizontal axis counts.</param>
/// <param name="yTitle">What the vertical axis counts.</param>
internal sealed class LineChart(string caption, string xTitle, string yTitle)
{
    private const double Width = 520, Height = 320, Left = 62, Right = 12, Top = 12, Bottom = 44;

    private const double SmallestDot = 3, LargestDot = 6;

    private readonly List<ChartSeries> series = [];

    /// <summary>The vertical axis is logarithmic; values that are not above 0 are left out.</summary>
    public bool LogarithmicY { get; init; }

    /// <summary>More places than these are not all labelled.</summary>
    private const int MostPlaces = 8;

    /// <summary>The horizontal axis counts things: its ticks are whole numbers at which there are values.</summary>
    public bool WholeX { get; init; }

    /// <summary>The values there can be on the vertical axis, which does not reach beyond; null: any.</summary>
    public (double Least, double Greatest)? YWithin { get; init; }

    /// <summary>A dot for each value, for curves of few values.</summary>
    public bool Dots { get; init; }

    /// <summary>What a dot is called, by its place; null: its x.</summary>
    public Func<double, string>? DotName { get; init; }

    public LineChart Add(ChartSeries curve)
    {
        series.Add(curve with { Y = [.. curve.Y.Select(value => LogarithmicY && value <= 0 ? double.NaN : value)] });
        return this;
    }

    public override string ToString()
    {
        var x = new ChartScale(series.SelectMany(curve => curve.X), Left, Width - Right);
        var y = new ChartScale(series.SelectMany(curve => curve.Y), Height - Bottom, Top, LogarithmicY, YWithin);
        var svg = new StringBuilder();
        svg.Append($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{HtmlPage.Encode(caption)}\">");
        foreach ((double tick, string label) in ChartScale.Labelled(y.Ticks(5)))
        {
            string place = ChartScale.Coordinate(y.Place(tick));
            svg.Append($"<line class=\"grid\" x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{place}\" y2=\"{place}\"/>");
            svg.Append($"<text x=\"{Left - 8}\" y=\"{place}\" dy=\"4\" text-anchor=\"end\">{label}</text>");
        }

        foreach ((double tick, string label) in WholeX ? Places(x) : ChartScale.Labelled(x.Ticks(6)))
        {
            string place = ChartScale.Coordinate(x.Place(tick));
            svg.Append($"<line class=\"grid\" x1=\"{place}\" x2=\"{place}\" y1=\"{Top}\" y2=\"{Height - Bottom}\"/>");
            svg.Append($"<text x=\"{place}\" y=\"{Height - Bottom + 17}\" text-anchor=\"middle\">{label}</text>");
        }

        svg.Append($"<path class=\"axis\" d=\"M{Left} {Top}V{Height - Bottom}H{Width - Right}\"/>");
        svg.Append($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">{HtmlPage.Encode(xTitle)}</text>");
        svg.Append($"<text transform=\"translate(14 {(Top + Height - Bottom) / 2}) rotate(-90)\" "
            + $"text-anchor=\"middle\">{HtmlPage.Encode(yTitle)}</text>");
        for (int i = 0; i < series.Count; i++)
        {
            Draw(svg, i, x, y);
        }

        svg.Append("</svg>");
        return $"<figure><figcaption>{HtmlPage.Encode(caption)}</figcaption>{Legend(series)}{svg}</figure>\n";
    }

    private IEnumerable<(double Tick, string Label)> Places(ChartScale x)
    {
        double[] places = [.. series.SelectMany(curve => curve.X).Distinct().Order()];
        IEnumerable<double> ticks = places.Length <= MostPlaces ? places : x.Ticks(6).Where(places.Contains);
        return ticks.Select(tick => (tick, tick.ToString("0", CultureInfo.InvariantCulture)));
    }

    /// <summary>
    /// Draws a curve so that those below show where they are the same: through the gaps of its dashes, and around its smaller dots.
    /// </summary>
    private void Draw(StringBuilder svg, int index, ChartScale x, ChartScale y)
    {
        ChartSeries curve = series[index];
        double radius = SmallestDot + ((LargestDot - SmallestDot) * (series.Count - 1 - index) / Math.Max(1, series.Count - 1));
        var path = new StringBuilder();
        bool down = false;
        for (int i = 0; i < curve.X.Count; i++)
        {
            bool drawn = double.IsFinite(curve.Y[i]);
            if (drawn)
            {
                path.Append($"{(down ? 'L' : 'M')}{ChartScale.Coordinate(x.Place(curve.X[i]))} "
                    + $"{ChartScale.Coordinate(y.Place(curve.Y[i]))}");
            }

            down = drawn;
        }

        string color = HtmlPage.SeriesColor(curve.Color);
        svg.Append($"<path class=\"curve\" style=\"{Style(curve)}\" d=\"{path}\"/>");
        for (int i = 0; Dots && i < curve.X.Count; i++)
        {
            if (double.IsFinite(curve.Y[i]))
            {
                string name = $"{curve.Name}, {DotName?.Invoke(curve.X[i]) ?? Amounts.Number(curve.X[i])}: {Amounts.Number(curve.Y[i])}";
                svg.Append($"<circle r=\"{ChartScale.Coordinate(radius)}\" style=\"fill:{color}\" "
                    + $"cx=\"{ChartScale.Coordinate(x.Place(curve.X[i]))}\" "
                    + $"cy=\"{ChartScale.Coordinate(y.Place(curve.Y[i]))}\"><title>{HtmlPage.Encode(name)}</title></circle>");
            }
        }
    }

    private static string Style(ChartSeries curve) =>
        $"stroke:{HtmlPage.SeriesColor(curve.Color)};stroke-dasharray:{HtmlPage.SeriesDashes(curve.Color)}";

    private static string Legend(IEnumerable<ChartSeries> series) => $"<ul class=\"legend\">{string.Concat(series.Select(Entry))}</ul>";

    private static string Entry(ChartSeries curve) =>
        $"<li><svg class=\"line\" viewBox=\"0 0 36 4\" aria-hidden=\"true\"><path class=\"curve\" style=\"{Style(curve)}\" "
        + $"d=\"M1 2H35\"/></svg>{HtmlPage.Encode(curve.Name)}</li>";
}

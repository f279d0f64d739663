using System.Xml.Linq;
using Engine.Training.Reports;
using Engine.Training.Metrics;

namespace Engine.Training.Tests.Reports;

/// <summary>The pieces of HTML reports.</summary>
public sealed class HtmlTests
{
    private static readonly string Hostile = "<script>alert(1)</script> & \"co\"";

    /// <summary>Where f(column, row) = column + 10 row crosses a level is known: on straight lines.</summary>
    [Fact]
    public void Contours_lie_where_a_plane_crosses_the_level()
    {
        double[][] rows = [[0, 1, 2], [10, 11, 12], [20, 21, 22]];
        Assert.Equal(["M0.5 0", "L0 0.05"], Pieces(Between(rows, 0.5)));
        Assert.Equal(["M1 0.4", "L0 0.5", "M2 0.3", "L1 0.4"], Pieces(Between(rows, 5)));
        Assert.Empty(Between(rows, 30));
        rows[1][1] = double.NaN;
        Assert.Empty(Between(rows, 5));
    }

    [Theory]
    [InlineData(0, 1, 5, new[] { 0, 0.2, 0.4, 0.6, 0.8, 1 })]
    [InlineData(1.117, 1.193, 4, new[] { 1.12, 1.14, 1.16, 1.18 })]
    [InlineData(-3, 26, 6, new double[] { 0, 5, 10, 15, 20, 25 })]
    public void Ticks_are_round_numbers_within_the_axis(double low, double high, int about, double[] expected)
    {
        IReadOnlyList<double> ticks = new ChartScale([low, high], 0, 100).Ticks(about);
        Assert.Equal(expected.Length, ticks.Count);
        Assert.All(expected.Zip(ticks), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    [Theory]
    [InlineData(1.3978, 1.3991, false, new[] { "1.398", "1.3985", "1.399" })]
    [InlineData(-1, 1, false, new[] { "-1", "-0.5", "0", "0.5", "1" })]
    [InlineData(0, 5e-5, false, new[] { "0", "1e-5", "2e-5", "3e-5", "4e-5", "5e-5" })]
    [InlineData(2.1e7, 2.1e7 + 4, false, new[] { "2.1e7", "2.1000001e7", "2.1000002e7", "2.1000003e7", "2.1000004e7" })]
    [InlineData(123456.75, 123457.25, false, new[] { "123456.8", "123456.9", "123457", "123457.1", "123457.2" })]
    [InlineData(0.02, 3, true, new[] { "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2" })]
    public void Labels_of_ticks_differ_and_say_their_values(double low, double high, bool logarithmic, string[] expected)
    {
        (double Tick, string Label)[] ticks = [.. ChartScale.Labelled(new ChartScale([low, high], 0, 100, logarithmic).Ticks(5))];
        Assert.Equal(expected, ticks.Select(tick => tick.Label));
        Assert.All(
            ticks,
            tick => Assert.Equal(
                tick.Tick, double.Parse(tick.Label, System.Globalization.CultureInfo.InvariantCulture),
                1e-3 * (ticks[1].Tick - ticks[0].Tick)));
    }

    [Fact]
    public void A_logarithmic_axis_has_its_decades_and_one_value_lies_in_the_middle()
    {
        var scale = new ChartScale([0.001, 1000], 0, 60, logarithmic: true);
        Assert.Equal([0.001, 0.01, 0.1, 1, 10, 100, 1000], scale.Ticks(8).Select(tick => Math.Round(tick, 6)));
        Assert.Equal(30, scale.Place(1), 1e-9);
        Assert.Equal(50, new ChartScale([7], 0, 100).Place(7), 1e-9);
        Assert.Equal(50, new ChartScale([0, double.NaN], 0, 100).Place(0), 1e-9);
        Assert.True(ChartScale.SpansMuch([1, 50]));
        Assert.False(ChartScale.SpansMuch([1, 5, double.PositiveInfinity]));
        Assert.False(ChartScale.SpansMuch([-1, 50]));
    }

    /// <summary>Every figure parses as XML, whatever the names and values are, and what a stranger called something is text.</summary>
    [Fact]
    public void Figures_and_tables_are_well_formed_and_names_are_text()
    {
        double[] x = [0, 1, 2];
        var chart = new LineChart(Hostile, Hostile, Hostile) { Dots = true, DotName = _ => Hostile };
        chart.Add(new ChartSeries(Hostile, 0, x, [1, double.NaN, 3])).Add(new ChartSeries("flat", 9, x, [2, 2, 2]));
        var map = new HeatMap([1, 2, 3, double.NaN]);
        var table = new HtmlTable(Hostile, ">value").Row(new HtmlCell(Hostile, Hostile, Best: true, Series: 1), "1");
        string[] parts = [chart.ToString(), new LineChart("empty", "x", "y").ToString(),
            map.Map(Hostile, [-1, 1], [[1, 2], [3, double.NaN]], Hostile, "y"), map.Legend(Hostile), table.ToString()];
        foreach (string part in parts)
        {
            XElement parsed = XElement.Parse(part);
            Assert.Empty(parsed.Descendants("script"));
            Assert.DoesNotContain("NaN", part, StringComparison.Ordinal);
        }

        string page = new HtmlPage(Hostile).Heading(Hostile).Paragraph(Hostile).Facts((Hostile, Hostile)).Details(Hostile, "").ToString();
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
    }

    /// <summary>An accuracy has no values beyond 1, also where every run has the same.</summary>
    [Theory]
    [InlineData("accuracy", 0.9, 0.4, 1)]
    [InlineData("accuracy", 1.0, 0.5, 1)]
    [InlineData("f1", 0.0, 0, 0.5)]
    [InlineData("pearson", -0.8, -1, -0.3)]
    [InlineData("loss", 0.9, 0.4, 1.4)]
    public void An_axis_does_not_reach_beyond_what_a_metric_can_be(string metric, double value, double low, double high)
    {
        var scale = new ChartScale([value, value], 0, 100, within: TaskMetrics.Range(metric));
        Assert.Equal((low, high), (Math.Round(scale.Low, 9), Math.Round(scale.High, 9)));
    }

    /// <summary>
    /// Of curves that are the same, the later ones leave the earlier in sight: dashes with gaps over a whole line, dots that are smaller.
    /// </summary>
    [Fact]
    public void Curves_that_are_the_same_are_all_to_be_seen()
    {
        var chart = new LineChart("same", "x", "y") { Dots = true };
        foreach (int color in Enumerable.Range(0, 4))
        {
            chart.Add(new ChartSeries($"run {color}", color, [0, 1], [2, 3]));
        }

        XElement figure = XElement.Parse(chart.ToString());
        string[] curves = [.. figure.Elements("svg").Single().Elements("path").Where(path => path.Attribute("class")!.Value == "curve")
            .Select(path => path.Attribute("style")!.Value)];
        Assert.Equal(4, curves.Select(style => style[style.IndexOf("stroke-dasharray", StringComparison.Ordinal)..]).Distinct().Count());
        Assert.Contains("stroke-dasharray:none", curves[0], StringComparison.Ordinal);
        Assert.All(curves[1..], style => Assert.DoesNotContain("none", style, StringComparison.Ordinal));
        double[] radii = [.. figure.Descendants("circle")
            .Select(dot => double.Parse(dot.Attribute("r")!.Value, System.Globalization.CultureInfo.InvariantCulture)).Distinct()];
        Assert.Equal(radii.OrderDescending(), radii);
        Assert.Equal(4, radii.Length);
        Assert.Equal(curves, figure.Descendants("li").Select(entry => entry.Descendants("path").Single().Attribute("style")!.Value));
    }

    [Theory]
    [InlineData(new double[] { 42 }, new[] { "42" })]
    [InlineData(new double[] { 42, 43, 44 }, new[] { "42", "43", "44" })]
    [InlineData(new double[] { 1234567, 1234568 }, new[] { "1234567", "1234568" })]
    [InlineData(new double[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, new[] { "2", "4", "6", "8", "10", "12" })]
    public void An_axis_of_things_is_labelled_at_things_alone(double[] seeds, string[] expected)
    {
        var chart = new LineChart("runs", "seed", "loss") { WholeX = true };
        chart.Add(new ChartSeries("run", 0, seeds, [.. seeds.Select((_, i) => (double)i)]));
        XElement figure = XElement.Parse(chart.ToString());
        Assert.Equal(
            expected, figure.Descendants("text").Where(text => text.Attribute("text-anchor")?.Value == "middle").Select(text => text.Value)
                .Where(text => char.IsAsciiDigit(text[0])));
    }

    [Fact]
    public void Numbers_are_as_long_as_a_reader_needs()
    {
        Assert.Equal(
            ["0", "1.23e-5", "0.0123", "1.235", "123.5", "1.23e7", "-2", "not finite"],
            new[] { 0, 1.23e-5, 0.0123, 1.2346, 123.46, 1.23e7, -2, double.NaN }.Select(Amounts.Number));
    }

    private static string Between(double[][] rows, double level) => ContourLines.Path(rows, level, (column, row) => (column, row));

    private static string[] Pieces(string path) =>
        path.Replace("M", " M", StringComparison.Ordinal).Replace("L", " L", StringComparison.Ordinal)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Chunk(2).Select(pair => string.Join(' ', pair)).ToArray();
}

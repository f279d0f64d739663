using System.Globalization;
using System.Text;

namespace Engine.Training.Reports;

/// <summary>
/// Values over a plane as coloured cells with contour lines, as SVG figures. Maps that are compared are made from one object: they share
/// its colours.
/// </summary>
/// <param name="values">Everything that the maps show, which decides the colours.</param>
internal sealed class HeatMap(IEnumerable<double> values)
{
    private const double Size = 400, Left = 46, Top = 8, Bottom = 40, Right = 8;
    private const int Contours = 8;
    private const int LegendParts = 64;

    /// <summary>Viridis at its eighths: as light as the value, also for readers who see few colours.</summary>
    private static readonly (int Red, int Green, int Blue)[] Colors =
        [(68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99), (170, 220, 50),
            (253, 231, 37)];

    private readonly ChartScale scale = Scale([.. values]);

    /// <summary>One map.</summary>
    /// <param name="caption">What is shown.</param>
    /// <param name="coordinates">Of the columns, and from below of the rows.</param>
    /// <param name="rows">[row][column]; cells that are not finite are grey.</param>
    public string Map(
        string caption, IReadOnlyList<double> coordinates, IReadOnlyList<IReadOnlyList<double>> rows, string xTitle, string yTitle)
    {
        int count = coordinates.Count;
        double side = Size / count;
        var svg = new StringBuilder();
        svg.Append($"<svg viewBox=\"0 0 {Left + Size + Right} {Top + Size + Bottom}\" role=\"img\" "
            + $"aria-label=\"{HtmlPage.Encode(caption)}\">");
        for (int row = 0; row < count; row++)
        {
            for (int column = 0; column < count; column++)
            {
                double value = rows[row][column];
                string name = $"{Amounts.Number(coordinates[column])}, {Amounts.Number(coordinates[row])}: {Amounts.Number(value)}";
                // Cells reach a little under their neighbours, so that no seam shows between them.
                svg.Append($"<rect x=\"{ChartScale.Coordinate(Left + (column * side))}\" "
                    + $"y=\"{ChartScale.Coordinate(Top + ((count - 1 - row) * side))}\" width=\"{ChartScale.Coordinate(side + 0.4)}\" "
                    + $"height=\"{ChartScale.Coordinate(side + 0.4)}\" fill=\"{Color(value)}\"><title>{name}</title></rect>");
            }
        }

        foreach (double level in Enumerable.Range(1, Contours).Select(i => scale.At(i / (Contours + 1.0))))
        {
            string line = ContourLines.Path(
                rows, level, (column, row) => (Left + ((column + 0.5) * side), Top + ((count - 0.5 - row) * side)));
            svg.Append($"<path class=\"contour\" d=\"{line}\"/>");
        }

        // Coordinates stand at the cells' centres.
        var axis = new ChartScale(coordinates, side / 2, Size - (side / 2));
        foreach ((double tick, string label) in ChartScale.Labelled(axis.Ticks(4)))
        {
            double place = axis.Place(tick);
            svg.Append($"<text x=\"{ChartScale.Coordinate(Left + place)}\" y=\"{Top + Size + 16}\" text-anchor=\"middle\">{label}</text>");
            svg.Append($"<text x=\"{Left - 6}\" y=\"{ChartScale.Coordinate(Top + Size - place)}\" dy=\"4\" "
                + $"text-anchor=\"end\">{label}</text>");
        }

        svg.Append($"<text x=\"{Left + (Size / 2)}\" y=\"{Top + Size + 34}\" text-anchor=\"middle\">{HtmlPage.Encode(xTitle)}</text>");
        svg.Append($"<text transform=\"translate(12 {Top + (Size / 2)}) rotate(-90)\" "
            + $"text-anchor=\"middle\">{HtmlPage.Encode(yTitle)}</text>");
        return Figure(caption, svg);
    }

    /// <summary>The colours and what they stand for.</summary>
    public string Legend(string title)
    {
        const double width = 400, height = 46;
        var svg = new StringBuilder();
        svg.Append($"<svg viewBox=\"0 0 {width + 40} {height}\" role=\"img\" aria-label=\"{HtmlPage.Encode(title)}\">");
        for (int i = 0; i < LegendParts; i++)
        {
            svg.Append($"<rect x=\"{ChartScale.Coordinate(20 + (i * width / LegendParts))}\" y=\"4\" "
                + $"width=\"{ChartScale.Coordinate((width / LegendParts) + 0.4)}\" height=\"14\" "
                + $"fill=\"{Color(scale.At((i + 0.5) / LegendParts))}\"/>");
        }

        foreach ((double tick, string label) in ChartScale.Labelled(scale.Ticks(5)))
        {
            svg.Append($"<text x=\"{ChartScale.Coordinate(20 + (scale.Part(tick) * width))}\" y=\"34\" "
                + $"text-anchor=\"middle\">{label}</text>");
        }

        return Figure(scale.IsLogarithmic ? $"{title}, logarithmic" : title, svg);
    }

    private static string Figure(string caption, StringBuilder svg) =>
        $"<figure style=\"max-width:470px\"><figcaption>{HtmlPage.Encode(caption)}</figcaption>{svg}</svg></figure>\n";

    private string Color(double value)
    {
        if (!double.IsFinite(value))
        {
            return "#8a8a8a";
        }

        double place = Math.Clamp(scale.Part(value), 0, 1) * (Colors.Length - 1);
        int index = Math.Min((int)place, Colors.Length - 2);
        double part = place - index;
        (int Red, int Green, int Blue) a = Colors[index], b = Colors[index + 1];
        return string.Create(
            CultureInfo.InvariantCulture, $"#{Between(a.Red, b.Red):x2}{Between(a.Green, b.Green):x2}{Between(a.Blue, b.Blue):x2}");

        int Between(int from, int to) => (int)Math.Round(from + (part * (to - from)));
    }

    private static ChartScale Scale(double[] values) => new(values, 0, 1, ChartScale.SpansMuch(values));
}

using System.Text;

namespace Engine.Training.Reports;

/// <summary>
/// Lines of equal value through a grid, by marching squares: each cell between four grid points is crossed by none, one or two pieces.
/// </summary>
internal static class ContourLines
{
    /// <summary>The line of a level as an SVG path.</summary>
    /// <param name="rows">[row][column].</param>
    /// <param name="place">Where a point of the grid, or between its points, lies: (column, row) to (x, y).</param>
    public static string Path(IReadOnlyList<IReadOnlyList<double>> rows, double level, Func<double, double, (double X, double Y)> place)
    {
        var path = new StringBuilder();
        for (int row = 0; row + 1 < rows.Count; row++)
        {
            for (int column = 0; column + 1 < rows[row].Count; column++)
            {
                List<(double X, double Y)> crossings = Crossings(rows, row, column, level);
                for (int i = 0; i + 1 < crossings.Count; i += 2)
                {
                    (double x0, double y0) = place(crossings[i].X, crossings[i].Y);
                    (double x1, double y1) = place(crossings[i + 1].X, crossings[i + 1].Y);
                    path.Append($"M{ChartScale.Coordinate(x0)} {ChartScale.Coordinate(y0)}L{ChartScale.Coordinate(x1)} "
                        + $"{ChartScale.Coordinate(y1)}");
                }
            }
        }

        return path.ToString();
    }

    /// <summary>
    /// Where the level crosses a cell's sides, in their order around it: ends of pieces, two and two. At a saddle neighbouring sides are
    /// joined.
    /// </summary>
    private static List<(double X, double Y)> Crossings(IReadOnlyList<IReadOnlyList<double>> rows, int row, int column, double level)
    {
        ReadOnlySpan<(int Column, int Row)> corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)];
        List<(double X, double Y)> crossings = [];
        for (int side = 0; side < corners.Length; side++)
        {
            (int Column, int Row) from = corners[side], to = corners[(side + 1) % corners.Length];
            double a = rows[from.Row][from.Column], b = rows[to.Row][to.Column];
            if (!double.IsFinite(a) || !double.IsFinite(b))
            {
                return [];
            }

            if (a < level != b < level)
            {
                double part = (level - a) / (b - a);
                crossings.Add((from.Column + (part * (to.Column - from.Column)), from.Row + (part * (to.Row - from.Row))));
            }
        }

        return crossings;
    }
}

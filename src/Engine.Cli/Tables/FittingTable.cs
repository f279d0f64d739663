using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Cli.Tables;

/// <summary>
/// A table of plain text for consoles of any width. Where it is too wide, its columns stand in tables one below the other, each with the
/// first column; where those would be too long to see at once, or do not fit either, it is a list.
/// </summary>
/// <param name="headings">One that starts with '&gt;' stands over a column of numbers.</param>
internal sealed class FittingTable(IReadOnlyList<string> headings) : Renderable
{
    /// <summary>More rows than this are not seen together with the same rows further down.</summary>
    private const int MostStackedRows = 20;

    private const int Unlimited = 100_000;
    private const int Indentation = 2;
    private const string Separator = "   ";

    private readonly List<string[]> rows = [];

    /// <summary>Adds a row of plain text.</summary>
    public void Row(params string[] cells) => rows.Add(cells);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) => Fit(options, maxWidth).Render(options, maxWidth);

    private IRenderable Fit(RenderOptions options, int width)
    {
        List<Table> stacked = [];
        for (int next = 1; next < headings.Count || stacked.Count == 0;)
        {
            int last = next;
            while (last < headings.Count && Fits([0, .. Enumerable.Range(next, last + 1 - next)]))
            {
                last++;
            }

            if (last == next && next < headings.Count)
            {
                return List(width);
            }

            stacked.Add(Columns([0, .. Enumerable.Range(next, last - next)]));
            next = last;
        }

        return stacked.Count > 1 && rows.Count > MostStackedRows ? List(width) : new Rows(stacked);

        bool Fits(int[] columns) => ((IRenderable)Columns(columns)).Measure(options, Unlimited).Max <= width;
    }

    private Table Columns(int[] columns)
    {
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string heading in columns.Select(column => headings[column]))
        {
            TableColumn column = new TableColumn(new Text(Name(heading), new Style(decoration: Decoration.Bold))).NoWrap();
            table.AddColumn(heading.StartsWith('>') ? column.RightAligned() : column);
        }

        foreach (string[] row in rows)
        {
            table.AddRow(columns.Select(column => new Text(row[column])));
        }

        return table;
    }

    /// <summary>Each row's first cell, and below it the others behind their headings, as many on a line as it has room for.</summary>
    private Rows List(int width) => new(rows.SelectMany(row => Lines(row, width - Indentation)
        .Select(line => new Padder(new Text(line), new Padding(Indentation, 0, 0, 0)))
        .Prepend<IRenderable>(new Text(row[0], new Style(decoration: Decoration.Bold)))));

    private IEnumerable<string> Lines(string[] row, int width)
    {
        string line = "";
        IEnumerable<string> entries = row.Zip(headings).Skip(1)
            .Where(entry => entry.First.Length > 0)
            .Select(entry => $"{Name(entry.Second)} {entry.First}".TrimStart());
        foreach (string entry in entries)
        {
            if (line.Length > 0 && line.Length + Separator.Length + entry.Length > width)
            {
                yield return line;
                line = "";
            }

            line += line.Length == 0 ? entry : Separator + entry;
        }

        if (line.Length > 0)
        {
            yield return line;
        }
    }

    private static string Name(string heading) => heading.TrimStart('>');
}

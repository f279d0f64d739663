using System.Text;

namespace Engine.Training.Reports;

/// <summary>A cell: a text, with a smaller part behind it (a standard error), and a colour's mark before it.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Error">What stands behind it in small; null for nothing.</param>
/// <param name="Best">Whether it is marked as the best of its column.</param>
/// <param name="Series">The thing whose colour marks it; null for none.</param>
internal sealed record HtmlCell(string Text, string? Error = null, bool Best = false, int? Series = null)
{
    public static implicit operator HtmlCell(string text) => new(text);
}

/// <summary>A table; the first cell of a row names it. A heading that starts with '&gt;' stands over numbers.</summary>
internal sealed class HtmlTable(params IReadOnlyList<string> headings)
{
    private readonly StringBuilder rows = new();

    public HtmlTable Row(params IReadOnlyList<HtmlCell> cells)
    {
        rows.Append("<tr>");
        for (int i = 0; i < cells.Count; i++)
        {
            string[] classes =
                [.. new[] { headings[i].StartsWith('>') ? "number" : "", cells[i].Best ? "best" : "" }.Where(name => name.Length > 0)];
            string tag = i == 0 ? "th" : "td";
            rows.Append(
                $"<{tag}{(classes.Length > 0 ? $" class=\"{string.Join(' ', classes)}\"" : "")}{(i == 0 ? " scope=\"row\"" : "")}>");
            if (cells[i].Series is { } series)
            {
                rows.Append("<span class=\"swatch\" style=\"display:inline-block;vertical-align:middle;margin-right:8px;"
                    + $"background:{HtmlPage.SeriesColor(series)}\"></span>");
            }

            rows.Append(HtmlPage.Encode(cells[i].Text));
            if (cells[i].Error is { } error)
            {
                rows.Append($"<span class=\"error\">{HtmlPage.Encode(error)}</span>");
            }

            rows.Append($"</{tag}>");
        }

        rows.Append("</tr>\n");
        return this;
    }

    public override string ToString()
    {
        IEnumerable<string> head = headings.Select(heading =>
            $"<th scope=\"col\"{(heading.StartsWith('>') ? " class=\"number\"" : "")}>{HtmlPage.Encode(heading.TrimStart('>'))}</th>");
        return $"<div class=\"table\"><table><thead><tr>{string.Concat(head)}</tr></thead><tbody>\n{rows}</tbody></table></div>";
    }
}

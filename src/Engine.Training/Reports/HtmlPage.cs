using System.Net;
using System.Text;
using Engine.Common.Files;

namespace Engine.Training.Reports;

/// <summary>
/// A report as one HTML file that needs nothing else: no script, no network, light or dark as the reader's system is, readable on a narrow
/// screen. Charts are inline SVG (<see cref="LineChart"/>, <see cref="HeatMap"/>), tables are <see cref="HtmlTable"/>.
/// </summary>
internal sealed class HtmlPage(string title)
{
    private readonly StringBuilder body = new();

    /// <summary>
    /// Colours that tell things apart, <c>var(--series-0)</c> and on: the same thing has the same colour all over a page.
    /// </summary>
    public const int SeriesColors = 8;

    private static readonly string[] Dashes = ["none", "9 7", "2 7", "14 6 2 6", "5 9", "9 5 2 5 2 5", "18 9", "2 11"];

    /// <summary>Text as HTML.</summary>
    public static string Encode(string text) => WebUtility.HtmlEncode(text);

    /// <summary>The colour of the n-th thing that is compared.</summary>
    public static string SeriesColor(int index) => $"var(--series-{index % SeriesColors})";

    /// <summary>Dashes of its curves, so that a curve below another shows between them; the first is whole.</summary>
    public static string SeriesDashes(int index) => Dashes[index % Dashes.Length];

    public HtmlPage Heading(string text) => Html($"<h2>{Encode(text)}</h2>");

    public HtmlPage Subheading(string text) => Html($"<h3>{Encode(text)}</h3>");

    public HtmlPage Paragraph(string text) => Html($"<p>{Encode(text)}</p>");

    /// <summary>Names and values in a line or two.</summary>
    public HtmlPage Facts(params IEnumerable<(string Name, string Value)> facts) =>
        Html(
            $"<dl class=\"facts\">{string.Concat(facts.Select(fact => $"<div><dt>{Encode(fact.Name)}</dt><dd>{Encode(fact.Value)}</dd></div>"))}</dl>");

    /// <summary>Charts beside each other, as many as the window is wide.</summary>
    public HtmlPage Charts(params IEnumerable<string> charts) => Html($"<div class=\"charts\">{string.Concat(charts)}</div>");

    /// <summary>What is shown when a reader asks for it.</summary>
    public HtmlPage Details(string summary, string html) => Html($"<details><summary>{Encode(summary)}</summary>{html}</details>");

    /// <summary>Markup as it is.</summary>
    public HtmlPage Html(string html)
    {
        body.Append(html).Append('\n');
        return this;
    }

    /// <summary>Writes the page, under a temporary name first.</summary>
    public void Write(string path) => AtomicFile.WriteAllBytes(path, Encoding.UTF8.GetBytes(ToString()));

    public override string ToString() => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{Encode(title)}</title>
        <style>
        {Style}
        </style>
        </head>
        <body>
        <main>
        <h1>{Encode(title)}</h1>
        {body}</main>
        </body>
        </html>

        """;

    private const string Style = """
        :root {
          --page: #ffffff; --text: #1c2024; --muted: #60656c; --line: #d9dce1; --grid: #eceef1; --band: #f6f7f9; --best: #e3f2e6;
          --series-0: #1f6fbf; --series-1: #d9480f; --series-2: #2b8a3e; --series-3: #9c36b5;
          --series-4: #b08900; --series-5: #0b7285; --series-6: #c2255c; --series-7: #5f6b7a;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #15181c; --text: #e6e8eb; --muted: #9aa1aa; --line: #3a4048; --grid: #262b31; --band: #1c2025; --best: #1d3a26;
            --series-0: #6cb2f7; --series-1: #ff9257; --series-2: #69db7c; --series-3: #da8ff0;
            --series-4: #ffd43b; --series-5: #4fd3e6; --series-6: #ff8fb4; --series-7: #a8b3c1;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0; background: var(--page); color: var(--text);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
        }
        main { max-width: 1320px; margin: 0 auto; padding: 24px 24px 64px; }
        h1 { font-size: 26px; line-height: 1.25; margin: 8px 0 12px; }
        h2 { font-size: 19px; margin: 40px 0 8px; padding-top: 16px; border-top: 1px solid var(--line); }
        h3 { font-size: 16px; margin: 24px 0 6px; }
        p { max-width: 78ch; margin: 6px 0 12px; color: var(--muted); }
        .facts { display: flex; flex-wrap: wrap; gap: 6px 28px; margin: 8px 0 16px; }
        .facts div { min-width: 0; max-width: 100%; }
        .facts dt { color: var(--muted); font-size: 12px; }
        .facts dd { margin: 0; overflow-wrap: anywhere; }
        .table { overflow-x: auto; margin: 8px 0 16px; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 5px 12px; text-align: left; border-bottom: 1px solid var(--grid); white-space: nowrap; }
        thead th { border-bottom: 1px solid var(--line); color: var(--muted); font-weight: 600; font-size: 13px; vertical-align: bottom; }
        tbody th { font-weight: 600; }
        tbody tr:hover { background: var(--band); }
        .number { text-align: right; }
        td.best { background: var(--best); }
        .error { color: var(--muted); font-size: 12px; padding-left: 4px; }
        .charts {
          display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 20px;
          align-items: start; margin: 8px 0 16px;
        }
        figure { margin: 0; min-width: 0; max-width: 660px; }
        figcaption { font-weight: 600; margin-bottom: 4px; overflow-wrap: anywhere; }
        svg { display: block; width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
        svg text { fill: var(--muted); }
        .axis { stroke: var(--line); fill: none; }
        .grid { stroke: var(--grid); fill: none; }
        .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .contour { fill: none; stroke: #ffffff; stroke-opacity: 0.55; stroke-width: 1; }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 2px 0 6px; padding: 0; list-style: none; font-size: 13px; }
        .legend li { display: flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }
        .line { width: 36px; height: 4px; flex: none; }
        .swatch { width: 14px; height: 4px; border-radius: 2px; flex: none; }
        details { margin: 8px 0 16px; }
        summary { cursor: pointer; color: var(--muted); }
        @media (max-width: 640px) { main { padding: 12px 14px 48px; } h1 { font-size: 22px; } th, td { padding: 4px 8px; } }
        @media print { main { max-width: none; } details { display: block; } }
        """;
}

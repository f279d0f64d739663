using Spectre.Console;

namespace Engine.Cli.Tables;

/// <summary>Tables of one look, whose cells are plain text.</summary>
internal static class TableStyle
{
    /// <summary>A table with a header; a heading that starts with '&gt;' stands for a column of numbers.</summary>
    public static FittingTable Create(params IReadOnlyList<string> headings) => new(headings);

    /// <summary>Pairs of a name and a value without a header.</summary>
    public static Grid Facts() => new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();

    /// <summary>Adds a pair.</summary>
    public static void Fact(this Grid grid, string name, string value) =>
        grid.AddRow(new Text(name, new Style(decoration: Decoration.Dim)), new Text(value));
}

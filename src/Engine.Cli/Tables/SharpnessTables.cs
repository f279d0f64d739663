using Engine.Optim.Sharpness;
using Engine.Training.Sharpness;

namespace Engine.Cli.Tables;

/// <summary>Tables of a sharpness analysis on a terminal.</summary>
internal static class SharpnessTables
{
    /// <summary>A row for each adapter.</summary>
    public static FittingTable Of(SharpnessSpace space, IReadOnlyList<AdapterReport> adapters)
    {
        (string Name, SpaceReport Report)[] measured =
            [.. adapters.Where(adapter => adapter.Of(space) is not null).Select(adapter => (adapter.Name, adapter.Of(space)!))];
        IReadOnlyList<SharpnessFigure> figures = SharpnessFigure.Of(measured.Select(entry => entry.Report));
        IEnumerable<string> headings = figures.Select(figure => $">{figure.Heading}");
        FittingTable table = TableStyle.Create([$"in the {SharpnessNames.Of(space)} space", .. headings]);
        foreach ((string name, SpaceReport report) in measured)
        {
            table.Row([name, .. figures.Select(figure => $"{figure.ValueText(report)} {figure.ErrorText(report)}".TrimEnd())]);
        }

        return table;
    }
}

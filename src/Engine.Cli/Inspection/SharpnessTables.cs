using Engine.Cli.Html;
using Engine.Optim.Sharpness;
using Engine.Training.Sharpness;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>A figure of a space: how it is called, and what it is in a report.</summary>
/// <param name="Heading">A column's heading.</param>
/// <param name="Value">Null where it was not measured.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="LessIsFlatter">Whether the least of several is marked.</param>
internal sealed record SharpnessFigure(string Heading, Func<SpaceReport, double?> Value, Func<SpaceReport, double?>? Error = null, bool LessIsFlatter = true)
{
    /// <summary>Every figure, in the order of columns.</summary>
    public static IReadOnlyList<SharpnessFigure> All { get; } =
    [
        new("loss", report => report.Loss, LessIsFlatter: false),
        new("expected", report => report.Expected?.Value, report => report.Expected?.StandardError),
        new("one step", report => report.WorstCase?.OneStep),
        new("ascent", report => report.WorstCase?.Ascent),
        new("gradient norm", report => report.WorstCase?.GradientNorm, LessIsFlatter: false),
        new("top eigenvalue", report => report.Eigenvalue?.Value),
        new("critical", report => report.Critical?.Value),
        new("Lanczos top", report => report.Spectrum?.Top),
        new("Lanczos bottom", report => report.Spectrum?.Bottom, LessIsFlatter: false),
        new("trace", report => report.Trace?.Value, report => report.Trace?.StandardError),
    ];

    /// <summary>The figures that at least one of the reports has.</summary>
    public static IReadOnlyList<SharpnessFigure> Of(IEnumerable<SpaceReport> reports) => [.. All.Where(figure => reports.Any(report => figure.Value(report) is not null))];

    /// <summary>Whether the figure is lower in a report than in another: by more than two standard errors, where it has any.</summary>
    public bool IsBelow(SpaceReport report, SpaceReport other) => Value(report) is { } value && Value(other) is { } otherValue
        && otherValue - value > 2 * Math.Max(Error?.Invoke(report) ?? 0, Error?.Invoke(other) ?? 0);

    /// <summary>The standard error behind the value; null where there is none.</summary>
    public string? ErrorText(SpaceReport report) => Error?.Invoke(report) is { } error ? $"± {ChartScale.Number(error)}" : null;

    public string ValueText(SpaceReport report) => Value(report) is { } value ? ChartScale.Number(value) : "";
}

/// <summary>Tables of a sharpness analysis on a terminal.</summary>
internal static class SharpnessTables
{
    /// <summary>A row for each adapter.</summary>
    public static FittingTable Of(SharpnessSpace space, IReadOnlyList<AdapterReport> adapters)
    {
        (string Name, SpaceReport Report)[] measured = [.. adapters.Where(adapter => adapter.Of(space) is not null).Select(adapter => (adapter.Name, adapter.Of(space)!))];
        IReadOnlyList<SharpnessFigure> figures = SharpnessFigure.Of(measured.Select(entry => entry.Report));
        FittingTable table = Tables.Create([$"in the {SharpnessNames.Of(space)} space", .. figures.Select(figure => $">{figure.Heading}")]);
        foreach ((string name, SpaceReport report) in measured)
        {
            table.Row([name, .. figures.Select(figure => $"{figure.ValueText(report)} {figure.ErrorText(report)}".TrimEnd())]);
        }

        return table;
    }
}

using Engine.Optim.Sharpness;
using Engine.Training.Reports;

namespace Engine.Training.Sharpness;

/// <summary>A figure of a space, as a column of a table has it: how it is called, and what it is in a report.</summary>
/// <param name="Heading">The column's heading.</param>
/// <param name="Value">The figure; null where it was not measured.</param>
/// <param name="Error">Its standard error; null where it has none.</param>
/// <param name="LessIsFlatter">Whether the least of several is that of the flattest loss.</param>
public sealed record SharpnessFigure(
    string Heading, Func<SpaceReport, double?> Value, Func<SpaceReport, double?>? Error = null, bool LessIsFlatter = true)
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
        new("Lanczos top", report => report.Spectrum?.Top),
        new("Lanczos bottom", report => report.Spectrum?.Bottom, LessIsFlatter: false),
        new("trace", report => report.Trace?.Value, report => report.Trace?.StandardError),
    ];

    /// <summary>The figures that at least one of the reports has.</summary>
    public static IReadOnlyList<SharpnessFigure> Of(IEnumerable<SpaceReport> reports) =>
        [.. All.Where(figure => reports.Any(report => figure.Value(report) is not null))];

    /// <summary>Whether the figure is lower in a report than in another: by more than two standard errors, where it has any.</summary>
    public bool IsBelow(SpaceReport report, SpaceReport other) => Value(report) is { } value && Value(other) is { } otherValue
        && otherValue - value > 2 * Math.Max(Error?.Invoke(report) ?? 0, Error?.Invoke(other) ?? 0);

    /// <summary>The standard error behind the value; null where there is none.</summary>
    public string? ErrorText(SpaceReport report) => Error?.Invoke(report) is { } error ? $"± {Amounts.Number(error)}" : null;

    /// <summary>The value with as many digits as a reader needs; empty where it was not measured.</summary>
    public string ValueText(SpaceReport report) => Value(report) is { } value ? Amounts.Number(value) : "";
}

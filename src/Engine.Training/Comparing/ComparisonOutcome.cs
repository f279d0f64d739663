namespace Engine.Training.Comparing;

/// <summary>What a comparison came to.</summary>
/// <param name="Report">The methods side by side, as far as their runs are there.</param>
/// <param name="JsonPath">The report's file, <c>comparison.json</c>.</param>
/// <param name="PagePath">The report as a page for people, <c>comparison.html</c>.</param>
/// <param name="Interrupted">It was cancelled before its last run had ended; the same comparison goes on where this one was.</param>
public sealed record ComparisonOutcome(ComparisonReport Report, string JsonPath, string PagePath, bool Interrupted);

namespace Engine.Training.Comparing;

/// <summary>Collects the runs of a comparison as they end.</summary>
/// <param name="device">What the runs were made on.</param>
public sealed class ComparisonResults(Comparison comparison, string device)
{
    private readonly List<(ComparedMethod Method, ComparedRun Run)> finished = [];
    private readonly List<(ComparedMethod Method, FailedRun Run)> failed = [];

    public string JsonPath => Path.Combine(comparison.Folder, "comparison.json");

    public void Add(PlannedRun planned, ComparedRun run) => finished.Add((planned.Method, run));

    public void AddFailed(PlannedRun planned, string reason) => failed.Add((planned.Method, new FailedRun(planned.Run.Seed, reason)));

    public ComparisonReport Report() => new(
        comparison.RunFile,
        device,
        comparison.Metric,
        comparison.LargerIsBetter,
        comparison.Runs.Count,
        [.. comparison.Methods.Select(method => new MethodResult(
            method.Name,
            method == comparison.Reference,
            [.. finished.Where(entry => entry.Method == method).Select(entry => entry.Run)],
            [.. failed.Where(entry => entry.Method == method).Select(entry => entry.Run)]))]);

    /// <summary>Writes comparison.json.</summary>
    public void Write() => Report().Write(JsonPath);
}

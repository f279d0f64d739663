namespace Engine.Training.Comparing;

/// <summary>Collects the runs of a comparison as they end.</summary>
/// <param name="device">What the runs were made on.</param>
internal sealed class ComparisonResults(Comparison comparison, string device)
{
    private readonly List<(ComparedMethod Method, ComparedRun Run)> finished = [];
    private readonly List<(ComparedMethod Method, FailedRun Run)> failed = [];

    /// <summary>The report as JSON.</summary>
    public const string JsonName = "comparison.json";

    /// <summary>The report as a page.</summary>
    public const string PageName = "comparison.html";

    /// <summary>Where comparison.json is written.</summary>
    public string JsonPath => Path.Combine(comparison.Folder, JsonName);

    /// <summary>Where comparison.html is written.</summary>
    public string PagePath => Path.Combine(comparison.Folder, PageName);

    /// <summary>What a run came to; null where it is not there yet.</summary>
    public ComparedRun? Find(PlannedRun planned) =>
        finished.Find(entry => entry.Method == planned.Method && entry.Run.Seed == planned.Run.Seed).Run;

    public void Add(PlannedRun planned, ComparedRun run) => finished.Add((planned.Method, run));

    /// <summary>Whether a run failed.</summary>
    public bool HasFailed(PlannedRun planned) =>
        failed.Exists(entry => entry.Method == planned.Method && entry.Run.Seed == planned.Run.Seed);

    /// <summary>Adds to a run that is there how flat the loss is around it.</summary>
    public void Add(PlannedRun planned, RunSharpness sharpness)
    {
        int at = finished.FindIndex(entry => entry.Method == planned.Method && entry.Run.Seed == planned.Run.Seed);
        finished[at] = (planned.Method, finished[at].Run with { Sharpness = sharpness });
    }

    public void AddFailed(PlannedRun planned, string reason) => failed.Add((planned.Method, new FailedRun(planned.Run.Seed, reason)));

    public ComparisonReport Report() => new(
        comparison.RunFile,
        comparison.Runs[0].Run.Model,
        (comparison.Runs[0].Run.Data.HeldOut ?? comparison.Runs[0].Run.Data.Train).ToString(),
        device,
        comparison.Metric,
        comparison.LargerIsBetter,
        comparison.Runs.Count,
        [.. comparison.Methods.Select(method => new MethodResult(
            method.Name,
            method == comparison.Reference,
            [.. finished.Where(entry => entry.Method == method).Select(entry => entry.Run).OrderBy(run => run.Seed)],
            [.. failed.Where(entry => entry.Method == method).Select(entry => entry.Run)]))]);

    /// <summary>Writes comparison.json and comparison.html.</summary>
    public void Write()
    {
        ComparisonReport report = Report();
        report.Write(JsonPath);
        report.WritePage(PagePath);
    }
}

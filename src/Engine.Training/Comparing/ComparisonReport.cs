using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Optim.Sharpness;
using Engine.Training.Reports;

namespace Engine.Training.Comparing;

/// <summary>A run that did not come to its end.</summary>
/// <param name="Reason">Why, as a sentence.</param>
public sealed record FailedRun(ulong Seed, string Reason);

/// <summary>What the runs of one method came to.</summary>
/// <param name="IsReference">The others' costs are given relative to its own.</param>
public sealed record MethodResult(string Name, bool IsReference, IReadOnlyList<ComparedRun> Runs, IReadOnlyList<FailedRun> Failed)
{
    /// <summary>How many runs there are, and how many failed: <c>2, 1 failed</c>.</summary>
    public string RunsText => Failed.Count == 0 ? $"{Runs.Count}" : $"{Runs.Count}, {Failed.Count} failed";

    /// <summary>Seconds of an optimizer step; null where there is no run.</summary>
    public SampleMean? SecondsPerStep => MeanOf(Runs.Select(run => run.SecondsPerStep));

    /// <summary>The largest peak of the runs.</summary>
    public long? PeakBytes => Runs.Count == 0 ? null : Runs.Max(run => run.PeakBytes);

    /// <summary>A figure of sharpness in a space; runs in which it is not finite are left out.</summary>
    public SampleMean? Sharpness(string space, string figure) =>
        MeanOf(Runs.Select(run => run.Sharpness?.Spaces.GetValueOrDefault(space)?.GetValueOrDefault(figure)).OfType<double>());

    /// <summary>A metric of the final weights; runs in which it is not defined are left out.</summary>
    public SampleMean? Metric(string name) => MeanOf(Runs.Select(run => run.Metrics.GetValueOrDefault(name)).OfType<double>());

    /// <summary>Null where there is nothing to average.</summary>
    private static SampleMean? MeanOf(IEnumerable<double> values) => values.ToArray() is { Length: > 0 } all ? SampleMean.Of(all) : null;
}

/// <summary>A comparison as far as it has come, and its <c>comparison.json</c>.</summary>
/// <param name="RunFile">The run file; null for a run that was made in code.</param>
/// <param name="Model">The folder of the model that is trained.</param>
/// <param name="Data">The file that the metrics are of: validation data, or training data where there is none.</param>
/// <param name="Metric">The metric that the methods are compared by.</param>
/// <param name="Planned">Runs when it is whole.</param>
public sealed record ComparisonReport(
    string? RunFile, string Model, string Data, string Device, string Metric, bool LargerIsBetter, int Planned,
    IReadOnlyList<MethodResult> Methods)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>The method whose cost the others are held against: plain LoRA, or the first.</summary>
    public MethodResult Reference => Methods.First(method => method.IsReference);

    /// <summary>Runs that are there.</summary>
    public int Finished => Methods.Sum(method => method.Runs.Count);

    /// <summary>Every metric that a run has, the one compared by first.</summary>
    public IReadOnlyList<string> Metrics =>
        [.. Methods.SelectMany(method => method.Runs.SelectMany(run => run.Metrics.Keys))
            .Distinct().OrderBy(name => name == Metric ? 0 : 1)];

    /// <summary>The figures of sharpness that a run has, by space.</summary>
    public IReadOnlyList<(string Space, IReadOnlyList<string> Figures)> Sharpness => [.. Methods
        .SelectMany(method => method.Runs)
        .SelectMany(
            run => run.Sharpness?.Spaces.SelectMany(space => space.Value.Keys.Select(figure => (Space: space.Key, Figure: figure))) ?? [])
        .Distinct()
        .GroupBy(entry => entry.Space, entry => entry.Figure)
        .Select(group => (group.Key, (IReadOnlyList<string>)[.. SharpnessRequest.FigureNames.Where(group.Contains)]))];

    /// <summary>Seconds per step over the reference's; null where one of them has no runs.</summary>
    public double? RelativeTime(MethodResult method) => method.SecondsPerStep?.Value / Reference.SecondsPerStep?.Value;

    /// <summary>Peak bytes over the reference's.</summary>
    public double? RelativeBytes(MethodResult method) => (double?)method.PeakBytes / Reference.PeakBytes;

    /// <summary>Writes the report, under a temporary name first.</summary>
    public void Write(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        AtomicFile.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(ToJson(), Indented));
    }

    /// <summary>The report as one HTML page that needs no other file: tables, every run as a dot, curves over the epochs.</summary>
    public string ToHtml() => ComparisonPage.Of(this).ToString();

    /// <summary>Writes the page, under a temporary name first.</summary>
    public void WritePage(string path) => ComparisonPage.Of(this).Write(path);

    private JsonObject ToJson() => new()
    {
        ["run_file"] = RunFile,
        ["model"] = Model,
        ["data"] = Data,
        ["device"] = Device,
        ["metric"] = Metric,
        ["larger_is_better"] = LargerIsBetter,
        ["finished_runs"] = Finished,
        ["planned_runs"] = Planned,
        ["reference"] = Reference.Name,
        ["methods"] = new JsonArray([.. Methods.Select(Method)]),
    };

    private JsonObject Method(MethodResult method) => new()
    {
        ["method"] = method.Name,
        ["metrics"] = new JsonObject(Metrics.Select(name => KeyValuePair.Create<string, JsonNode?>(name, Mean(method.Metric(name))))),
        ["sharpness"] = Sharpness.Count == 0 ? null : new JsonObject(Sharpness.Select(
            space => KeyValuePair.Create<string, JsonNode?>(space.Space, Means(method, space.Space, space.Figures)))),
        ["seconds_per_step"] = Mean(method.SecondsPerStep),
        ["relative_time"] = Number(RelativeTime(method)),
        ["peak_device_bytes"] = method.PeakBytes,
        ["relative_bytes"] = Number(RelativeBytes(method)),
        ["runs"] = new JsonArray([.. method.Runs.Select(Run)]),
        ["failed"] = new JsonArray(
            [.. method.Failed.Select(failed => new JsonObject { ["seed"] = failed.Seed, ["reason"] = failed.Reason })]),
    };

    private static JsonObject Means(MethodResult method, string space, IReadOnlyList<string> figures) =>
        new(figures.Select(figure => KeyValuePair.Create<string, JsonNode?>(figure, Mean(method.Sharpness(space, figure)))));

    private static JsonObject Run(ComparedRun run) => new()
    {
        ["seed"] = run.Seed,
        ["folder"] = run.Folder,
        ["steps"] = run.Steps,
        ["metrics"] = Values(run.Metrics),
        ["sharpness"] = run.Sharpness is { } sharpness
            ? new JsonObject(sharpness.Spaces.Select(space => KeyValuePair.Create<string, JsonNode?>(space.Key, Values(space.Value))))
            : null,
        ["seconds_per_step"] = run.SecondsPerStep,
        ["peak_device_bytes"] = run.PeakBytes,
        ["evaluations"] = new JsonArray([.. run.Evaluations.Select(evaluation => new JsonObject
        {
            ["step"] = evaluation.Step,
            ["epoch"] = evaluation.Epoch,
            ["metrics"] = Values(evaluation.Metrics),
        })]),
    };

    private static JsonObject Values(IReadOnlyDictionary<string, double?> values) =>
        new(values.Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, Number(pair.Value))));

    private static JsonObject? Mean(SampleMean? mean) => mean is null
        ? null
        : new JsonObject { ["mean"] = Number(mean.Value), ["deviation"] = Number(mean.Deviation), ["runs"] = mean.Samples };

    /// <summary>JSON has no NaN: what is not defined is null.</summary>
    private static JsonNode? Number(double? value) => value is { } number && double.IsFinite(number) ? JsonValue.Create(number) : null;
}

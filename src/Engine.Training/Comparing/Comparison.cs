using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Metrics;
using Engine.Training.Running;

namespace Engine.Training.Comparing;

/// <summary>One run of a comparison.</summary>
/// <param name="Method">Its side.</param>
/// <param name="Run">Its settings, with a folder and a seed of its own.</param>
public sealed record PlannedRun(ComparedMethod Method, RunConfiguration Run);

/// <summary>
/// The same run trained by several methods with several seeds, to compare metric, time and memory. Every run has a folder of its own,
/// <c>OUTPUT/METHOD/seed-N</c>: a finished one is kept, an unfinished one goes on from its newest checkpoint.
/// </summary>
public sealed class Comparison
{
    /// <param name="runFile">The run file; its <c>output</c> is the folder of the comparison, its <c>seed</c> the first seed.</param>
    /// <param name="overrides">Settings that replace those of the file and of the methods.</param>
    /// <param name="methods">What is compared, each under a name of its own.</param>
    /// <param name="seeds">Runs of each method, with seeds one after another.</param>
    /// <exception cref="ConfigurationException">Anything wrong in the run file or a method, or an input that lies where the comparison
    /// writes.</exception>
    public Comparison(string runFile, IReadOnlyList<string> overrides, IReadOnlyList<ComparedMethod> methods, int seeds)
        : this(runFile, RunConfiguration.Load(runFile, overrides), method => method.Load(runFile, overrides), methods, seeds)
    {
    }

    /// <param name="run">The run; its <c>Output</c> is the folder of the comparison, its <c>Seed</c> the first seed.</param>
    /// <param name="methods">What is compared, each under a name of its own.</param>
    /// <param name="seeds">Runs of each method, with seeds one after another.</param>
    /// <exception cref="ConfigurationException">Anything wrong in the run or a method, or an input that lies where the comparison
    /// writes.</exception>
    public Comparison(RunConfiguration run, IReadOnlyList<ComparedMethod> methods, int seeds)
        : this(null, run.Resolve(), method => method.Apply(run), methods, seeds)
    {
    }

    private Comparison(
        string? runFile, RunConfiguration start, Func<ComparedMethod, RunConfiguration> load,
        IReadOnlyList<ComparedMethod> methods, int seeds)
    {
        if (seeds < 1 || methods.Count == 0)
        {
            throw new ConfigurationException($"seeds is {seeds}, of {methods.Count} methods; at least 1 of each was expected.");
        }

        ComparedMethod.RequireDistinct(methods);
        (RunFile, Methods, Folder, Metric) = (runFile, methods, start.Output, start.BestMetric);
        LargerIsBetter = start.GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(start.BestMetric);

        RunConfiguration[] runs = [.. methods.Select(load)];
        Reference = methods[Math.Max(0, Array.FindIndex(runs, run => run.Method is null))];

        // Seed by seed: an interrupted comparison has as many runs of one method as of another.
        Runs = [.. Enumerable.Range(0, seeds).SelectMany(i => methods.Zip(runs, (method, run) => new PlannedRun(method, run with
        {
            Seed = start.Seed + (ulong)i,
            Output = Path.Combine(start.Output, method.FolderName, $"seed-{start.Seed + (ulong)i}"),
        })))];
        foreach (PlannedRun planned in Runs)
        {
            RunInputs.RequireApart(planned.Run, Folder, [ComparisonResults.JsonName, ComparisonResults.PageName], []);
            RunOutput.RequireApart(planned.Run);
        }
    }

    /// <summary>The run file; null for a run that was made in code.</summary>
    public string? RunFile { get; }

    /// <summary>Where runs and report are written.</summary>
    public string Folder { get; }

    /// <summary>What is compared.</summary>
    public IReadOnlyList<ComparedMethod> Methods { get; }

    /// <summary>
    /// The method whose cost the others are held against: the first that is no more than the optimizer, or the first of all.
    /// </summary>
    public ComparedMethod Reference { get; }

    /// <summary>The metric that the methods are compared by.</summary>
    public string Metric { get; }

    /// <summary>Whether a larger value of that metric is better.</summary>
    public bool LargerIsBetter { get; }

    /// <summary>Every run, in the order in which they are made.</summary>
    public IReadOnlyList<PlannedRun> Runs { get; }

    /// <summary>
    /// Makes every run that is not there yet, and writes <c>comparison.json</c> and <c>comparison.html</c>, anew after every run. A run
    /// that fails for a reason in its files or settings is reported as failed, and the others go on. Cancelled, it stops after its step and
    /// returns what there is; the same comparison goes on from there.
    /// </summary>
    /// <param name="device">What every run is made on.</param>
    /// <param name="sharpness">What is measured around every run's adapter; null: nothing.</param>
    /// <param name="progress">Told of runs, their trainings and measurements, on the thread that makes them.</param>
    /// <exception cref="IOException">The folder cannot be written, or holds a report that no comparison wrote.</exception>
    public ComparisonOutcome Run(
        Device device,
        SharpnessRequest? sharpness = null,
        IProgress<ComparisonProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        new ComparisonRunner(this, device, sharpness, progress, cancellationToken).Run();
}

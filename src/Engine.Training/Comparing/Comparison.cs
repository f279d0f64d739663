using Engine.Devices;
using Engine.Model;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Metrics;
using Engine.Training.Running;

namespace Engine.Training.Comparing;

/// <summary>One run of a comparison.</summary>
/// <param name="Method">Its side.</param>
/// <param name="Run">Its settings, with a folder and a seed of its own.</param>
public sealed record PlannedRun(ComparedMethod Method, RunConfiguration Run);

/// <summary>
/// The same run file trained by several methods with several seeds. Every run has a folder of its own, <c>OUTPUT/METHOD/seed-N</c>: a finished one is kept, an unfinished
/// one goes on from its newest checkpoint.
/// </summary>
public sealed class Comparison
{
    /// <param name="runFile">The run file; its <c>output</c> is the folder of the comparison, its <c>seed</c> the first seed.</param>
    /// <param name="overrides">Settings that replace those of the file and of the methods.</param>
    /// <param name="seeds">Runs of each method, with seeds one after another.</param>
    /// <exception cref="ConfigurationException">Anything wrong in the run file or a method.</exception>
    public Comparison(string runFile, IReadOnlyList<string> overrides, IReadOnlyList<ComparedMethod> methods, int seeds)
    {
        RunConfiguration start = RunConfiguration.Load(runFile, overrides);
        (RunFile, Methods, Folder, Metric) = (runFile, methods, start.Output, start.BestMetric);
        LargerIsBetter = start.GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(start.BestMetric);

        RunConfiguration[] runs = [.. methods.Select(method => method.Load(runFile, overrides))];
        Reference = methods[Math.Max(0, Array.FindIndex(runs, IsPlain))];

        // Seed by seed: an interrupted comparison has as many runs of one method as of another.
        Runs = [.. Enumerable.Range(0, seeds).SelectMany(i => methods.Zip(runs, (method, run) => new PlannedRun(method, run with
        {
            Seed = start.Seed + (ulong)i,
            Output = Path.Combine(start.Output, method.FolderName, $"seed-{start.Seed + (ulong)i}"),
        })))];
    }

    public string RunFile { get; }

    public string Folder { get; }

    public IReadOnlyList<ComparedMethod> Methods { get; }

    /// <summary>The method whose cost the others are held against: the first that is no more than the optimizer, or the first of all.</summary>
    public ComparedMethod Reference { get; }

    /// <summary>The metric that the methods are compared by.</summary>
    public string Metric { get; }

    public bool LargerIsBetter { get; }

    /// <summary>Every run, in the order in which they are made.</summary>
    public IReadOnlyList<PlannedRun> Runs { get; }

    /// <summary>Makes a run, or goes on with it, or finds it finished. Null where it was interrupted: it can go on.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on, or its folder holds another.</exception>
    public static ComparedRun? Make(PlannedRun planned, Device device, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        RunConfiguration run = planned.Run;
        RunFingerprint fingerprint = RunFingerprint.Of(run, ModelFolder.Open(run.Model));
        if (ComparedRun.Find(run.Output, run.Seed, fingerprint) is { } finished)
        {
            return finished;
        }

        var folder = new RunFolder(run.Output);
        bool isUnfinished = folder.Checkpoints.Count > 0 && !File.Exists(folder.SummaryPath);
        using (var trainer = new Trainer(run, device, new TrainerOptions { Resume = isUnfinished }, progress))
        {
            if (trainer.Train(cancellation).Interrupted)
            {
                return null;
            }
        }

        ComparedRun.Finish(run.Output, fingerprint);
        return ComparedRun.Find(run.Output, run.Seed, fingerprint);
    }

    private static bool IsPlain(RunConfiguration run) => run.Method is null or { Methods: [{ Name: MethodConfiguration.Plain }] };
}

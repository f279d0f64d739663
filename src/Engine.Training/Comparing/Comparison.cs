using System.Diagnostics;
using Engine.Common;
using Engine.Devices;
using Engine.Model.Peft;
using Engine.Model;
using Engine.Optim;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Metrics;
using Engine.Training.Running;
using Engine.Training.Sharpness;

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
    /// <summary>The runtime compiles what runs often a second time, in the background, within about a second.</summary>
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(2);

    /// <param name="runFile">The run file; its <c>output</c> is the folder of the comparison, its <c>seed</c> the first seed.</param>
    /// <param name="overrides">Settings that replace those of the file and of the methods.</param>
    /// <param name="seeds">Runs of each method, with seeds one after another.</param>
    /// <exception cref="ConfigurationException">Anything wrong in the run file or a method, or an input that lies where the comparison writes.</exception>
    public Comparison(string runFile, IReadOnlyList<string> overrides, IReadOnlyList<ComparedMethod> methods, int seeds)
    {
        RunConfiguration start = RunConfiguration.Load(runFile, overrides);
        (RunFile, Methods, Folder, Metric) = (runFile, methods, start.Output, start.BestMetric);
        LargerIsBetter = start.GreaterIsBetter ?? TaskMetrics.GreaterIsBetter(start.BestMetric);

        RunConfiguration[] runs = [.. methods.Select(method => method.Load(runFile, overrides))];
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

    /// <summary>The run file that every run starts from.</summary>
    public string RunFile { get; }

    /// <summary>Where the runs and the report lie.</summary>
    public string Folder { get; }

    /// <summary>What is compared, in the order of the report.</summary>
    public IReadOnlyList<ComparedMethod> Methods { get; }

    /// <summary>The method whose cost the others are held against: the first that is no more than the optimizer, or the first of all.</summary>
    public ComparedMethod Reference { get; }

    /// <summary>The metric that the methods are compared by.</summary>
    public string Metric { get; }

    /// <summary>Whether a larger <see cref="Metric"/> is the better one.</summary>
    public bool LargerIsBetter { get; }

    /// <summary>Every run, in the order in which they are made.</summary>
    public IReadOnlyList<PlannedRun> Runs { get; }

    /// <summary>What a run came to, with its sharpness where that was measured by the same request; null where it is not finished.</summary>
    /// <exception cref="TrainingException">The run's folder holds a finished run of other settings, data or model.</exception>
    public static ComparedRun? Find(PlannedRun planned, SharpnessRequest? request)
    {
        RunConfiguration run = planned.Run;
        return ComparedRun.Find(run.Output, run.Seed, RunFingerprint.Of(run, ModelFolder.Open(run.Model))) is { } finished
            ? finished with { Sharpness = request is null ? null : RunSharpness.Find(run.Output, request) }
            : null;
    }

    /// <summary>
    /// Takes steps of a run that nothing is kept of, until code is compiled and kernels are bound: what a process spends on that once is not the first run's time.
    /// </summary>
    /// <returns>Steps taken.</returns>
    public static int WarmUp(PlannedRun planned, Device device, CancellationToken cancellation)
    {
        using PreparedRun prepared = PreparedRun.Create(planned.Run, device);

        // Nothing that the method starts from matters here.
        prepared.Load(resumes: true);
        long start = Stopwatch.GetTimestamp();
        int step = 0;
        do
        {
            prepared.Session.Step(prepared.Batches(step), planned.Run.LearningRate, prepared.Data.Train.Origin);
            step++;
        }
        while (step < prepared.Length.TotalSteps && Stopwatch.GetElapsedTime(start) < WarmUpTime && !cancellation.IsCancellationRequested);

        return step;
    }

    /// <summary>Makes a run that is not finished, or goes on with it. Null where it was interrupted: it can go on.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on.</exception>
    public static ComparedRun? Make(PlannedRun planned, Device device, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        RunConfiguration run = planned.Run;
        var folder = new RunFolder(run.Output);

        // A run of the comparison that was killed before its first checkpoint is made anew.
        var options = new TrainerOptions { Resume = folder.CanResume, Overwrite = !folder.CanResume && !File.Exists(folder.SummaryPath) };
        using (var trainer = new Trainer(run, device, options, progress))
        {
            if (trainer.Train(cancellation).Interrupted)
            {
                return null;
            }
        }

        return Find(planned, request: null);
    }

    /// <summary>Measures how flat the loss is around a finished run's adapter. Null where it was interrupted.</summary>
    /// <exception cref="ConfigurationException">The run has no adapter or no validation data.</exception>
    public static RunSharpness? Measure(
        PlannedRun planned, Device device, SharpnessRequest request, IProgress<SharpnessProgress>? progress, CancellationToken cancellation)
    {
        RunConfiguration run = planned.Run;
        if (run.Adapter is null || run.Data.HeldOut is null)
        {
            throw new ConfigurationException("Sharpness is measured around adapters on validation data; add an 'adapter:' section and data.validation or data.validation_split, or leave --sharpness out.");
        }

        SharpnessSubject subject = SharpnessSubject.OfRun(planned.Method.Name, run, request.Rows);
        AdapterReport report = new SharpnessAnalysis(device, request.OptionsFor(AdapterConfig.Read(subject.Adapter))).Measure(subject, progress, cancellation);
        if (!report.Complete)
        {
            return null;
        }

        var sharpness = new RunSharpness(request.Description, request.FiguresOf(report));
        sharpness.Write(run.Output);
        return sharpness;
    }
}

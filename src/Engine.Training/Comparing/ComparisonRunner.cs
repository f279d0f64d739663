using System.Diagnostics;
using Engine.Common;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Peft;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Sharpness;

namespace Engine.Training.Comparing;

/// <summary>Makes the runs of a comparison that are not there yet, and measures those whose sharpness is asked for.</summary>
internal sealed class ComparisonRunner(
    Comparison comparison, Device device, SharpnessRequest? sharpness, IProgress<ComparisonProgress>? progress,
    CancellationToken cancellationToken)
{
    /// <summary>The runtime compiles what runs often a second time, in the background, within about a second.</summary>
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(2);

    private readonly ComparisonResults results = new(comparison, device.ToString());

    /// <summary>Methods whose code has run already.</summary>
    private readonly HashSet<ComparedMethod> warm = [];

    /// <summary>Makes what is missing; the report's files are written anew after every run.</summary>
    public ComparisonOutcome Run()
    {
        using OutputFolder held = OutputFolder.Open(comparison.Folder);
        held.Claim(ComparisonResults.JsonName, ComparisonResults.PageName);
        foreach (PlannedRun planned in comparison.Runs)
        {
            Guard(planned, () => AddFinished(planned));
        }

        results.Write();
        PlannedRun[] left = [.. comparison.Runs.Where(IsLeft)];
        bool interrupted = false;
        for (int i = 0; i < left.Length && !interrupted; i++)
        {
            progress?.Report(new ComparisonProgress.RunStarted(left[i], i + 1, left.Length));
            bool ended = Guard(left[i], () => Complete(left[i]));
            results.Write();
            interrupted = !ended || (cancellationToken.IsCancellationRequested && i + 1 < left.Length);
        }

        return new ComparisonOutcome(results.Report(), results.JsonPath, results.PagePath, interrupted);
    }

    /// <summary>
    /// What a run came to, with its sharpness where that was measured by the same request; null where it is not finished.
    /// </summary>
    /// <exception cref="TrainingException">The run's folder holds a finished run of other settings, data or model.</exception>
    public static ComparedRun? Find(PlannedRun planned, SharpnessRequest? request)
    {
        RunConfiguration run = planned.Run;
        return ComparedRun.Find(run.Output, run.Seed, RunFingerprint.Of(run, RunData.OpenModel(run))) is { } finished
            ? finished with { Sharpness = request is null ? null : RunSharpness.Find(run.Output, request) }
            : null;
    }

    /// <summary>
    /// Takes steps of a run that nothing is kept of, until code is compiled and kernels are bound: what a process spends on that once is
    /// not the first run's time.
    /// </summary>
    /// <returns>Steps taken.</returns>
    public int WarmUp(PlannedRun planned)
    {
        using PreparedRun prepared = PreparedRun.Create(planned.Run, device);

        // Nothing that the method starts from matters here.
        prepared.Load(resumes: true);
        long start = Stopwatch.GetTimestamp();
        int step = 0;
        do
        {
            prepared.Step(step, cancellationToken);
            step++;
        }
        while (step < prepared.Plan.Length.TotalSteps && Stopwatch.GetElapsedTime(start) < WarmUpTime
            && !cancellationToken.IsCancellationRequested);

        return step;
    }

    /// <summary>Makes a run that is not finished, or goes on with it. Null where it was interrupted: it can go on.</summary>
    /// <exception cref="TrainingException">The run cannot start or go on.</exception>
    public ComparedRun? Make(PlannedRun planned)
    {
        RunConfiguration run = planned.Run;
        var folder = new RunFolder(run.Output);

        // A run of the comparison that was killed before its first checkpoint is made anew.
        var options = new TrainerOptions { Resume = folder.CanResume, Overwrite = !folder.CanResume && !File.Exists(folder.SummaryPath) };
        var told = Told<TrainingProgress>(value => new ComparisonProgress.Training(planned, value));
        using (var trainer = new Trainer(run, device, options, told))
        {
            if (trainer.Train(cancellationToken).Interrupted)
            {
                return null;
            }
        }

        return Find(planned, request: null);
    }

    private bool IsLeft(PlannedRun planned) => !results.HasFailed(planned)
        && (results.Find(planned) is not { } run || (sharpness is not null && run.Sharpness is null));

    private bool AddFinished(PlannedRun planned)
    {
        if (Find(planned, sharpness) is { } finished)
        {
            results.Add(planned, finished);
        }

        return true;
    }

    /// <summary>Makes and measures one run as far as that is not done; whether it ended before the cancellation.</summary>
    private bool Complete(PlannedRun planned)
    {
        if (results.Find(planned) is null)
        {
            if (warm.Add(planned.Method))
            {
                WarmUp(planned);
            }

            if (Make(planned) is not { } run)
            {
                return false;
            }

            results.Add(planned, run);
        }

        if (sharpness is not null)
        {
            if (Measure(planned, sharpness) is not { } measured)
            {
                return false;
            }

            results.Add(planned, measured);
        }

        progress?.Report(new ComparisonProgress.RunEnded(planned, results.Find(planned)!));
        return true;
    }

    /// <summary>Measures how flat the loss is around a finished run's adapter. Null where it was interrupted.</summary>
    /// <exception cref="ConfigurationException">The run has no adapter or no validation data.</exception>
    private RunSharpness? Measure(PlannedRun planned, SharpnessRequest request)
    {
        RunConfiguration run = planned.Run;
        if (run.Adapter is null || run.Data.HeldOut is null)
        {
            throw new ConfigurationException(
                $"Sharpness is measured around adapters on validation data; add an {Setting.Section("adapter")} and "
                + $"{Setting.Of("data.validation")} or {Setting.Of("data.validation_split")}, or compare without sharpness.");
        }

        SharpnessSubject subject = SharpnessSubject.OfRun(planned.Method.Name, run, request.Rows);
        var analysis = new SharpnessAnalysis(device, request.OptionsFor(AdapterConfig.Read(subject.Adapter)));
        var told = Told<SharpnessProgress>(value => new ComparisonProgress.Measuring(planned, value));
        AdapterReport report = analysis.Measure(subject, told, cancellationToken);
        if (!report.Complete)
        {
            return null;
        }

        var measured = new RunSharpness(request.Description, request.FiguresOf(report));
        measured.Write(run.Output);
        return measured;
    }

    /// <summary>Works on one run; where it fails, the report says so, and the other runs, which do not depend on it, go on.</summary>
    private bool Guard(PlannedRun planned, Func<bool> work)
    {
        try
        {
            return work();
        }
        catch (Exception exception) when (ErrorSentence.IsForUser(exception))
        {
            results.AddFailed(planned, ErrorSentence.Of(exception));
            progress?.Report(new ComparisonProgress.RunFailed(planned, exception));
            return true;
        }
    }

    private PassedOn<T>? Told<T>(Func<T, ComparisonProgress> wrap) => progress is null ? null : new PassedOn<T>(progress, wrap);

    private sealed class PassedOn<T>(IProgress<ComparisonProgress> progress, Func<T, ComparisonProgress> wrap) : IProgress<T>
    {
        public void Report(T value) => progress.Report(wrap(value));
    }
}

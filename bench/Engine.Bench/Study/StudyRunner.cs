using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Model;
using Engine.Optim.Sharpness;
using Engine.Training.Comparing;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Bench.Study;

/// <summary>
/// Makes the runs of the study that have no line yet, one after another, and adds a line for each. Interrupted, it stops after a step;
/// given again, it goes on from the run's newest checkpoint. A run whose line is there is not made again, whether its folder is there or
/// not.
/// </summary>
/// <param name="settings">The folder of the run files, bench/glue.</param>
/// <param name="work">Where runs and data are written.</param>
/// <param name="results">The file of lines.</param>
internal sealed class StudyRunner(Device device, string settings, string work, string results)
{
    private readonly StudyData data = new(Path.Combine(settings, "../../../shared/data"), Path.Combine(work, "data"));

    /// <summary>
    /// Makes the parts' runs; whether all of them are there at the end. One that fails, such as by a loss that is not finite, is told of,
    /// and the others go on.
    /// </summary>
    /// <param name="only">Methods that are run; empty: all.</param>
    /// <param name="most">Runs made at most.</param>
    public bool Run(IReadOnlyList<StudyPart> parts, IReadOnlyList<string> only, int most, CancellationToken cancellation)
    {
        data.Make();
        bool whole = true;
        foreach (StudyPart part in parts)
        {
            IReadOnlyList<StudyLine> lines = StudyLine.Read(results);
            IReadOnlyList<StudyRun> runs = part.Runs(lines, out IReadOnlyList<string> waiting);
            if (waiting.Count > 0)
            {
                whole = false;
                Console.Error.WriteLine(
                    $"{part.Name}: {string.Join(", ", waiting)}: not yet, since the search of settings is not finished");
            }

            StudyRun[] left = [.. runs.Where(run => (only.Count == 0 || only.Contains(run.Method.Name)) && !lines.Any(run.Is))];
            foreach (StudyRun run in left)
            {
                if (cancellation.IsCancellationRequested || most-- <= 0)
                {
                    return false;
                }

                try
                {
                    whole &= Make(run, cancellation);
                }
                catch (Exception exception) when (ErrorSentence.IsForUser(exception))
                {
                    whole = false;
                    Console.Error.WriteLine($"{run} failed: {ErrorSentence.Of(exception)}");
                }
            }
        }

        return whole;
    }

    /// <summary>Makes and measures a run, and adds its line; false where it was interrupted.</summary>
    private bool Make(StudyRun planned, CancellationToken cancellation)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        RunConfiguration run = Configuration(planned);
        var folder = new RunFolder(run.Output);
        bool begun = File.Exists(folder.SummaryPath) || folder.CanResume;
        Console.Error.WriteLine($"{DateTime.UtcNow:HH:mm:ss} {planned}{(begun ? ", goes on" : "")}");
        if (Trained(planned, run, folder, cancellation) is not { } finished)
        {
            return false;
        }

        JsonObject[] steps = [.. File.ReadLines(folder.MetricsPath).Select(line => JsonNode.Parse(line)!.AsObject())];
        JsonNode summary = JsonNode.Parse(File.ReadAllText(folder.SummaryPath))!;
        var line = new StudyLine(
            planned.Part.Name, planned.Method.Name, planned.Setting, planned.Seed, Measurement.Commit, (string)summary["device"]!,
            finished.Steps,
            (double)summary["seconds"]!, StudyRise.TrainLoss(steps), finished.Metrics)
        {
            Rise = StudyRise.Of(steps, planned.Method.TwoPasses),
        };
        if (planned.Seed < (ulong)planned.Part.LookedSeeds)
        {
            if (StudySharpness.Measure(device, planned.Method.Name, run, cancellation) is not { } figures)
            {
                return false;
            }

            line = line with { Sharpness = figures, Shifted = Shifted(run, folder, cancellation) };
        }

        (line with { ProcessorSeconds = begun ? null : (Environment.CpuUsage.TotalTime - before).TotalSeconds }).Append(results);
        return true;
    }

    private RunConfiguration Configuration(StudyRun planned)
    {
        ComparedMethod method = ComparedMethod.ParseList(planned.Method.Text(planned.Setting)).Single();
        string[] overrides =
        [
            .. planned.Part.Overrides.Select(setting => setting.Replace("{data}", Path.Combine(work, "data"), StringComparison.Ordinal)),
            "eval_strategy=no", "save_steps=50", "save_total_limit=1",
        ];
        RunConfiguration run = method.Load(Path.Combine(settings, planned.Part.RunFile), overrides);
        return run with { Seed = planned.Seed, Output = Path.Combine(work, planned.Part.Name, method.FolderName, $"seed-{planned.Seed}") };
    }

    /// <summary>The finished run, made where it is not there; null where it was interrupted.</summary>
    private ComparedRun? Trained(StudyRun planned, RunConfiguration run, RunFolder folder, CancellationToken cancellation)
    {
        if (Find() is { } there)
        {
            return there;
        }

        var options = new TrainerOptions { Resume = folder.CanResume, Overwrite = !folder.CanResume && !File.Exists(folder.SummaryPath) };
        using (var trainer = new Trainer(run, device, options))
        {
            if (trainer.Train(cancellation).Interrupted)
            {
                return null;
            }
        }

        return Find();

        ComparedRun? Find() => ComparedRun.Find(run.Output, planned.Seed, RunFingerprint.Of(run, ModelFolder.Open(run.Model)));
    }

    private Dictionary<string, double> Shifted(RunConfiguration run, RunFolder folder, CancellationToken cancellation)
    {
        TrainedModel model = TrainedModel.Of(run, folder.AdapterPath);
        return data.Shifted.ToDictionary(set => set.Key, set => new ModelEvaluation(model, new EvaluationSetup
        {
            Data = new DataSelection { Files = set.Value },
        }).Run(device, cancellation).Metrics["accuracy"]);
    }
}

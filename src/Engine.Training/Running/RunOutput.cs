using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Model;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Optim;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>
/// The folder of a run, as the run writes it: held against other writers, and never without a whole result that it had. A run that takes an
/// earlier one's place works in
/// <c>replacement/</c> until it is finished; then its files take the place of the earlier run's. Files that no run recorded as its own are
/// left where they are.
/// </summary>
internal sealed class RunOutput : IDisposable
{
    private readonly RunConfiguration run;
    private readonly OutputFolder output;
    private readonly RunFolder there;
    private OutputFolder work;

    private RunOutput(RunConfiguration run, OutputFolder output)
    {
        this.run = run;
        this.output = work = output;
        there = Folder = new RunFolder(run.Output);
    }

    /// <summary>Where the run writes: the output, or <c>replacement/</c> in it until the run is finished.</summary>
    public RunFolder Folder { get; private set; }

    /// <summary>The checkpoint to go on from; null for a run from nothing.</summary>
    public (long Step, string Folder)? ResumePoint { get; private set; }

    /// <summary>Takes the output for a run, before anything is read.</summary>
    /// <exception cref="ConfigurationException">The run's inputs lie where it writes.</exception>
    /// <exception cref="TrainingException">The folder is held by another process, holds a run that would be lost or files of others, or has
    /// nothing to resume.</exception>
    public static RunOutput Open(RunConfiguration run, TrainerOptions options)
    {
        if (options is { Resume: true, Overwrite: true })
        {
            throw new ConfigurationException(
                "To resume goes on with the run in the output folder, and to overwrite gives its place away; ask for one of them.");
        }

        if (File.Exists(run.Output))
        {
            throw new TrainingException(
                $"{Setting.Of("output")} is {run.Output}, which is a file; a folder was expected, and one that is not there yet is made.");
        }

        var opened = new RunOutput(run, Take(run.Output));
        try
        {
            opened.EndReplacement();
            opened.RequireApart();
            if (options.Resume)
            {
                opened.FindResumePoint();
            }
            else
            {
                opened.RequireMayStart(options.Overwrite || run.OverwriteOutputDir);
            }

            return opened;
        }
        catch (IOException exception)
        {
            opened.Dispose();
            throw new TrainingException(exception.Message, exception);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a run whose inputs lie where it writes; also before its turn comes.</summary>
    /// <exception cref="ConfigurationException">The message says which input.</exception>
    public static void RequireApart(RunConfiguration run)
    {
        if (Directory.Exists(run.Output))
        {
            using OutputFolder folder = Take(run.Output);
            new RunOutput(run, folder).RequireApart();
        }
    }

    /// <summary>Starts a run from nothing. An earlier run stays as it is.</summary>
    /// <param name="prepared">The run with what its data settled.</param>
    public void Begin(RunConfiguration prepared)
    {
        if (OfRuns(output).Any(IsWorthKeeping))
        {
            work = output.Inner(RunFolder.ReplacementName);
            Folder = there.Replacement;
        }

        work.Remove(OfRuns(work));
        work.Claim(Names());
        AtomicFile.WriteAllBytes(Folder.ConfigurationPath, Encoding.UTF8.GetBytes(prepared.ToYaml()));
    }

    /// <summary>Drops the lines of steps after a checkpoint, which a resumed run writes again.</summary>
    public void Rewind(long step)
    {
        work.Claim(Names());
        if (work == output && Directory.Exists(there.Replacement.FolderPath))
        {
            // A run that was to take this one's place and was stopped before its first checkpoint.
            using OutputFolder left = output.Inner(RunFolder.ReplacementName);
            left.Remove(OfRuns(left));
        }

        foreach (string path in (ReadOnlySpan<string>)[Folder.MetricsPath, Folder.EvaluationsPath])
        {
            RunFolder.KeepLines(path, (line, _) => RunFolder.StepOf(line) <= step);
        }
    }

    /// <summary>Writes a checkpoint and, when it is whole, removes the run's own that are more than are to be kept.</summary>
    /// <param name="write">Fills the checkpoint's folder.</param>
    /// <param name="best">The step of the best evaluation, whose checkpoint is kept.</param>
    public void WriteCheckpoint(long step, Action<string> write, int best)
    {
        string name = Path.GetFileName(Folder.CheckpointPath(step));
        work.Replace(whole => write(Path.Combine(whole, name)));
        if (run.SaveTotalLimit is int limit)
        {
            ILookup<string, string> own = work.Files.ToLookup(file => file.Split('/')[0]);
            work.Remove(Folder.Checkpoints
                .Where(entry => own.Contains(Path.GetFileName(entry.Folder)))
                .Skip(limit)
                .Where(entry => entry.Step != best)
                .SelectMany(entry => own[Path.GetFileName(entry.Folder)]));
        }
    }

    /// <summary>Writes what a run came to; returns the folder of its weights.</summary>
    /// <param name="writeWeights">Writes weights and configuration into a folder.</param>
    /// <param name="finished">The summary and what the run was computed from; null for a run that was interrupted.</param>
    public string Finish(Action<string> writeWeights, (JsonObject Summary, RunFingerprint Fingerprint)? finished)
    {
        work.Replace(whole =>
        {
            writeWeights(whole);
            if (finished is { } end)
            {
                var files = new RunFolder(whole);
                AtomicFile.WriteAllBytes(files.FingerprintPath, JsonSerializer.SerializeToUtf8Bytes(end.Fingerprint, RunFolder.Indented));
                AtomicFile.WriteAllBytes(files.SummaryPath, Encoding.UTF8.GetBytes(end.Summary.ToJsonString(RunFolder.Indented) + "\n"));
            }
        });
        if (finished is not null && work != output)
        {
            output.Adopt(work, OfRuns(output));
            (work, Folder) = (output, there);
        }

        if (finished is not null)
        {
            output.Settle();
        }

        return run.Adapter is null ? Folder.ModelPath : Folder.AdapterPath;
    }

    /// <summary>Lets the folder go.</summary>
    public void Dispose()
    {
        if (work != output)
        {
            work.Dispose();
        }

        output.Dispose();
    }

    private static OutputFolder Take(string path)
    {
        try
        {
            return OutputFolder.Open(path);
        }
        catch (OutputInUseException exception)
        {
            throw new TrainingException(exception.Message, exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new TrainingException(
                $"The run's folder {path} cannot be used: {exception.Message.TrimEnd('.')}. Choose another output.", exception);
        }
    }

    private static IEnumerable<string> OfRuns(OutputFolder folder) =>
        [.. folder.Files.Where(name => RunFolder.IsOfRun(name.Split('/')[0]))];

    /// <summary>A run that ended before its first step leaves nothing that can be used.</summary>
    private static bool IsWorthKeeping(string name) => name.Contains('/') || name == RunFolder.SummaryName || RunFolder.IsOfSteps(name);

    /// <summary>A run that was finished, and killed before it took the place of the one before it, takes it now.</summary>
    private void EndReplacement()
    {
        if (File.Exists(there.Replacement.SummaryPath))
        {
            using OutputFolder replacement = output.Inner(RunFolder.ReplacementName);
            if (replacement.Files.Contains(RunFolder.SummaryName))
            {
                output.Adopt(replacement, OfRuns(output));
            }
        }
    }

    private void FindResumePoint()
    {
        RunFolder replacement = there.Replacement;
        if (replacement.Checkpoints is [var newest, ..])
        {
            work = output.Inner(RunFolder.ReplacementName);
            (Folder, ResumePoint) = (replacement, newest);
        }
        else if (File.Exists(there.SummaryPath))
        {
            throw new TrainingException(
                $"{there.FolderPath} holds a finished run: nothing is left to go on with. "
                + $"Choose another output for a new one, or let this one give way ({Setting.Of("overwrite_output_dir", "true")}).")
            {
                Settings = [nameof(TrainerOptions.Overwrite)],
            };
        }
        else
        {
            bool isKept = OfRuns(output).Any(IsWorthKeeping);
            ResumePoint = there.Checkpoints is [var own, ..]
                ? own
                : throw new TrainingException(
                    $"{there.FolderPath} holds no checkpoint to resume from; start "
                    + (isKept
                        ? $"anew in its place ({Setting.Of("overwrite_output_dir", "true")}), or choose another output."
                        : "without resuming.")
                    + $" Set {Setting.Of("save_steps")} to write checkpoints more often.")
                {
                    Settings = [isKept ? nameof(TrainerOptions.Overwrite) : nameof(TrainerOptions.Resume)],
                };
        }

        work.RequireOwn(Names());
    }

    private void RequireMayStart(bool overwrite)
    {
        if (!overwrite)
        {
            string remedy =
                $"choose another output, or let it give way ({Setting.Of("overwrite_output_dir", "true")}), which keeps it until the new "
                    + "one is finished";
            string replacement = there.Replacement.Checkpoints is [var latest, ..]
                ? $" A run that was to take its place has a checkpoint at step {latest.Step}: continue that one by resuming."
                : "";
            if (File.Exists(there.SummaryPath))
            {
                throw Refusal($"a finished run; {remedy}", canResume: replacement.Length > 0);
            }

            if (there.Checkpoints is [var newest, ..])
            {
                throw Refusal(
                    $"an unfinished run with a checkpoint at step {newest.Step}. Continue it by resuming, {remedy}", canResume: true);
            }

            string[] left = [.. OfRuns(output).Where(IsWorthKeeping)];
            if (left.Length > 0 && left.All(RunFolder.IsOfSteps))
            {
                string came = $"an unfinished run that came to no checkpoint ({string.Join(", ", left)}), so that it cannot be resumed";
                throw Refusal($"{came}; {remedy}", canResume: replacement.Length > 0);
            }

            if (left.Length > 0)
            {
                string weights = $"weights that a run left ({there.AdapterPath} or {there.ModelPath})";
                throw Refusal($"{weights}; {remedy}", canResume: replacement.Length > 0);
            }

            TrainingException Refusal(string what, bool canResume) => new($"{there.FolderPath} holds {what}.{replacement}")
            {
                Settings = canResume
                    ? [nameof(TrainerOptions.Resume), nameof(TrainerOptions.Overwrite)]
                    : [nameof(TrainerOptions.Overwrite)],
            };
        }

        output.RequireOwn(
        [
            .. Names(),
            .. from entry in there.Checkpoints
               from name in TrainingCheckpoint.FileNames.Concat(WeightNames())
               select $"{Path.GetFileName(entry.Folder)}/{name}",
        ]);
    }

    private void RequireApart() => RunInputs.RequireApart(
        run,
        there.FolderPath,
        RunFolder.FileNamesOf(run),
        [
            run.Adapter is null ? RunFolder.ModelName : RunFolder.AdapterName,
            RunFolder.ReplacementName,
            .. there.Checkpoints.Select(entry => Path.GetFileName(entry.Folder)),
            .. OfRuns(output).Where(name => name.Contains('/')).Select(name => name.Split('/')[0]),
        ]);

    /// <summary>Every file that the run writes beside its checkpoints.</summary>
    private IEnumerable<string> Names() => RunFolder.FileNamesOf(run).Concat(WeightNames());

    private IEnumerable<string> WeightNames() => run.Adapter is null
        ? ((IEnumerable<string>)[ModelConfig.FileName, Checkpoint.SingleFileName, .. ModelFolder.TokenizerFiles]).Select(
            name => $"{RunFolder.ModelName}/{name}")
        : [$"{RunFolder.AdapterName}/{AdapterConfig.FileName}", $"{RunFolder.AdapterName}/{AdapterFile.WeightsFileName}"];
}

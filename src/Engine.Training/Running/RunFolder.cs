using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Model.Files;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>
/// What a run writes: <c>config.yaml</c> (the resolved run file), <c>config.json</c> (the model's, with the run's labels), <c>metrics.jsonl</c>
/// (a line per optimizer step), <c>evaluations.jsonl</c>, <c>checkpoint-N/</c>, <c>adapter/</c> or <c>model/</c>, and <c>summary.json</c> at the end.
/// </summary>
public sealed class RunFolder
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public RunFolder(string path) => FolderPath = path;

    public string FolderPath { get; }

    public string ConfigurationPath => Path.Combine(FolderPath, "config.yaml");

    public string MetricsPath => Path.Combine(FolderPath, "metrics.jsonl");

    public string EvaluationsPath => Path.Combine(FolderPath, "evaluations.jsonl");

    public string SummaryPath => Path.Combine(FolderPath, "summary.json");

    public string AdapterPath => Path.Combine(FolderPath, "adapter");

    public string ModelPath => Path.Combine(FolderPath, "model");

    /// <summary>The weights of the best evaluation, kept for <c>load_best_model_at_end</c>.</summary>
    public string BestPath => Path.Combine(FolderPath, "best.safetensors");

    /// <summary>Checkpoints, the newest first.</summary>
    public IReadOnlyList<(long Step, string Folder)> Checkpoints => !Directory.Exists(FolderPath)
        ? []
        : [.. Directory.EnumerateDirectories(FolderPath, "checkpoint-*")
            .Select(folder => (Parsed: long.TryParse(Path.GetFileName(folder)["checkpoint-".Length..], out long step), Step: step, Folder: folder))
            .Where(entry => entry.Parsed)
            .Select(entry => (entry.Step, entry.Folder))
            .OrderByDescending(entry => entry.Step)];

    public string CheckpointPath(long step) => Path.Combine(FolderPath, $"checkpoint-{step}");

    /// <summary>Whether there is a run's summary, or weights that one left.</summary>
    public bool HoldsRun => File.Exists(SummaryPath) || Directory.Exists(AdapterPath) || Directory.Exists(ModelPath);

    /// <summary>Sees that a new run does not take an unfinished one's place.</summary>
    /// <param name="overwrite">It may.</param>
    /// <exception cref="TrainingException">The folder holds an unfinished run, or is a file.</exception>
    public void RequireFinished(bool overwrite)
    {
        if (File.Exists(FolderPath))
        {
            throw new TrainingException($"output is {FolderPath}, which is a file; a folder was expected, and one that is not there yet is made.");
        }

        if (!overwrite && Checkpoints is [(long step, _), ..] && !File.Exists(SummaryPath))
        {
            throw new TrainingException(
                $"{FolderPath} holds an unfinished run with a checkpoint at step {step}. Continue it with --resume, choose another output, or let it give way with --overwrite (overwrite_output_dir: true).");
        }
    }

    /// <summary>Starts a run from nothing: an earlier run's files, its weights too, give way.</summary>
    /// <exception cref="TrainingException">The folder cannot be made.</exception>
    public void Begin(RunConfiguration run)
    {
        try
        {
            Directory.CreateDirectory(FolderPath);
        }
        catch (IOException exception)
        {
            throw new TrainingException($"The run's folder {FolderPath} cannot be made: {exception.Message.TrimEnd('.')}. Choose another output.", exception);
        }

        foreach (string folder in Directory.EnumerateDirectories(FolderPath, "checkpoint-*").Append(AdapterPath).Append(ModelPath).Where(Directory.Exists).ToArray())
        {
            Directory.Delete(folder, recursive: true);
        }

        foreach (string file in (ReadOnlySpan<string>)[MetricsPath, EvaluationsPath, SummaryPath, BestPath])
        {
            File.Delete(file);
        }

        AtomicFile.WriteAllBytes(ConfigurationPath, System.Text.Encoding.UTF8.GetBytes(run.ToYaml()));
    }

    /// <summary>Drops the lines of steps after a checkpoint, which a resumed run writes again.</summary>
    public void Rewind(long step)
    {
        File.Delete(SummaryPath);
        foreach (string path in (ReadOnlySpan<string>)[MetricsPath, EvaluationsPath])
        {
            if (!File.Exists(path))
            {
                continue;
            }

            IEnumerable<string> kept = File.ReadLines(path).Where(line => StepOf(line) is long written && written <= step);
            AtomicFile.WriteAllBytes(path, System.Text.Encoding.UTF8.GetBytes(string.Concat(kept.Select(line => line + "\n"))));
        }
    }

    /// <summary>Appends one JSON object as a line.</summary>
    public static void AppendLine(string path, JsonObject line) => File.AppendAllText(path, line.ToJsonString() + "\n");

    public void WriteSummary(JsonObject summary) =>
        AtomicFile.WriteAllBytes(SummaryPath, System.Text.Encoding.UTF8.GetBytes(summary.ToJsonString(Indented) + "\n"));

    /// <summary>The step a line belongs to; null for a line that a kill cut off.</summary>
    private static long? StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line)?["step"]?.GetValue<long>();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

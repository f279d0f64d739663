using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Training.Configuration;
using Engine.Training.Tracking;

namespace Engine.Training.Running;

/// <summary>
/// Where a run's files are: <c>config.yaml</c> (the resolved run file), <c>config.json</c> (the model's, with the run's labels),
/// <c>metrics.jsonl</c> (a line per optimizer step), <c>evaluations.jsonl</c>, <c>checkpoint-N/</c>, <c>adapter/</c> or <c>model/</c>, and
/// at the end <c>summary.json</c> and <c>fingerprint.json</c>.
/// </summary>
internal sealed class RunFolder
{
    internal const string SummaryName = "summary.json";
    internal const string AdapterName = "adapter";
    internal const string ModelName = "model";

    /// <summary>The folder inside in which a run works that is to take this one's place.</summary>
    internal const string ReplacementName = "replacement";

    private const string ConfigurationName = "config.yaml";
    private const string MetricsName = "metrics.jsonl";
    private const string EvaluationsName = "evaluations.jsonl";
    private const string FingerprintName = "fingerprint.json";
    private const string BestName = "best.safetensors";
    private const string CheckpointPrefix = "checkpoint-";

    internal static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public RunFolder(string path) => FolderPath = path;

    public string FolderPath { get; }

    public string ConfigurationPath => Path.Combine(FolderPath, ConfigurationName);

    public string MetricsPath => Path.Combine(FolderPath, MetricsName);

    public string EvaluationsPath => Path.Combine(FolderPath, EvaluationsName);

    public string SummaryPath => Path.Combine(FolderPath, SummaryName);

    /// <summary>What a finished run was computed from (<see cref="RunFingerprint"/>).</summary>
    public string FingerprintPath => Path.Combine(FolderPath, FingerprintName);

    public string AdapterPath => Path.Combine(FolderPath, AdapterName);

    public string ModelPath => Path.Combine(FolderPath, ModelName);

    /// <summary>The weights of the best evaluation, kept for <c>load_best_model_at_end</c>.</summary>
    public string BestPath => Path.Combine(FolderPath, BestName);

    /// <summary>The run that is to take this one's place and is not finished; its folder may be absent.</summary>
    public RunFolder Replacement => new(Path.Combine(FolderPath, ReplacementName));

    /// <summary>Checkpoints, the newest first; other folders of such a name are the user's own.</summary>
    public IReadOnlyList<(long Step, string Folder)> Checkpoints => !Directory.Exists(FolderPath)
        ? []
        : [.. Directory.EnumerateDirectories(FolderPath, CheckpointPrefix + "*")
            .Select(folder => (Parsed: long.TryParse(Path.GetFileName(folder)[CheckpointPrefix.Length..], out long step), Step: step,
                Folder: folder))
            .Where(entry => entry.Parsed && File.Exists(Path.Combine(entry.Folder, TrainingCheckpoint.StateFile)))
            .Select(entry => (entry.Step, entry.Folder))
            .OrderByDescending(entry => entry.Step)];

    /// <summary>Whether a run here can go on: it has a checkpoint and is not finished.</summary>
    public bool CanResume => Replacement.Checkpoints.Count > 0 || (Checkpoints.Count > 0 && !File.Exists(SummaryPath));

    public string CheckpointPath(long step) => Path.Combine(FolderPath, $"{CheckpointPrefix}{step}");

    /// <summary>Names of the files that a run writes beside its folders.</summary>
    internal static IReadOnlyList<string> FileNames { get; } =
    [
        ConfigurationName, Engine.Model.HuggingFace.ModelConfig.FileName, MetricsName, EvaluationsName, BestName, SummaryName,
        FingerprintName,
    ];

    /// <summary>The same, with the files that a run writes for other programs.</summary>
    internal static IReadOnlyList<string> FileNamesOf(RunConfiguration run) => [.. FileNames, .. MetricsLog.FileNames(run)];

    /// <summary>Whether a run, or a comparison that measures it, writes a file or folder of this name.</summary>
    internal static bool IsOfRun(string name) =>
        name is AdapterName or ModelName or Comparing.RunSharpness.FileName || name.StartsWith(CheckpointPrefix, StringComparison.Ordinal)
        || FileNames.Contains(name) || MetricsLog.Writes(name);

    /// <summary>Whether a file is there only where a step was taken.</summary>
    internal static bool IsOfSteps(string name) => name is MetricsName or BestName;

    /// <summary>Appends one JSON object as a line.</summary>
    public static void AppendLine(string path, JsonObject line) => File.AppendAllText(path, line.ToJsonString() + "\n");

    /// <summary>Leaves of a file, if it is there, the lines that are to be kept.</summary>
    /// <param name="keeps">Asked with each line and its number from 0.</param>
    internal static void KeepLines(string path, Func<string, int, bool> keeps)
    {
        if (File.Exists(path))
        {
            IEnumerable<string> kept = File.ReadLines(path).Where(keeps);
            AtomicFile.WriteAllBytes(path, Encoding.UTF8.GetBytes(string.Concat(kept.Select(line => line + "\n"))));
        }
    }

    /// <summary>The step a line belongs to; null for a line that a kill cut off.</summary>
    internal static long? StepOf(string line)
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

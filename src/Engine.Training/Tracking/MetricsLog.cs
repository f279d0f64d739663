using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Training.Configuration;

namespace Engine.Training.Tracking;

/// <summary>A file, beside metrics.jsonl, that another program's viewer reads a run's numbers from.</summary>
internal abstract class MetricsLog
{
    /// <summary>The group of a step's numbers, and of an evaluation's, as Transformers' trainer names them to its trackers.</summary>
    public const string Train = "train", Eval = "eval";

    private static readonly Dictionary<MetricsTarget, (string[] FileNames, Func<string, MetricsLog> Open)> Kinds = new()
    {
        [MetricsTarget.Csv] = ([CsvLog.MetricsName, CsvLog.EvaluationsName], folder => new CsvLog(folder)),
        [MetricsTarget.TensorBoard] = ([TensorBoardLog.FileName], folder => new TensorBoardLog(folder)),
    };

    /// <summary>Adds the numbers of a step or an evaluation.</summary>
    /// <param name="group"><see cref="Train"/> or <see cref="Eval"/>.</param>
    /// <param name="line">What metrics.jsonl or evaluations.jsonl has of it; null stands for a number that is not finite.</param>
    public abstract void Add(string group, JsonObject line);

    /// <summary>The logs that a run writes into its folder.</summary>
    public static IReadOnlyList<MetricsLog> Of(RunConfiguration run, string folder) =>
        [.. Targets(run).Select(target => Kinds[target].Open(folder))];

    /// <summary>The names of the files that a run writes for other programs.</summary>
    public static IEnumerable<string> FileNames(RunConfiguration run) => Targets(run).SelectMany(target => Kinds[target].FileNames);

    /// <summary>Whether a run may write a file of this name for another program.</summary>
    public static bool Writes(string name) => Kinds.Values.Any(kind => kind.FileNames.Contains(name));

    /// <summary>Takes away what was written of steps after this one, which a resumed run writes again.</summary>
    public abstract void Rewind(long step);

    /// <summary>A number of a line, whatever type it has there; null where it is none.</summary>
    protected static IConvertible? Number(JsonNode? value) =>
        value?.GetValueKind() == JsonValueKind.Number ? (IConvertible)value.GetValue<object>() : null;

    private static IEnumerable<MetricsTarget> Targets(RunConfiguration run) => (run.ReportTo ?? []).Distinct();
}

using System.Text.Json;
using System.Text.Json.Nodes;

namespace Engine.Training.Tracking;

/// <summary>A file, beside metrics.jsonl, that another program's viewer reads a run's numbers from.</summary>
internal abstract class MetricsLog
{
    /// <summary>The group of a step's numbers, and of an evaluation's, as Transformers' trainer names them to its trackers.</summary>
    public const string Train = "train", Eval = "eval";

    /// <summary>Adds the numbers of a step or an evaluation.</summary>
    /// <param name="group"><see cref="Train"/> or <see cref="Eval"/>.</param>
    /// <param name="line">What metrics.jsonl or evaluations.jsonl has of it; null stands for a number that is not finite.</param>
    public abstract void Add(string group, JsonObject line);

    /// <summary>The logs that a run writes into its folder.</summary>
    public static IReadOnlyList<MetricsLog> Of(IEnumerable<MetricsTarget> targets, string folder) => [.. targets.Distinct().Select(target => Of(target, folder))];

    /// <summary>The names of the files that are written for these.</summary>
    public static IReadOnlyList<string> FileNames(IEnumerable<MetricsTarget> targets) => [.. targets.Distinct().SelectMany(target => target switch
    {
        MetricsTarget.Csv => (string[])[CsvLog.MetricsName, CsvLog.EvaluationsName],
        _ => [TensorBoardLog.FileName],
    })];

    /// <summary>Takes away what was written of steps after this one, which a resumed run writes again.</summary>
    public abstract void Rewind(long step);

    /// <summary>A number of a line, whatever type it has there; null where it is none.</summary>
    protected static IConvertible? Number(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number ? (IConvertible)value.GetValue<object>() : null;

    private static MetricsLog Of(MetricsTarget target, string folder) => target switch
    {
        MetricsTarget.Csv => new CsvLog(folder),
        _ => new TensorBoardLog(folder),
    };
}

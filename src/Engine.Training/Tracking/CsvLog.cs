using System.Globalization;
using System.Text.Json.Nodes;
using Engine.Training.Running;

namespace Engine.Training.Tracking;

/// <summary>
/// metrics.csv with a row for each step, and evaluations.csv with a row for each evaluation; a number that is not finite is an empty cell.
/// </summary>
internal sealed class CsvLog(string folder) : MetricsLog
{
    public const string MetricsName = "metrics.csv", EvaluationsName = "evaluations.csv";

    /// <summary>Keys that not every line has.</summary>
    private static readonly string[] Occasional = ["loss_scale", "skipped"];

    public override void Add(string group, JsonObject line)
    {
        string path = PathOf(group);
        KeyValuePair<string, JsonNode?>[] cells = [.. line.Where(cell => !Occasional.Contains(cell.Key))];
        string header = File.Exists(path) ? "" : string.Join(',', cells.Select(cell => cell.Key)) + "\n";
        string row = string.Join(',', cells.Select(cell => Number(cell.Value)?.ToString(CultureInfo.InvariantCulture)));
        File.AppendAllText(path, $"{header}{row}\n");
    }

    public override void Rewind(long step)
    {
        foreach (string path in (string[])[PathOf(Train), PathOf(Eval)])
        {
            RunFolder.KeepLines(path, (line, index) => index == 0 || StepOf(line) <= step);
        }
    }

    private string PathOf(string group) => Path.Combine(folder, group == Train ? MetricsName : EvaluationsName);

    /// <summary>The step of a row; null for a row that a kill cut off. Steps are the first column.</summary>
    private static long? StepOf(string row) =>
        long.TryParse(row.AsSpan(0, Math.Max(0, row.IndexOf(','))), NumberStyles.None, CultureInfo.InvariantCulture, out long step)
            ? step
            : null;
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Training.Running;

namespace Engine.Training.Comparing;

/// <summary>An evaluation of a run.</summary>
public sealed record RunEvaluation(long Step, double Epoch, IReadOnlyDictionary<string, double?> Metrics);

/// <summary>A run of a comparison that came to its end: what its folder says of it.</summary>
/// <param name="Metrics">Of the weights it ended with; empty without validation data. Null where a metric is not defined.</param>
/// <param name="SecondsPerStep">Mean over the run but its first tenth, in which plans are made.</param>
public sealed record ComparedRun(
    ulong Seed,
    string Folder,
    long Steps,
    IReadOnlyDictionary<string, double?> Metrics,
    double SecondsPerStep,
    long PeakBytes,
    IReadOnlyList<RunEvaluation> Evaluations)
{
    /// <summary>Null where it was not asked for.</summary>
    public RunSharpness? Sharpness { get; init; }

    private const double WarmUpShare = 0.1;

    /// <summary>The finished run of a folder; null where there is none.</summary>
    /// <exception cref="TrainingException">It is a run of other settings, data or model, or its files are broken.</exception>
    internal static ComparedRun? Find(string folder, ulong seed, RunFingerprint now)
    {
        string path = new RunFolder(folder).FingerprintPath;
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            RunFingerprint then = JsonSerializer.Deserialize<RunFingerprint>(File.ReadAllBytes(path)) ?? throw new JsonException("null");
            return then.Difference(now) is { } difference
                ? throw new TrainingException($"{folder} holds a finished run that was made otherwise: {difference}. Delete the folder to "
                    + "run it anew, or choose another output.")
                : Read(folder, seed);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException
            or KeyNotFoundException)
        {
            throw new TrainingException(
                $"{folder}: the files of the finished run cannot be read ({exception.Message.TrimEnd('.')}). "
                    + "Delete the folder to run it anew.", exception);
        }
    }

    /// <summary>Training loss over the run, averaged over equal parts of it: the epoch in the middle of each part, and the loss.</summary>
    public IReadOnlyList<(double Epoch, double Loss)> LossCurve(int parts)
    {
        // A step without a label has no loss.
        (double Epoch, double Loss)[] steps = [.. Lines(new RunFolder(Folder).MetricsPath)
            .Where(line => line["loss"] is not null)
            .Select(line => (line["epoch"]!.GetValue<double>(), line["loss"]!.GetValue<double>()))];
        int size = Math.Max(1, (steps.Length + parts - 1) / parts);
        return [.. steps.Chunk(size).Select(part => (part.Average(step => step.Epoch), part.Average(step => step.Loss)))];
    }

    private static ComparedRun Read(string folder, ulong seed)
    {
        var files = new RunFolder(folder);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(files.SummaryPath))!;
        double[] seconds = [.. Lines(files.MetricsPath).Select(line => line["seconds"]!.GetValue<double>())];
        return new ComparedRun(
            seed,
            folder,
            summary["steps"]!.GetValue<long>(),
            summary["metrics"] is JsonObject metrics ? Numbers(metrics) : new Dictionary<string, double?>(),
            seconds.Skip((int)(seconds.Length * WarmUpShare)).DefaultIfEmpty(0).Average(),
            summary["peak_device_bytes"]!.GetValue<long>(),
            [.. Lines(files.EvaluationsPath)
                .Select(line => new RunEvaluation(line["step"]!.GetValue<long>(), line["epoch"]!.GetValue<double>(), Numbers(line)))]);
    }

    private static Dictionary<string, double?> Numbers(JsonObject values) => values
        .Where(pair => pair.Key is not ("step" or "epoch"))
        .ToDictionary(pair => pair.Key, pair => pair.Value?.GetValue<double>());

    private static IEnumerable<JsonObject> Lines(string path) =>
        File.Exists(path) ? File.ReadLines(path).Select(line => JsonNode.Parse(line)!.AsObject()) : [];
}

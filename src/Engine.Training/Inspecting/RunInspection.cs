using System.Text.Json;
using Engine.Common.Files;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Inspecting;

/// <summary>The folder of a run: what it trains, how far it is, what it came to.</summary>
/// <param name="Run">Its settings.</param>
/// <param name="Method">The training method's name.</param>
/// <param name="Checkpoints">Its checkpoints, the newest first.</param>
/// <param name="WeightsFolder">The adapter, or the fully tuned model; null where the run has not written it yet.</param>
/// <param name="Finished">Whether it came to its end.</param>
/// <param name="Replacement">The newest checkpoint of an unfinished run that is to take this one's place, and that run's folder; null for
/// none.</param>
/// <param name="Summary">The numbers and texts of its <c>summary.json</c>: whole numbers as <see cref="long"/>, others as
/// <see cref="double"/>; empty for a run that is not finished.</param>
public sealed record RunInspection(
    RunConfiguration Run,
    string Method,
    IReadOnlyList<(long Step, string Folder)> Checkpoints,
    string? WeightsFolder,
    bool Finished,
    (string RunFolder, long Step, string Folder)? Replacement,
    IReadOnlyList<KeyValuePair<string, object>> Summary) : Inspection
{
    internal static RunInspection Of(RunConfiguration run, RunFolder folder)
    {
        bool isFinished = File.Exists(folder.SummaryPath);
        RunFolder replacement = folder.Replacement;
        return new RunInspection(
            run,
            run.Method?.Name ?? Plain.MethodName,
            folder.Checkpoints,
            ((string[])[folder.AdapterPath, folder.ModelPath]).FirstOrDefault(Directory.Exists),
            isFinished,
            replacement.Checkpoints is [(long step, string newest), ..] ? (replacement.FolderPath, step, newest) : null,
            isFinished ? ReadSummary(folder.SummaryPath) : []);
    }

    private static IReadOnlyList<KeyValuePair<string, object>> ReadSummary(string path)
    {
        try
        {
            using JsonDocument summary = JsonDocument.Parse(File.ReadAllBytes(path));
            return
            [
                .. from property in summary.RootElement.EnumerateObject()
                   where property.Value.ValueKind is JsonValueKind.Number or JsonValueKind.String
                   select KeyValuePair.Create(property.Name, ValueOf(property.Value)),
            ];
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFileException(path, "the file is not the JSON object that a run writes at its end.", exception);
        }
    }

    private static object ValueOf(JsonElement value) => value.ValueKind != JsonValueKind.Number ? value.ToString()
        : value.TryGetInt64(out long whole) ? (object)whole
        : value.GetDouble();
}

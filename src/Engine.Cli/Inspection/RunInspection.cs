using System.Globalization;
using System.Text.Json;
using Engine.Cli.Html;
using Engine.Common.Files;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>Shows the folder of a run: what it trains, how far it is, what it came to.</summary>
internal static class RunInspection
{
    public static void Show(RunConfiguration run, RunFolder folder, IAnsiConsole console)
    {
        Grid facts = Tables.Facts();
        facts.Fact("model", run.Model);
        facts.Fact("training data", run.Data.Train.ToString());
        facts.Fact("method", run.Method?.Name ?? Plain.MethodName);
        facts.Fact("trains", run.Adapter is null ? "every parameter" : "an adapter");
        facts.Fact("dtype", run.Dtype.ToString().ToLowerInvariant());
        if (folder.Checkpoints is [(long step, string newest), ..])
        {
            facts.Fact("newest checkpoint", $"{newest} (step {step}; {folder.Checkpoints.Count} kept)");
        }

        facts.Fact("weights", Directory.Exists(folder.AdapterPath) ? folder.AdapterPath : Directory.Exists(folder.ModelPath) ? folder.ModelPath : "none yet");
        facts.Fact("state", File.Exists(folder.SummaryPath) ? "finished" : "not finished");
        if (folder.Replacement.Checkpoints is [(long reached, string latest), ..])
        {
            facts.Fact("to take its place", $"an unfinished run in {folder.Replacement.FolderPath}, newest checkpoint {latest} (step {reached})");
        }

        console.Write(facts);
        if (File.Exists(folder.SummaryPath))
        {
            ShowSummary(folder.SummaryPath, console);
        }
    }

    private static void ShowSummary(string path, IAnsiConsole console)
    {
        try
        {
            using JsonDocument summary = JsonDocument.Parse(File.ReadAllBytes(path));
            FittingTable table = Tables.Create("summary", ">value");
            foreach (JsonProperty property in summary.RootElement.EnumerateObject().Where(property => property.Value.ValueKind is JsonValueKind.Number or JsonValueKind.String))
            {
                table.Row(property.Name, Text(property.Value));
            }

            console.Write(table);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFileException(path, "the file is not the JSON object that a run writes at its end.", exception);
        }
    }

    private static string Text(JsonElement value) => value.ValueKind != JsonValueKind.Number ? value.ToString()
        : value.TryGetInt64(out long whole) ? whole.ToString("N0", CultureInfo.InvariantCulture)
        : ChartScale.Number(value.GetDouble());
}

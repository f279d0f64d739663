using System.Globalization;
using System.Text.Json.Nodes;

namespace Engine.Bench;

/// <summary>What a replication came to.</summary>
internal static class ReplicationReport
{
    /// <summary>
    /// Merges its comparisons, FOLDER/TASK/CONDITION/comparison.json: a JSON line for each method of each, without its single runs.
    /// </summary>
    public static void Merge(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "comparison.json", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal))
        {
            string[] place = Path.GetRelativePath(folder, path).Split(Path.DirectorySeparatorChar);
            JsonNode comparison = JsonNode.Parse(File.ReadAllText(path))!;
            foreach (JsonObject method in comparison["methods"]!.AsArray().Select(entry => entry!.AsObject()))
            {
                if (method["runs"]!.AsArray().Count + method["failed"]!.AsArray().Count == 0)
                {
                    continue;
                }

                var line = new JsonObject
                {
                    // Not the runs' commit: those of one part may be of several.
                    ["merged_at"] = Measurement.Commit,
                    ["task"] = place[0],
                    ["condition"] = place[1],
                    ["metric"] = comparison["metric"]!.DeepClone(),
                    ["device"] = Devices(Path.Combine(Path.GetDirectoryName(path)!, (string)method["method"]!)),
                };
                foreach ((string key, JsonNode? value) in method.Where(pair => pair.Key != "runs"))
                {
                    line[key] = value?.DeepClone();
                }

                line["finished_runs"] = method["runs"]!.AsArray().Count;
                Console.WriteLine(line.ToJsonString());
            }
        }
    }

    /// <summary>The devices that a method's runs were trained on: a part may have been moved from one machine to another.</summary>
    private static string Devices(string folder) =>
        string.Join(", ", Directory.EnumerateFiles(folder, "summary.json", SearchOption.AllDirectories)
            .Select(path => (string)JsonNode.Parse(File.ReadAllText(path))!["device"]!).Distinct().Order(StringComparer.Ordinal));

    /// <summary>
    /// Prints merged lines as Markdown, a table for each condition: of every task the metric, mean and sample deviation over the seeds, and
    /// by how much the loss rises in the full weights and in the adapter along the steepest ascent.
    /// </summary>
    public static void Tables(string path)
    {
        JsonObject[] lines = [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!.AsObject())];
        foreach (IGrouping<string, JsonObject> condition in lines.GroupBy(line => (string)line["condition"]!))
        {
            string[] tasks = [.. condition.Select(line => (string)line["task"]!).Distinct()];
            Console.WriteLine($"\n**{condition.Key}**\n");
            IEnumerable<string> columns = tasks.Select(
                task => $"{task}, {condition.First(line => (string)line["task"]! == task)["metric"]} | weights | adapter");
            Console.WriteLine($"| | {string.Join(" | ", columns)} |");
            Console.WriteLine($"|---|{string.Concat(Enumerable.Repeat("---|", 3 * tasks.Length))}");
            foreach (IGrouping<string, JsonObject> method in condition.GroupBy(line => (string)line["method"]!))
            {
                IEnumerable<string> cells = tasks.Select(task => method.FirstOrDefault(line => (string)line["task"]! == task) is { } line
                    ? $"{Number(line["metrics"]![(string)line["metric"]!])} | {Number(line["sharpness"]!["weights"]!["ascent"])} "
                        + $"| {Number(line["sharpness"]!["adapter"]!["ascent"])}"
                    : "| |");
                Console.WriteLine($"| {method.Key} | {string.Join(" | ", cells)} |");
            }
        }
    }

    private static string Number(JsonNode? mean) => mean is null
        ? string.Empty
        : mean["deviation"] is { } deviation
            ? string.Create(CultureInfo.InvariantCulture, $"{(double)mean["mean"]!:F3} ± {(double)deviation:F3}")
            : string.Create(CultureInfo.InvariantCulture, $"{(double)mean["mean"]!:F3}");
}

using System.Text.Json.Nodes;

namespace Engine.Bench;

/// <summary>Merges the comparisons of a replication, FOLDER/TASK/CONDITION/comparison.json: a JSON line for each method of each, without its single runs.</summary>
internal static class ReplicationReport
{
    public static void Run(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "comparison.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            string[] place = Path.GetRelativePath(folder, path).Split(Path.DirectorySeparatorChar);
            JsonNode comparison = JsonNode.Parse(File.ReadAllText(path))!;
            foreach (JsonObject method in comparison["methods"]!.AsArray().Select(entry => entry!.AsObject()))
            {
                if (method["runs"]!.AsArray().Count + method["failed"]!.AsArray().Count == 0)
                {
                    continue;
                }

                var line = new JsonObject { ["commit"] = Measurement.Commit, ["task"] = place[0], ["condition"] = place[1], ["device"] = comparison["device"]!.DeepClone() };
                foreach ((string key, JsonNode? value) in method.Where(pair => pair.Key != "runs"))
                {
                    line[key] = value?.DeepClone();
                }

                line["finished_runs"] = method["runs"]!.AsArray().Count;
                Console.WriteLine(line.ToJsonString());
            }
        }
    }
}

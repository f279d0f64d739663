using Engine.Common;
using Engine.Optim;

namespace Engine.Training.Configuration;

/// <summary>Puts settings (<c>key.sub=value</c>) in place of the run file's, before anything is checked.</summary>
internal static class RunFileOverrides
{
    /// <exception cref="ConfigurationException">No equals sign, or a key below something that is no map.</exception>
    public static void Apply(MapNode root, string setting)
    {
        int equals = setting.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw new ConfigurationException($"override {setting}: expected key=value, such as learning_rate=1e-4 or adapter.r=16.");
        }

        string dottedKey = setting[..equals].Trim();
        string location = LocationOf(dottedKey);
        string[] keys = dottedKey.Split('.');
        MapNode map = root;
        foreach (string key in keys[..^1])
        {
            map = Descend(map, key, location);
        }

        map.Items[keys[^1]] = RunFileParser.ParseText(setting[(equals + 1)..], _ => location);
    }

    /// <summary>Where an override stands, for messages.</summary>
    public static string LocationOf(string dottedKey) => $"override {dottedKey}";

    private static MapNode Descend(MapNode map, string key, string location)
    {
        MapNode inner = map.Find(key) switch
        {
            MapNode existing => existing,
            null => new MapNode([], location),
            // method: flat-lora is short for method: {name: flat-lora}.
            ScalarNode name when key == "method" =>
                new MapNode(new OrderedDictionary<string, ConfigNode> { ["name"] = name }, name.Location),
            { } other => throw new ConfigurationException($"{location}: '{key}' ({other.Location}) has no keys below it."),
        };
        map.Items[key] = inner;
        return inner;
    }
}

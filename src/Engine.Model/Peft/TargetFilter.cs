using System.Globalization;
using System.Text.RegularExpressions;

namespace Engine.Model.Peft;

/// <summary>Which modules one configuration chooses and leaves out, with its regular expressions compiled once.</summary>
internal sealed class TargetFilter
{
    private readonly AdapterConfig config;
    private readonly PythonRegex[] saved;
    private readonly PythonRegex[] layerPatterns;

    public TargetFilter(AdapterConfig config)
    {
        this.config = config;
        saved = config.CompletedModulesToSave.Select(SavedPattern).ToArray();
        IEnumerable<string> layerLists = config.LayersPattern.Count == 0 ? ["[^.]*"] : config.LayersPattern;
        layerPatterns = layerLists.Select(Pattern).ToArray();
    }

    public bool IsExcluded(string module) =>
        config.ExcludeModules?.Matches(module) == true || this.saved.Any(saved => saved.IsMatch(module));

    public bool IsTarget(string module)
    {
        ModulePattern targets = config.TargetModules!;
        if (!targets.Matches(module))
        {
            return false;
        }

        // A module named in full is taken whatever its layer, as in PEFT.
        return config.LayersToTransform.Count == 0 || targets.Names?.Contains(module) == true
            || (LayerOf(module) is { } layer && config.LayersToTransform.Contains(layer));
    }

    /// <summary>The number of the layer a module lies in, by the first list of layers that has it; null for none.</summary>
    public int? LayerOf(string module) =>
        layerPatterns.Select(pattern => Number(pattern.Find(module))).FirstOrDefault(layer => layer is not null);

    /// <summary>The number of the layer a module lies in, where the list of layers has that name (a regular expression).</summary>
    public static int? LayerOf(string module, string layerList) => Number(Pattern(layerList).Find(module));

    /// <summary>The names of the lists of layers a module lies in.</summary>
    public static IEnumerable<string> LayerLists(string module)
    {
        string[] parts = module.Split('.');
        return parts.Zip(parts.Skip(1)).Where(pair => pair.Second.All(char.IsAsciiDigit)).Select(pair => pair.First);
    }

    /// <summary>Matches what lies in a module that is saved whole.</summary>
    public static PythonRegex SavedPattern(string name) => PythonRegex.Around(@"(^|.*\.)", name, @"($|\..*)");

    /// <summary>Matches what lies in a list of layers, and has the layer's number.</summary>
    public static PythonRegex Pattern(string layerList) => PythonRegex.Around(@".*\.", layerList, @"\.(?P<layer>\d+)\.");

    private static int? Number(Match match) =>
        match.Success && int.TryParse(match.Groups["layer"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
            ? layer
            : null;
}

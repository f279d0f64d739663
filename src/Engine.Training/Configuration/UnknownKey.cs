using Engine.Common;
using Engine.Optim;

namespace Engine.Training.Configuration;

/// <summary>What to say of a key that a section of the run file does not have.</summary>
internal static class UnknownKey
{
    /// <summary>More names than this are not read by anybody; the page that lists them with their meaning is named instead.</summary>
    private const int MostListed = 16;

    /// <summary>The end of a sentence: where the key belongs, what became of it here, or which one was probably meant.</summary>
    /// <param name="section">The dotted section with a dot behind it; empty for the whole file.</param>
    /// <param name="name">The key.</param>
    /// <param name="value">What stands behind it.</param>
    /// <param name="known">The section's keys.</param>
    public static string Explain(string section, string name, ConfigNode value, IReadOnlyCollection<string> known)
    {
        if (name.Contains('.', StringComparison.Ordinal) && RunFileReference.Entries.Any(entry => entry.Name == name))
        {
            string[] parts = name.Split('.', 2);
            return $"keys of a section stand below it: write '{parts[0]}:' and, indented below it, '{parts[1]}:'.";
        }

        if (RunFileReference.Entries.FirstOrDefault(entry => entry.Name.Split('.')[^1] == name) is { } elsewhere)
        {
            return elsewhere.Name == name
                ? $"it belongs to the run file itself: write it at the left margin, not below '{section.TrimEnd('.')}:'."
                : $"it belongs to another section: write it below '{elsewhere.Name.Split('.')[0]}:', as {elsewhere.Name}.";
        }

        if (TransformersKeys.NameHere(name) is { } here)
        {
            return Renamed(section, here);
        }

        if (TransformersKeys.Find(name, value) is { } explanation)
        {
            return explanation;
        }

        if (RunFileReference.MethodsWith(name) is [_, ..] methods)
        {
            return $"it belongs to the training {OfMethods(methods)}: write it below 'method:', beside the method's name.";
        }

        return NearestName.Find(name, known) is { } nearest ? $"did you mean '{nearest}'?"
            : known.Count <= MostListed ? $"known are {string.Join(", ", known)}."
            : "docs/run-file.md lists the keys with their meaning.";
    }

    /// <summary>The same of a key that a training method does not have.</summary>
    public static string ExplainOfMethod(string method, string name, ConfigNode value, IReadOnlyCollection<string> known)
    {
        if (NearestName.Find(name, known) is null)
        {
            if (RunFileReference.MethodsWith(name) is [_, ..] others)
            {
                string own = known.Count == 0 ? $"{method} has none" : NearestName.Hint(name, known);
                return $"it belongs to the {OfMethods(others)}; {own}.";
            }

            if (RunFileReference.Entries.Any(entry => entry.Name.Split('.')[^1] == name))
            {
                return Explain("method.", name, value, known);
            }
        }

        return $"{NearestName.Hint(name, known)}.";
    }

    private static string OfMethods(IReadOnlyList<string> names) =>
        $"{(names.Count == 1 ? "method" : "methods")} {string.Join(", ", names)}";

    /// <summary>What a key is called here, where that stands, and which words it takes: they have other names here, too.</summary>
    private static string Renamed(string section, string here)
    {
        string place = section.Length > 0 && !here.Contains('.', StringComparison.Ordinal)
            ? $" and stands at the left margin, not below '{section.TrimEnd('.')}:'"
            : "";
        string words = here == "task" ? $" Its values are {RunFileReference.Entries.First(entry => entry.Name == here).Type}." : "";
        return $"it is called '{here}' here{place}.{words}";
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.HuggingFace;

/// <summary>The classes of a classifier by number (<c>id2label</c>).</summary>
internal sealed class LabelSet
{
    /// <summary>As many as any published classifier has, and far below what could exhaust memory.</summary>
    internal const int MaxLabels = 1_000_000;

    /// <summary>Classes of the given names, numbered from 0.</summary>
    /// <exception cref="ArgumentException">There is no name, or two are equal.</exception>
    public LabelSet(params IReadOnlyList<string> names)
        : this([.. names], [])
    {
        if (names.Count == 0)
        {
            throw new ArgumentException("a classifier needs at least one label.");
        }

        if (Repeated is { } twice)
        {
            throw new ArgumentException($"the label '{twice}' is given twice.");
        }
    }

    private LabelSet(string[] names, IReadOnlyList<string> notes)
    {
        Names = names;
        Notes = notes;
    }

    /// <summary>The number of classes: the width of the classifier's output.</summary>
    public int Count => Names.Count;

    /// <summary>The names, by class number; those of a configuration may repeat one (<see cref="Repeated"/>).</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>What is odd about the configuration that the labels were read from, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>A name that several classes have; null where each has its own.</summary>
    public string? Repeated => Names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key;

    /// <summary>Whether the names are those Transformers makes up: <c>LABEL_0</c>, <c>LABEL_1</c>, ...</summary>
    public bool IsUnnamed => Names.Select((name, i) => name == UnnamedLabel(i)).All(made => made);

    /// <summary>Classes named as Transformers does: <c>LABEL_0</c>, <c>LABEL_1</c>, ...</summary>
    public static LabelSet Unnamed(int count) => new([.. Enumerable.Range(0, count).Select(UnnamedLabel)], []);

    /// <summary>
    /// Reads <c>id2label</c> and <c>num_labels</c> as Transformers does (<c>PretrainedConfig.__init__</c>): <c>id2label</c> decides where
    /// both are there, its keys are class numbers in any order, its values any scalar, and without it <c>num_labels</c> classes have
    /// made-up names. A class that no entry names gets such a name, too, and <see cref="Notes"/> say so.
    /// </summary>
    internal static LabelSet Read(JsonSection root)
    {
        const int CountOfTransformers = 2;
        JsonSection? byNumber = root.OptionalSection("id2label");
        int? number = root.OptionalInt("num_labels");
        if (byNumber is null or { Content.Count: 0 })
        {
            if (number is < 1 or > MaxLabels)
            {
                throw root.Wrong("num_labels", $"a number from 1 to {MaxLabels}");
            }

            LabelSet unnamed = Unnamed(number ?? CountOfTransformers);
            return byNumber is not null || root.OptionalSection("label2id") is { Content.Count: > 0 }
                ? new LabelSet(
                    [.. unnamed.Names],
                    [$"{root.FilePath} has no entries of id2label, which names the classes; they are called LABEL_0, LABEL_1, ..."])
                : unnamed;
        }

        List<string> notes = [];
        SortedDictionary<int, string?> named = Entries(byNumber);
        if (number is not null && number != named.Count)
        {
            notes.Add(
                $"{root.FilePath}: num_labels is {number}, but id2label has {named.Count} entries; there are {named.Count} classes, "
                    + $"as in Transformers.");
        }

        string[] names = [.. Enumerable.Range(0, named.Count).Select(i => named.GetValueOrDefault(i) ?? UnnamedLabel(i))];
        int[] missing = [.. Enumerable.Range(0, names.Length).Where(i => named.GetValueOrDefault(i) is null)];
        if (missing.Length > 0)
        {
            notes.Add(
                $"{root.FilePath}: id2label has the keys {Shown(named.Keys)}, and classes are numbered from 0 to {names.Length - 1}; "
                + $"{Shown(missing)} {(missing.Length == 1 ? "has no name there and is" : "have no name there and are")} "
                + $"called {Shown(missing.Select(UnnamedLabel))}.");
        }

        LabelSet labels = new(names, notes);
        return labels.Repeated is { } twice
            ? new LabelSet(names, [.. notes, $"{root.FilePath}: id2label calls several classes '{twice}'."])
            : labels;
    }

    /// <summary>The entries by class number; null for one that names nothing.</summary>
    private static SortedDictionary<int, string?> Entries(JsonSection byNumber)
    {
        SortedDictionary<int, string?> named = [];
        foreach ((string key, JsonNode? node) in byNumber.Content)
        {
            if (!int.TryParse(key, NumberStyles.Integer, CultureInfo.InvariantCulture, out int id))
            {
                throw new ModelFileException(
                    byNumber.FilePath, $"id2label has the key '{key}'; the numbers of classes, from 0 on, were expected.");
            }

            // Python takes "01" for 1, and the later entry.
            named[id] = node?.GetValueKind() switch
            {
                JsonValueKind.String => node.GetValue<string>(),
                JsonValueKind.Number => PythonJson.Shown(node.ToJsonString()),
                JsonValueKind.True => "True",
                JsonValueKind.False => "False",
                null => null,
                _ => throw byNumber.Wrong(key, "a label: a text or a number"),
            };
        }

        return named.Count <= MaxLabels
            ? named
            : throw new ModelFileException(byNumber.FilePath, $"id2label has {named.Count} entries; at most {MaxLabels} were expected.");
    }

    private static string UnnamedLabel(int id) => $"LABEL_{id}";

    private static string Shown<T>(IEnumerable<T> items)
    {
        const int Most = 6;
        T[] shown = [.. items.Take(Most + 1)];
        return string.Join(", ", shown.Take(Most)) + (shown.Length > Most ? ", ..." : string.Empty);
    }
}

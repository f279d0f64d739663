using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Model.Files;

namespace Engine.Model.HuggingFace;

/// <summary>The classes of a classifier by number (<c>id2label</c>).</summary>
public sealed class LabelSet
{
    /// <summary>As many as any published classifier has, and far below what could exhaust memory.</summary>
    internal const int MaxLabels = 1_000_000;

    /// <summary>Classes of the given names, numbered from 0.</summary>
    /// <exception cref="ArgumentException">There is no name, or two are equal.</exception>
    public LabelSet(params IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            throw new ArgumentException("a classifier needs at least one label.");
        }

        string? twice = names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key;
        if (twice is not null)
        {
            throw new ArgumentException($"the label '{twice}' is given twice.");
        }

        Names = names.ToArray();
    }

    /// <summary>The number of classes: the width of the classifier's output.</summary>
    public int Count => Names.Count;

    /// <summary>The names, by class number.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Whether the names are those Transformers makes up: <c>LABEL_0</c>, <c>LABEL_1</c>, ...</summary>
    public bool IsUnnamed => Names.Select((name, i) => name == $"LABEL_{i}").All(made => made);

    /// <summary>Classes named as Transformers does: <c>LABEL_0</c>, <c>LABEL_1</c>, ...</summary>
    public static LabelSet Unnamed(int count) => new(Enumerable.Range(0, count).Select(i => $"LABEL_{i}").ToArray());

    internal static LabelSet Read(JsonSection root)
    {
        const int CountOfTransformers = 2;
        int? number = root.OptionalInt("num_labels");
        if (number is < 1 or > MaxLabels)
        {
            throw root.Wrong("num_labels", $"a number from 1 to {MaxLabels}");
        }

        JsonSection? byNumber = root.OptionalSection("id2label");
        if (byNumber is null)
        {
            return Unnamed(number ?? CountOfTransformers);
        }

        if (number is not null && number != byNumber.Content.Count)
        {
            throw root.Wrong("num_labels", $"{byNumber.Content.Count}, the number of entries of id2label,");
        }

        string[] names = new string[byNumber.Content.Count];
        foreach ((string key, JsonNode? node) in byNumber.Content)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= names.Length || names[id] is not null)
            {
                throw new ModelFileException(root.FilePath, $"id2label has the key '{key}'; the numbers 0 to {names.Length - 1}, each once, were expected.");
            }

            names[id] = node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : throw byNumber.Wrong(key, "a label as a string");
        }

        try
        {
            return new LabelSet(names);
        }
        catch (ArgumentException exception)
        {
            throw new ModelFileException(root.FilePath, $"id2label: {exception.Message}", exception);
        }
    }
}

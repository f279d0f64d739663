using Engine.Model.Batching;
using System.Globalization;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>The classes of a classification task: their names in the order of the model's outputs.</summary>
public sealed class LabelVocabulary
{
    private readonly Dictionary<string, int> indices;

    private LabelVocabulary(IReadOnlyList<string> names, Dictionary<string, int> indices, string origin)
    {
        Names = names;
        this.indices = indices;
        Origin = origin;
    }

    /// <summary>Class names by index, as they go into <c>id2label</c>.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The number of classes.</summary>
    public int Count => Names.Count;

    /// <summary>Where the names come from, for messages: "the run file", "the model's id2label" or the training file.</summary>
    public string Origin { get; }

    /// <summary>
    /// Classes in the order given by the run file; else by the model's <c>id2label</c>, where every training label is one of its names (or
    /// the labels are exactly the numbers 0 ... classes - 1 and so mean its names); else those that occur, sorted, numbers by value.
    /// </summary>
    /// <param name="train">The training rows, with labels.</param>
    /// <param name="configured"><c>data.labels</c> of the run file, or null.</param>
    /// <param name="modelLabels">The names of the model's <c>id2label</c> by index, or null.</param>
    /// <exception cref="DataFileException">A label outside the configured ones, an empty label, or a single class.</exception>
    public static LabelVocabulary Build(ExampleSet train, IReadOnlyList<string>? configured = null, IReadOnlyList<string>? modelLabels = null)
    {
        if (configured is not null)
        {
            LabelVocabulary given = FromNames(configured, "the run file's labels");
            given.Encode(train);
            return given;
        }

        List<string> seen = Distinct(train);
        if (modelLabels is not null && FromModel(seen, modelLabels) is { } matching)
        {
            return matching;
        }

        if (seen.Count < 2)
        {
            throw new DataFileException(train.Path, $"every row has the label '{seen[0]}'; a classifier needs at least two. Name them all in data.labels if the others are only rare.");
        }

        return FromNames(Sort(train, seen), $"the labels of {Path.GetFileName(train.Path)}");
    }

    /// <summary>Classes named by a model's <c>id2label</c>, for evaluation and prediction; numbers 0 ... count - 1 are read as indices unless they are names themselves.</summary>
    public static LabelVocabulary FromModel(IReadOnlyList<string> modelLabels)
    {
        LabelVocabulary vocabulary = FromNames(modelLabels, "the model's id2label");
        vocabulary.AddIndexAliases();
        return vocabulary;
    }

    /// <summary>The class index of every row.</summary>
    /// <exception cref="DataFileException">A label that is no class; the message names the nearest class.</exception>
    public int[] Encode(ExampleSet set)
    {
        int[] labels = new int[set.Count];
        for (int i = 0; i < labels.Length; i++)
        {
            Example example = set.Examples[i];
            string label = LabelOf(set, example);
            labels[i] = indices.TryGetValue(label, out int index)
                ? index
                : throw new DataFileException(set.Path, example.Line, $"the label '{label}' is not among {Origin}: {NearestName.Hint(label, [.. Names])}.");
        }

        return labels;
    }

    private static LabelVocabulary FromNames(IReadOnlyList<string> names, string origin)
    {
        Dictionary<string, int> indices = new(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
        {
            if (!indices.TryAdd(names[i], i))
            {
                throw new ConfigurationException($"{origin}: the label '{names[i]}' is there twice; every class needs its own name.");
            }
        }

        return new LabelVocabulary([.. names], indices, origin);
    }

    private static LabelVocabulary? FromModel(List<string> seen, IReadOnlyList<string> modelLabels)
    {
        if (modelLabels.Distinct(StringComparer.Ordinal).Count() != modelLabels.Count)
        {
            return null;
        }

        if (seen.TrueForAll(modelLabels.Contains))
        {
            return FromNames(modelLabels, "the model's id2label");
        }

        // LABEL_0, LABEL_1 ... are Transformers' placeholders and say less than the labels themselves.
        bool placeholders = modelLabels.Select((name, i) => name == $"LABEL_{i}").All(equal => equal);
        bool isIndices = seen.Count == modelLabels.Count && seen.TrueForAll(label => Enumerable.Range(0, modelLabels.Count).Any(i => label == i.ToString(CultureInfo.InvariantCulture)));
        return isIndices && !placeholders ? FromModel(modelLabels) : null;
    }

    private void AddIndexAliases()
    {
        for (int i = 0; i < Names.Count; i++)
        {
            indices.TryAdd(i.ToString(CultureInfo.InvariantCulture), i);
        }
    }

    private static List<string> Distinct(ExampleSet train) =>
        [.. train.Examples.Select(example => LabelOf(train, example)).Distinct(StringComparer.Ordinal)];

    private static string LabelOf(ExampleSet set, Example example) => example.Label switch
    {
        null => throw new DataFileException(set.Path, example.Line, "the row was read without a label; name the label column in data.label."),
        "" => throw new DataFileException(set.Path, example.Line, "the label is empty; every row needs one."),
        string label => label,
    };

    private static IReadOnlyList<string> Sort(ExampleSet train, List<string> labels)
    {
        List<(string Text, double Value)> numbers = [];
        foreach (string label in labels)
        {
            if (double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
            {
                numbers.Add((label, value));
            }
        }

        if (numbers.Count < labels.Count)
        {
            return [.. labels.Order(StringComparer.Ordinal)];
        }

        string? fraction = numbers.FirstOrDefault(number => number.Value != Math.Floor(number.Value)).Text;
        return fraction is null
            ? [.. numbers.OrderBy(number => number.Value).ThenBy(number => number.Text, StringComparer.Ordinal).Select(number => number.Text)]
            : throw new DataFileException(train.Path, $"the label '{fraction}' is a number with a fraction, which names no class; set task: regression, or name the classes in data.labels.");
    }
}

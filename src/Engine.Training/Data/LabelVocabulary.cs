using Engine.Common;
using Engine.Model.Batching;
using System.Globalization;
using Engine.Common.Keys;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>
/// The classes of a classification task: their names in the order of the model's outputs. <see cref="ClassLabel.Key"/> says which labels
/// are one class; a class that the training data names is called as the data writes it, and where it writes it in several ways, by the
/// shortest form of the number.
/// </summary>
internal sealed class LabelVocabulary
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

    /// <summary>Where the names come from, for messages: the run file, the model or the training files.</summary>
    public string Origin { get; }

    /// <summary>
    /// Classes in the order given by the run file; else by the model's <c>id2label</c>, where every training label is one of its names (or
    /// the labels are exactly the numbers 0 ... classes - 1 and so mean its names); else in the order in which the training files name them
    /// (<see cref="ExampleSet.ClassNames"/>); else those that occur, sorted, numbers by value.
    /// </summary>
    /// <param name="train">The training rows, with labels.</param>
    /// <param name="configured"><c>data.labels</c> of the run file, or null.</param>
    /// <param name="modelLabels">The names of the model's <c>id2label</c> by index, or null.</param>
    /// <exception cref="DataFileException">A label outside the configured ones, an empty label, or a single class.</exception>
    public static LabelVocabulary Build(
        ExampleSet train, IReadOnlyList<string>? configured = null, IReadOnlyList<string>? modelLabels = null)
    {
        if (configured is not null)
        {
            LabelVocabulary given = FromNames(configured, $"{Setting.Of("data.labels")}");
            given.AddIndexAliases(train);
            _ = train.Examples[0].Labels is null ? given.Encode(train).Length : given.EncodeLists(train).Length;
            return given;
        }

        List<string> seen = Distinct(train);
        if (seen.Count == 0)
        {
            throw new DataFileException(train.Files.ToString(), "no row has a label; a classifier needs classes.");
        }

        if (modelLabels is not null && FromModel(seen, modelLabels) is { } matching)
        {
            return matching;
        }

        if (train.ClassNames is { } named && Covers(named, seen))
        {
            return FromNames(named, "the classes that the training data names");
        }

        if (seen.Count < 2)
        {
            throw new DataFileException(
                train.Files.ToString(),
                $"every row has the label '{seen[0]}'; a classifier needs at least two. "
                    + $"Name them all in {Setting.Of("data.labels")} if the others are only rare.");
        }

        return FromNames(Sort(train, seen), $"the labels of {string.Join(", ", train.Files.Paths.Select(NameOf))}");
    }

    /// <summary>
    /// Classes named by a model's <c>id2label</c>, for evaluation and prediction; numbers 0 ... count - 1 are read as indices unless they
    /// are names themselves.
    /// </summary>
    public static LabelVocabulary FromModel(IReadOnlyList<string> modelLabels)
    {
        LabelVocabulary vocabulary = FromNames(modelLabels, "the classes of the model");
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
            labels[i] = IndexOf(set.Examples[i], LabelOf(set.Examples[i]));
        }

        return labels;
    }

    /// <summary>The class indices of every row's list of labels.</summary>
    /// <exception cref="DataFileException">A label that is no class; the message names the nearest class.</exception>
    public int[][] EncodeLists(ExampleSet set) =>
        [.. set.Examples.Select(example => LabelsOf(example).Select(label => IndexOf(example, label)).ToArray())];

    /// <summary>For each row and class 1 where the row's list has the class, else 0, [rows, classes].</summary>
    /// <exception cref="DataFileException">A label that is no class; the message names the nearest class.</exception>
    public float[] EncodeIndicators(ExampleSet set)
    {
        float[] indicators = new float[set.Count * Count];
        foreach ((int row, int[] classes) in EncodeLists(set).Index())
        {
            foreach (int index in classes)
            {
                indicators[(row * Count) + index] = 1;
            }
        }

        return indicators;
    }

    private static string NameOf(string path) => ExampleNames.Find(path) ?? Path.GetFileName(path);

    private int IndexOf(Example example, string label) => indices.TryGetValue(ClassLabel.Key(label), out int index)
        ? index
        : throw example.Place.Wrong($"the label '{label}' is not among {Origin}: {NearestName.Hint(label, [.. Names])}.");

    private static LabelVocabulary FromNames(IReadOnlyList<string> names, string origin)
    {
        Dictionary<string, int> indices = new(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
        {
            if (!indices.TryAdd(ClassLabel.Key(names[i]), i))
            {
                string other = names[indices[ClassLabel.Key(names[i])]];
                throw new ConfigurationException(other == names[i]
                    ? $"{origin}: the label '{other}' is there twice; every class needs its own name."
                    : $"{origin}: the labels '{other}' and '{names[i]}' are one class, since they are the same but for the way they are "
                        + "written; every class needs its own name.");
            }
        }

        return new LabelVocabulary([.. names], indices, origin);
    }

    private static bool Covers(IReadOnlyList<string> names, List<string> seen)
    {
        HashSet<string> keys = [.. names.Select(ClassLabel.Key)];
        return seen.TrueForAll(label => keys.Contains(ClassLabel.Key(label)));
    }

    private static LabelVocabulary? FromModel(List<string> seen, IReadOnlyList<string> modelLabels)
    {
        string[] keys = [.. modelLabels.Select(ClassLabel.Key)];
        if (keys.Distinct(StringComparer.Ordinal).Count() != keys.Length)
        {
            return null;
        }

        if (Covers(modelLabels, seen))
        {
            return FromNames(modelLabels, "the classes of the model");
        }

        // LABEL_0, LABEL_1 ... are Transformers' placeholders and say less than the labels themselves.
        bool placeholders = modelLabels.Select((name, i) => name == $"LABEL_{i}").All(equal => equal);
        bool isIndices = seen.Count == modelLabels.Count
            && seen.TrueForAll(
                label => Enumerable.Range(0, modelLabels.Count)
                    .Any(i => ClassLabel.Key(label) == i.ToString(CultureInfo.InvariantCulture)));
        return isIndices && !placeholders ? FromModel(modelLabels) : null;
    }

    /// <summary>Lists of labels may be numbers of the classes that the run file names.</summary>
    private void AddIndexAliases(ExampleSet train)
    {
        if (train.Examples[0].Labels is not null)
        {
            AddIndexAliases();
        }
    }

    private void AddIndexAliases()
    {
        for (int i = 0; i < Names.Count; i++)
        {
            indices.TryAdd(i.ToString(CultureInfo.InvariantCulture), i);
        }
    }

    /// <summary>The classes that occur, in the order of their first rows, under their names.</summary>
    private static List<string> Distinct(ExampleSet train)
    {
        OrderedDictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (string label in train.Examples.SelectMany(LabelsOf))
        {
            string key = ClassLabel.Key(label);
            if (!names.TryAdd(key, label) && names[key] != label)
            {
                names[key] = key;
            }
        }

        return [.. names.Values];
    }

    private static IReadOnlyList<string> LabelsOf(Example example) => example.Labels ?? [LabelOf(example)];

    private static string LabelOf(Example example) => example.Label switch
    {
        null => throw example.Place.Wrong($"the row was read without a label; name the label column in {Setting.Of("data.label")}."),
        "" => throw example.Place.Wrong("the label is empty; every row needs one."),
        string label => label,
    };

    private static IReadOnlyList<string> Sort(ExampleSet train, List<string> labels)
    {
        List<(string Name, string Key, double Value)> numbers = [];
        foreach (string label in labels)
        {
            string key = ClassLabel.Key(label);
            if (double.TryParse(key, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value))
            {
                numbers.Add((label, key, value));
            }
        }

        if (numbers.Count < labels.Count)
        {
            return [.. labels.Order(StringComparer.Ordinal)];
        }

        // Where two numbers are one double, their digits are as many, and decide.
        string? fraction = numbers.FirstOrDefault(number => ClassLabel.IsFraction(number.Key)).Name;
        return fraction is null
            ? [.. numbers.OrderBy(number => number.Value).ThenBy(number => number.Key, StringComparer.Ordinal)
                .Select(number => number.Name)]
            : throw new DataFileException(
                train.Files.ToString(),
                $"the label '{fraction}' is a number with a fraction, which names no class; set task: "
                    + $"regression, or name the classes in {Setting.Of("data.labels")}.");
    }
}

using Engine.Common.Keys;

namespace Engine.Training.Data;

/// <summary>A class and its rows in the training data.</summary>
/// <param name="Name">As it goes into <c>id2label</c>.</param>
/// <param name="Rows">How many rows it labels; 0 for a class that only the run file or the model names.</param>
public readonly record struct ClassCount(string Name, int Rows);

/// <summary>What is odd about labelled data and would otherwise train in silence.</summary>
internal static class LabelledDataNotes
{
    // Fewer duplicates are in many published data sets.
    private const double ManyDuplicates = 0.1;

    // Of a handful of rows nobody can tell, and half as many classes as rows are a small data set's.
    private const int EnoughRows = 20;
    private const double NearlyAll = 0.8;

    private static readonly string[] WordsForNothing = ["nan", "null", "none", "n/a", "na", "?"];

    /// <summary>The classes with their rows.</summary>
    public static IReadOnlyList<ClassCount> Count(LabelVocabulary labels, int[] classes)
    {
        int[] counts = new int[labels.Count];
        foreach (int index in classes)
        {
            counts[index]++;
        }

        return [.. labels.Names.Zip(counts, (name, count) => new ClassCount(name, count))];
    }

    /// <summary>About the classes of training data.</summary>
    /// <param name="areNamed">The run file names the classes, so that many of them are meant.</param>
    public static IEnumerable<string> OfClasses(ExampleSet train, IReadOnlyList<ClassCount> classes, bool areNamed)
    {
        ClassCount[] seen = [.. classes.Where(entry => entry.Rows > 0)];
        if (!areNamed && train.Count >= EnoughRows && seen.Length >= train.Count * NearlyAll)
        {
            yield return $"{train.Files}: the labels of {train.Count} rows name {seen.Length} classes, so that nearly every row is a "
                + "class of its own. "
                + $"Is {Setting.Of("data.label")} the column that is meant, and not one of ids or texts? For numbers to be predicted set "
                + $"{Setting.Of("task", "regression")}.";
        }

        if (seen is [var only])
        {
            yield return $"{train.Files}: every row has the label '{only.Name}'; the model learns to answer nothing else.";
        }

        foreach (ClassCount word in seen.Where(entry => WordsForNothing.Contains(entry.Name.ToLowerInvariant())))
        {
            yield return $"{train.Files}: {Rows(word.Rows)} the label '{word.Name}', which is a class like any other; "
                + "leave rows without a label out if it stands for a missing one.";
        }
    }

    /// <summary>About the numbers of training data.</summary>
    public static IEnumerable<string> OfTargets(ExampleSet train, float[] targets)
    {
        if (Array.TrueForAll(targets, target => target == targets[0]))
        {
            yield return FormattableString.Invariant($"{train.Files}: the label of every row is {targets[0]}; there is nothing to learn.");
        }
    }

    /// <summary>About texts that come more than once.</summary>
    /// <param name="isClassified">Labels are classes, of which a text has one.</param>
    public static IEnumerable<string> OfRepetitions(ExampleSet train, bool isClassified)
    {
        Dictionary<(string, string?), string?> labels = new(train.Count);
        HashSet<(string, string?)> contradicted = [];
        int repeated = 0;
        foreach (Example example in train.Examples)
        {
            (string, string?) text = (example.Text, example.TextPair);
            string? label = isClassified ? ClassLabel.Key(example.Label!) : null;
            if (labels.TryAdd(text, label))
            {
                continue;
            }

            repeated++;
            if (labels[text] != label)
            {
                contradicted.Add(text);
            }
        }

        if (repeated > train.Count * ManyDuplicates)
        {
            yield return $"{train.Files}: {repeated} of {train.Count} rows repeat the text of an earlier one.";
        }

        if (contradicted.Count > 0)
        {
            yield return $"{train.Files}: {Count(contradicted.Count, "text", "texts")} with more than one label.";
        }
    }

    /// <summary>About validation data beside the training data.</summary>
    /// <param name="classes">The classes with their training rows; null for regression.</param>
    /// <param name="validationClasses">[rows of the validation data] Their classes; null for regression.</param>
    public static IEnumerable<string> OfValidation(
        ExampleSet train, ExampleSet validation, IReadOnlyList<ClassCount>? classes, int[]? validationClasses)
    {
        HashSet<(string, string?)> known = [.. train.Examples.Select(example => (example.Text, example.TextPair))];
        int both = validation.Examples.Count(example => known.Contains((example.Text, example.TextPair)));
        if (both > 0)
        {
            yield return $"{validation.Files}: the texts of {both} of {validation.Count} rows are in the training data too, "
                + "which its metrics then flatter.";
        }

        if (classes is not null && validationClasses is not null)
        {
            foreach (IGrouping<int, int> unseen in validationClasses.Where(index => classes[index].Rows == 0).GroupBy(index => index))
            {
                yield return $"{validation.Files}: {Rows(unseen.Count())} the label '{classes[unseen.Key].Name}', "
                    + "which no row of the training data has.";
            }
        }
    }

    private static string Rows(int count) => count == 1 ? "1 row has" : $"{count} rows have";

    private static string Count(int count, string one, string many) => count == 1 ? $"1 {one} comes" : $"{count} {many} come";
}

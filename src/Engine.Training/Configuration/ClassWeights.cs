using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Data;

namespace Engine.Training.Configuration;

/// <summary>What a row of each class counts for in a classifier's loss.</summary>
public sealed record ClassWeights
{
    /// <param name="values">A weight above 0 for each class, in the order of the model's outputs (<c>data.labels</c>).</param>
    /// <exception cref="ConfigurationException">A weight that is not above 0, or none.</exception>
    public ClassWeights(params IReadOnlyList<double> values)
    {
        if (values.Count == 0 || values.Any(value => !((float)value > 0) || !float.IsFinite((float)value)))
        {
            throw new ConfigurationException($"{Setting.Of("class_weights")}: expected a number above 0 for each class.");
        }

        Values = values;
    }

    private ClassWeights()
    {
    }

    /// <summary>Rows / (classes * rows of the class), as scikit-learn has it: every class counts alike.</summary>
    public static ClassWeights Balanced { get; } = new();

    /// <summary>The weights; null: <see cref="Balanced"/>.</summary>
    public IReadOnlyList<double>? Values { get; }

    /// <summary>The weight of each class.</summary>
    /// <param name="classes">The classes with their training rows; without rows for prebatched data.</param>
    /// <exception cref="ConfigurationException">Another number of weights than of classes; or a class without rows, which cannot be
    /// balanced.</exception>
    internal IReadOnlyList<float> Of(IReadOnlyList<ClassCount> classes)
    {
        if (Values is not null)
        {
            return Values.Count == classes.Count
                ? [.. Values.Select(value => (float)value)]
                : throw new ConfigurationException(
                    $"{Setting.Of("class_weights")} has {Values.Count} numbers, and there are {classes.Count} classes "
                        + $"({string.Join(", ", classes.Select(entry => entry.Name))}).");
        }

        string[] empty = [.. classes.Where(entry => entry.Rows == 0).Select(entry => entry.Name)];
        double rows = classes.Sum(entry => (double)entry.Rows);
        return empty.Length == 0
            ? [.. classes.Select(entry => (float)(rows / ((double)classes.Count * entry.Rows)))]
            : throw new ConfigurationException(
                $"{Setting.Of("class_weights")}: balanced divides by the training rows of each class, and there are none of "
                    + $"{string.Join(", ", empty)}; "
                    + "give the weights as a list.");
    }
}

using Engine.Training.Configuration;

namespace Engine.FineTuning;

/// <summary>The columns of texts that belong together: sees how many the rows have that do not.</summary>
internal sealed class MatchedColumns
{
    private int? negatives;

    /// <exception cref="ArgumentException">The row has others than those before.</exception>
    public void See(MatchedTexts example)
    {
        if (negatives is { } before && before != example.Negatives.Count)
        {
            throw new ArgumentException(
                $"it has {example.Negatives.Count} {nameof(example.Negatives)}, and the examples before it have {before}; all of a set "
                    + "have equally many.");
        }

        negatives = example.Negatives.Count;
    }

    /// <summary>The section that reads them.</summary>
    public DataConfiguration In(DataConfiguration data) => data with
    {
        Text = ExampleWriter.Text,
        TextPair = ExampleWriter.TextPair,
        TextNegatives = negatives is > 0 ? [.. Enumerable.Range(0, negatives.Value).Select(ExampleWriter.Negative)] : null,
    };

    /// <summary>The section that reads pairs with scores.</summary>
    public static DataConfiguration Scored(DataConfiguration data) => data with
    {
        Text = ExampleWriter.Text,
        TextPair = ExampleWriter.TextPair,
        Label = ExampleWriter.Label,
    };

    /// <exception cref="ArgumentException">The example is a single text.</exception>
    public static void RequirePair(ScoredText example)
    {
        if (example.TextPair is null)
        {
            throw new ArgumentException($"it is a single text; its {nameof(example.TextPair)}, which it is compared with, was expected.");
        }
    }
}

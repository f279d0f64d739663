namespace Engine.FineTuning;

/// <summary>Sees whether the rows of a set are single texts or pairs.</summary>
internal sealed class PairColumn
{
    private const int Shown = 60;

    private bool? pairs;

    /// <summary>The column of the second text; null for single texts.</summary>
    public string? Name => pairs == true ? ExampleWriter.TextPair : null;

    /// <exception cref="ArgumentException">The row is another than those before.</exception>
    public void See(TextExample example)
    {
        bool isPair = example.TextPair is not null;
        if (pairs is { } before && before != isPair)
        {
            string shown = example.Text.Length > Shown ? example.Text[..Shown] + "..." : example.Text;
            throw new ArgumentException(isPair
                ? $"'{shown}' is one of a pair, and the examples before it are single texts; a set holds one of the two."
                : $"'{shown}' is a single text, and the examples before it are pairs; a set holds one of the two.");
        }

        pairs = isPair;
    }
}

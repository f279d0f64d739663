namespace Engine.Training.Data;

/// <summary>Cuts tokenised texts into rows of at most a given length for language modelling; no token is lost.</summary>
internal static class TextChunks
{
    /// <summary>Each text begins a row of its own; a longer one goes on in further rows.</summary>
    /// <param name="texts">Token ids without special tokens; empty texts are passed over.</param>
    /// <param name="maxLength">Longest row, special tokens included.</param>
    /// <param name="prefix">Special tokens before each row.</param>
    /// <param name="suffix">Special tokens after each row.</param>
    public static List<int[]> LineByLine(IEnumerable<int[]> texts, int maxLength, int[] prefix, int[] suffix)
    {
        int room = Room(maxLength, prefix, suffix);
        return [.. texts.SelectMany(text => text.Chunk(room)).Select(body => (int[])[.. prefix, .. body, .. suffix])];
    }

    /// <summary>Texts follow each other, <paramref name="separator"/> between them, and fill every row but the last.</summary>
    /// <inheritdoc cref="LineByLine"/>
    /// <param name="separator">Special tokens between two texts.</param>
    public static List<int[]> Packed(IEnumerable<int[]> texts, int maxLength, int[] prefix, int[] suffix, int[] separator)
    {
        int room = Room(maxLength, prefix, suffix);
        IEnumerable<int> stream = texts.Where(text => text.Length > 0).SelectMany((text, i) => i == 0 ? text : separator.Concat(text));
        return [.. stream.Chunk(room).Select(body => (int[])[.. prefix, .. body, .. suffix])];
    }

    private static int Room(int maxLength, int[] prefix, int[] suffix)
    {
        int room = maxLength - prefix.Length - suffix.Length;
        return room > 0
            ? room
            : throw new ArgumentOutOfRangeException(
                nameof(maxLength), maxLength, $"{prefix.Length + suffix.Length} special tokens leave no room in a row.");
    }
}

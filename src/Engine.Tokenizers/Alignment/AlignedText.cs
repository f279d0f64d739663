namespace Engine.Tokenizers;

/// <summary>
/// A text on its way to the model and, where offsets are wanted, the place in the given text that each of its characters stands for, as
/// <c>NormalizedString</c> of Hugging Face's tokenizers keeps it. Places are in UTF-16 units and whole characters.
/// </summary>
internal sealed class AlignedText
{
    /// <summary>Where the text begins in the given one, as long as it is a part of it, letter for letter.</summary>
    private int shift;

    /// <summary>
    /// Where the place of each unit begins and ends; null while unit i is unit <see cref="shift"/> + i of the given text.
    /// </summary>
    private int[]? starts, ends;

    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="tracks">Whether places are kept; without that <see cref="PlaceOf"/> goes by the text's own units.</param>
    /// <param name="shift">Where it begins in the given text.</param>
    public AlignedText(string text, bool tracks = false, int shift = 0)
    {
        Text = text;
        Tracks = tracks;
        this.shift = shift;
    }

    public string Text { get; private set; }

    public bool Tracks { get; }

    /// <summary>
    /// The place in the given text of the characters from <paramref name="start"/> to <paramref name="end"/>, of which there is at least
    /// one.
    /// </summary>
    public (int Start, int End) PlaceOf(int start, int end) =>
        starts is null ? (shift + start, shift + end) : (starts[start], ends![end - 1]);

    /// <summary>How many characters (code points) well-formed text has.</summary>
    public static int CountCharacters(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (char unit in text)
        {
            count += char.IsLowSurrogate(unit) ? 0 : 1;
        }

        return count;
    }

    /// <summary>A part of the text, with its places, that can be changed by itself.</summary>
    public AlignedText Slice(int start, int length) => new(Text.Substring(start, length), Tracks, shift + start)
    {
        starts = starts?[start..(start + length)],
        ends = ends?[start..(start + length)],
    };

    /// <summary>Leaves only a part of the text.</summary>
    public void Keep(int start, int length)
    {
        AlignedText part = Slice(start, length);
        (Text, shift, starts, ends) = (part.Text, part.shift, part.starts, part.ends);
    }

    /// <summary>Puts a text of equal length in place, unit for unit.</summary>
    public void Overwrite(string text) => Text = text;

    /// <summary>Puts a text in place whose units have the given places.</summary>
    public void Overwrite(string text, int[]? starts, int[]? ends) => (Text, this.starts, this.ends) = (text, starts, ends);

    /// <summary>
    /// Puts <paramref name="prefix"/> before a text that is not empty; it stands for what the first character stands for.
    /// </summary>
    public void Prepend(string prefix)
    {
        if (!Tracks)
        {
            Text = prefix + Text;
            return;
        }

        TextRewriter output = new(this);
        output.Append(prefix, 0);
        output.Keep(0, Text.Length);
        output.Apply();
    }

    /// <summary>Replaces a text wherever it stands; what comes in place stands for the last character of what goes.</summary>
    public void Replace(string pattern, string content)
    {
        if (!Tracks || (pattern.Length == 1 && content.Length == 1))
        {
            Text = Text.Replace(pattern, content, StringComparison.Ordinal);
            return;
        }

        TextRewriter output = new(this);
        int done = 0;
        while (Text.IndexOf(pattern, done, StringComparison.Ordinal) is var found and >= 0)
        {
            output.Keep(done, found);
            done = found + pattern.Length;
            output.Append(content, char.IsLowSurrogate(Text[done - 1]) && done > 1 ? done - 2 : done - 1);
        }

        output.Keep(done, Text.Length);
        output.Apply();
    }
}

using System.Text;

namespace Engine.Tokenizers;

/// <summary>Writes an <see cref="AlignedText"/> anew, from its start to its end.</summary>
internal sealed class TextRewriter(AlignedText text)
{
    private readonly StringBuilder written = new(text.Text.Length + 16);
    private readonly List<int>? starts = text.Tracks ? new(text.Text.Length + 16) : null;
    private readonly List<int>? ends = text.Tracks ? new(text.Text.Length + 16) : null;

    /// <summary>Adds a character that stands for what the character at <paramref name="source"/> stood for.</summary>
    public void Append(Rune rune, int source)
    {
        Span<char> units = stackalloc char[2];
        Append(units[..rune.EncodeToUtf16(units)], source);
    }

    /// <summary>Adds characters of which each stands for what the character at <paramref name="source"/> stood for.</summary>
    public void Append(ReadOnlySpan<char> units, int source)
    {
        written.Append(units);
        if (starts is not null)
        {
            (int start, int end) = text.PlaceOf(source, source + LengthAt(source));
            foreach (char _ in units)
            {
                starts.Add(start);
                ends!.Add(end);
            }
        }
    }

    /// <summary>Adds the characters from <paramref name="start"/> to <paramref name="end"/> as they were.</summary>
    public void Keep(int start, int end)
    {
        for (int index = start; index < end; index += LengthAt(index))
        {
            Append(text.Text.AsSpan(index, LengthAt(index)), index);
        }
    }

    /// <summary>Puts what was written in place of the text.</summary>
    public void Apply() => text.Overwrite(written.ToString(), starts?.ToArray(), ends?.ToArray());

    private int LengthAt(int index) => char.IsHighSurrogate(text.Text[index]) ? 2 : 1;
}

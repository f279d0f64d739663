namespace Engine.Tokenizers;

/// <summary><c>Digits</c>: cuts runs of numeric characters off, or with <paramref name="individual"/> each of them.</summary>
internal sealed class DigitsPreTokenizer(bool individual) : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output)
    {
        ReadOnlySpan<char> text = piece.Span;
        int start = 0;
        while (start < text.Length)
        {
            bool digit = IsNumber(text, start, out int units);
            int end = start + units;
            while (end < text.Length && !(digit && individual) && IsNumber(text, end, out units) == digit)
            {
                end += units;
            }

            output.Add(piece.Part(start, end));
            start = end;
        }
    }

    private static bool IsNumber(ReadOnlySpan<char> text, int index, out int units) =>
        CharacterClasses.At(text, index, out units) == CharacterClass.Number;
}

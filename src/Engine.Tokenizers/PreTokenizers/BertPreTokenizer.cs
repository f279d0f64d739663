using System.Text;

namespace Engine.Tokenizers;

/// <summary><c>BertPreTokenizer</c>: words between white space, and each punctuation character by itself.</summary>
internal sealed class BertPreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, List<Piece> output)
    {
        ReadOnlySpan<char> text = piece.Span;
        int word = 0, index = 0;
        while (index < text.Length)
        {
            Rune.DecodeFromUtf16(text[index..], out Rune rune, out int units);
            bool space = Rune.IsWhiteSpace(rune);
            if (space || BertCharacters.IsPunctuation(rune))
            {
                AddWord(index);
                word = index + units;
                if (!space)
                {
                    output.Add(piece.Part(index, word));
                }
            }

            index += units;
        }

        AddWord(text.Length);

        void AddWord(int end)
        {
            if (end > word)
            {
                output.Add(piece.Part(word, end));
            }
        }
    }
}

using System.Text;

namespace Engine.Tokenizers;

/// <summary>
/// <c>BertNormalizer</c>: cleaning (control characters go, white space becomes a blank), blanks around ideographs, accents stripped, lower
/// case.
/// </summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChineseChars, bool stripAccents, bool lowercase) : INormalizer
{
    public void Normalize(AlignedText text)
    {
        if (!Ascii.IsValid(text.Text) || (cleanText && HasControls(text.Text)))
        {
            CleanAndSpread(text);
        }

        if (stripAccents && !Ascii.IsValid(text.Text))
        {
            UnicodeNormalization.Normalize(text, NormalizationForm.FormD);
            StripAccents(text);
        }

        if (lowercase)
        {
            LowercaseNormalizer.Lower(text);
        }
    }

    private static bool HasControls(ReadOnlySpan<char> text) => text.IndexOfAnyInRange('\0', '\x1F') >= 0 || text.Contains('\x7F');

    private void CleanAndSpread(AlignedText text)
    {
        TextRewriter output = new(text);
        int index = 0;
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            // Some control characters are white space, too: they go.
            bool removed = cleanText && BertCharacters.IsRemoved(rune);
            if (!removed && cleanText && Rune.IsWhiteSpace(rune))
            {
                output.Append(" ", index);
            }
            else if (!removed && handleChineseChars && BertCharacters.IsChinese(rune))
            {
                output.Append($" {rune} ", index);
            }
            else if (!removed)
            {
                output.Append(rune, index);
            }

            index += rune.Utf16SequenceLength;
        }

        output.Apply();
    }

    private static void StripAccents(AlignedText decomposed)
    {
        TextRewriter output = new(decomposed);
        int index = 0;
        foreach (Rune rune in decomposed.Text.EnumerateRunes())
        {
            if (!BertCharacters.IsAccent(rune))
            {
                output.Append(rune, index);
            }

            index += rune.Utf16SequenceLength;
        }

        output.Apply();
    }
}

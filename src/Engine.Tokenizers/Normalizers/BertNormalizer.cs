using System.Text;

namespace Engine.Tokenizers;

/// <summary>
/// <c>BertNormalizer</c>: cleaning (control characters go, white space becomes a blank), blanks around ideographs, accents stripped, lower case.
/// </summary>
internal sealed class BertNormalizer(bool cleanText, bool handleChineseChars, bool stripAccents, bool lowercase) : INormalizer
{
    public string Normalize(string text)
    {
        if (Ascii.IsValid(text))
        {
            return NormalizeAscii(text);
        }

        text = CleanAndSpread(text);
        if (stripAccents)
        {
            text = StripAccents(UnicodeNormalization.Normalize(text, NormalizationForm.FormD));
        }

        return lowercase ? LowercaseNormalizer.Lower(text) : text;
    }

    private string NormalizeAscii(string text)
    {
        if (cleanText && (text.AsSpan().IndexOfAnyInRange('\0', '\x1F') >= 0 || text.Contains('\x7F')))
        {
            text = CleanAndSpread(text);
        }

        return lowercase ? text.ToLowerInvariant() : text;
    }

    private string CleanAndSpread(string text)
    {
        StringBuilder result = new(text.Length + 16);
        Span<char> units = stackalloc char[2];
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (cleanText && BertCharacters.IsRemoved(rune))
            {
                continue;
            }

            if (cleanText && Rune.IsWhiteSpace(rune))
            {
                result.Append(' ');
                continue;
            }

            Span<char> written = units[..rune.EncodeToUtf16(units)];
            if (handleChineseChars && BertCharacters.IsChinese(rune))
            {
                result.Append(' ').Append(written).Append(' ');
            }
            else
            {
                result.Append(written);
            }
        }

        return result.ToString();
    }

    private static string StripAccents(string decomposed)
    {
        StringBuilder result = new(decomposed.Length);
        Span<char> units = stackalloc char[2];
        foreach (Rune rune in decomposed.EnumerateRunes())
        {
            if (!BertCharacters.IsAccent(rune))
            {
                result.Append(units[..rune.EncodeToUtf16(units)]);
            }
        }

        return result.ToString();
    }
}

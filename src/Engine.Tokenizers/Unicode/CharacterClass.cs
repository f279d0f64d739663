using System.Globalization;
using System.Text;

namespace Engine.Tokenizers;

/// <summary>The classes that the split patterns of byte-level tokenizers tell apart.</summary>
internal enum CharacterClass : byte
{
    /// <summary><c>[^\s\p{L}\p{N}]</c></summary>
    Other,

    /// <summary><c>\p{L}</c></summary>
    Letter,

    /// <summary><c>\p{N}</c></summary>
    Number,

    /// <summary><c>\s</c>: White_Space of Unicode, all of it in the basic plane.</summary>
    Space,
}

/// <summary>Character classes as the regular expression engines of Hugging Face's tokenizers define them.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] s_basicPlane =
        [.. Enumerable.Range(0, 0x10000).Select(unit => Classify((char)unit, CharUnicodeInfo.GetUnicodeCategory((char)unit)))];

    /// <summary>The class of the character at <paramref name="index"/> of well-formed UTF-16, and how many units it has.</summary>
    public static CharacterClass At(ReadOnlySpan<char> text, int index, out int units)
    {
        char unit = text[index];
        units = 1;
        if (char.IsHighSurrogate(unit) && index + 1 < text.Length)
        {
            units = 2;
            return Classify('\uFFFF', CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(unit, text[index + 1])));
        }

        return s_basicPlane[unit];
    }

    /// <summary>
    /// The end of the run of characters of <paramref name="wanted"/> class that starts at <paramref name="index"/>, at most
    /// <paramref name="limit"/> of them.
    /// </summary>
    public static int EndOfRun(ReadOnlySpan<char> text, int index, CharacterClass wanted, int limit = int.MaxValue)
    {
        while (limit > 0 && index < text.Length && At(text, index, out int units) == wanted)
        {
            index += units;
            limit--;
        }

        return index;
    }

    /// <summary><c>\w</c> of Rust's <c>regex</c> (UTS #18): alphabetic characters, marks, decimal digits, connectors and joiners.</summary>
    public static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter
            or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber => true,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation => true,
        // Joiners, and the circled, squared and negative letters, which are symbols that count as alphabetic.
        _ => rune.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
    };

    private static CharacterClass Classify(char unit, UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => char.IsWhiteSpace(unit) ? CharacterClass.Space : CharacterClass.Other,
    };
}

using System.Globalization;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>
/// Upper and lower case as Python has it, where one character may become several (Unicode's SpecialCasing, without Greek's iota
/// subscripts).
/// </summary>
internal static class PythonCase
{
    private static readonly Dictionary<int, string> SpecialUpper = new()
    {
        ['ß'] = "SS",
        ['ŉ'] = "ʼN",
        ['ǰ'] = "J\u030C",
        ['ΐ'] = "Ι\u0308\u0301",
        ['ΰ'] = "Υ\u0308\u0301",
        ['և'] = "ԵՒ",
        ['ẖ'] = "H\u0331",
        ['ẗ'] = "T\u0308",
        ['ẘ'] = "W\u030A",
        ['ẙ'] = "Y\u030A",
        ['ẚ'] = "Aʾ",
        ['ﬀ'] = "FF",
        ['ﬁ'] = "FI",
        ['ﬂ'] = "FL",
        ['ﬃ'] = "FFI",
        ['ﬄ'] = "FFL",
        ['ﬅ'] = "ST",
        ['ﬆ'] = "ST",
        ['ﬓ'] = "ՄՆ",
        ['ﬔ'] = "ՄԵ",
        ['ﬕ'] = "ՄԻ",
        ['ﬖ'] = "ՎՆ",
        ['ﬗ'] = "ՄԽ",
    };

    private static readonly Dictionary<int, string> SpecialTitle = new()
    {
        ['ß'] = "Ss",
        ['ﬀ'] = "Ff",
        ['ﬁ'] = "Fi",
        ['ﬂ'] = "Fl",
        ['ﬃ'] = "Ffi",
        ['ﬄ'] = "Ffl",
        ['ﬅ'] = "St",
        ['ﬆ'] = "St",
        ['և'] = "Եւ",
        ['Ǆ'] = "ǅ",
        ['ǅ'] = "ǅ",
        ['ǆ'] = "ǅ",
        ['Ǉ'] = "ǈ",
        ['ǈ'] = "ǈ",
        ['ǉ'] = "ǈ",
        ['Ǌ'] = "ǋ",
        ['ǋ'] = "ǋ",
        ['ǌ'] = "ǋ",
        ['Ǳ'] = "ǲ",
        ['ǲ'] = "ǲ",
        ['ǳ'] = "ǲ",
    };

    public static string Upper(string text) => Mapped(text, (rune, _) => UpperOf(rune));

    public static string Lower(string text) => Mapped(text, (rune, place) => LowerOf(text, rune, place));

    public static string Capitalize(string text) => Mapped(text, (rune, place) => place == 0 ? TitleOf(rune) : LowerOf(text, rune, place));

    /// <summary>Each run of letters starts with a capital.</summary>
    public static string Title(string text)
    {
        bool isInWord = false;
        return Mapped(text, (rune, place) =>
        {
            string result = isInWord ? LowerOf(text, rune, place) : TitleOf(rune);
            isInWord = IsCased(rune);
            return result;
        });
    }

    public static string SwapCase(string text) =>
        Mapped(text, (rune, place) => Rune.IsUpper(rune) ? LowerOf(text, rune, place) : UpperOf(rune));

    /// <summary>Whether there are letters with case, and all of those are of this one.</summary>
    public static bool IsAll(string text, bool isUpper)
    {
        List<Rune> cased = [.. text.EnumerateRunes().Where(IsCased)];
        return cased.Count > 0
            && cased.TrueForAll(rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.TitlecaseLetter && Rune.IsUpper(rune) == isUpper);
    }

    private static bool IsCased(Rune rune) =>
        Rune.IsUpper(rune) || Rune.IsLower(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    private static string UpperOf(Rune rune) =>
        SpecialUpper.TryGetValue(rune.Value, out string? special) ? special : Rune.ToUpperInvariant(rune).ToString();

    private static string TitleOf(Rune rune) => SpecialTitle.TryGetValue(rune.Value, out string? special) ? special : UpperOf(rune);

    private static string LowerOf(string text, Rune rune, int place) => rune.Value switch
    {
        'İ' => "i\u0307",
        'Σ' => place > 0 && char.IsLetter(text[place - 1]) && !(place + 1 < text.Length && char.IsLetter(text[place + 1])) ? "ς" : "σ",
        _ => Rune.ToLowerInvariant(rune).ToString(),
    };

    private static string Mapped(string text, Func<Rune, int, string> map)
    {
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                result.Append(map(rune, i));
                i += rune.Utf16SequenceLength;
            }
            else
            {
                result.Append(text[i++]);
            }
        }

        return result.ToString();
    }
}

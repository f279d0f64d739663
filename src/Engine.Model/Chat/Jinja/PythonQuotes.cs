using System.Globalization;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Strings in quotes as <c>repr</c> writes them.</summary>
internal static class PythonQuotes
{
    public static void Append(StringBuilder result, string text)
    {
        char quote = QuoteOf(text);
        result.Append(quote);
        for (int i = 0; i < text.Length; i++)
        {
            char sign = text[i];
            if (char.IsHighSurrogate(sign) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                int value = char.ConvertToUtf32(sign, text[i + 1]);
                result.Append(IsPrinted(CharUnicodeInfo.GetUnicodeCategory(value)) ? text.Substring(i, 2) : $"\\U{value:x8}");
                i++;
            }
            else if (Simple(sign, quote) is { } escape)
            {
                result.Append(escape);
            }
            else if (sign is ' ' || IsPrinted(CharUnicodeInfo.GetUnicodeCategory(sign)))
            {
                result.Append(sign);
            }
            else
            {
                result.Append(sign < 0x100 ? $"\\x{(int)sign:x2}" : $"\\u{(int)sign:x4}");
            }
        }

        result.Append(quote);
    }

    public static string OfBytes(byte[] bytes)
    {
        char quote = QuoteOf(Encoding.Latin1.GetString(bytes));
        StringBuilder result = new();
        foreach (byte one in bytes)
        {
            result.Append(Simple((char)one, quote) ?? (one is >= 0x20 and < 0x7f ? ((char)one).ToString() : $"\\x{one:x2}"));
        }

        return $"{quote}{result}{quote}";
    }

    private static char QuoteOf(string text) =>
        text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';

    private static string? Simple(char sign, char quote) => sign switch
    {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\\' => "\\\\",
        _ when sign == quote => $"\\{quote}",
        _ => null,
    };

    private static bool IsPrinted(UnicodeCategory category) => category is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}

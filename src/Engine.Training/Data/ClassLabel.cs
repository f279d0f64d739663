using System.Globalization;

namespace Engine.Training.Data;

/// <summary>When two labels are the same class, however a file writes them.</summary>
internal static class ClassLabel
{
    // A whole number is written out up to so many digits, a fraction down to so many places.
    private const int LongestNumber = 40;

    /// <summary>
    /// What labels of one class have in common. White space around a label does not count. Labels that are equal as decimal numbers are one
    /// class, whatever else is in the column: 1, 1.0, 01, +1 and 1e0; 0 and -0. So are true, True and TRUE, and false likewise. Everything
    /// else is a word, and upper case is not lower case.
    /// </summary>
    public static string Key(string label)
    {
        string text = label.Trim();
        return text switch
        {
            "true" or "True" or "TRUE" => "true",
            "false" or "False" or "FALSE" => "false",
            _ => Number(text) ?? text,
        };
    }

    /// <summary>Whether a label is a number with a fraction, or too small for its digits to be written out.</summary>
    public static bool IsFraction(string key) =>
        Number(key) is not null && (key.Contains('e') ? key.Contains("e-", StringComparison.Ordinal) : key.Contains('.'));

    /// <summary>A number in its shortest form, digit by digit: nothing is rounded. Null where the text is none.</summary>
    private static string? Number(string text)
    {
        int at = text is ['-' or '+', ..] ? 1 : 0;
        string whole = Digits(text, ref at), fraction = "";
        if (at < text.Length && text[at] == '.')
        {
            at++;
            fraction = Digits(text, ref at);
        }

        int exponent = 0;
        bool hasExponent = at < text.Length && text[at] is 'e' or 'E';
        if (hasExponent && !int.TryParse(text.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            return null;
        }

        // Beyond that the place of the point could not be counted.
        const int LargestExponent = 1 << 24;
        if (whole.Length + fraction.Length == 0 || (at < text.Length && !hasExponent)
            || exponent is < -LargestExponent or > LargestExponent)
        {
            return null;
        }

        string digits = (whole + fraction).TrimStart('0');
        string shortest = digits.TrimEnd('0');
        return shortest.Length == 0
            ? "0"
            : (text[0] == '-' ? "-" : "") + Written(shortest, exponent - fraction.Length + digits.Length - shortest.Length);
    }

    /// <summary>digits * 10^exponent.</summary>
    private static string Written(string digits, int exponent)
    {
        int point = digits.Length + exponent;
        if (exponent >= 0 && point <= LongestNumber)
        {
            return digits + new string('0', exponent);
        }

        if (exponent < 0 && point > -LongestNumber && point <= LongestNumber)
        {
            return point > 0 ? $"{digits[..point]}.{digits[point..]}" : $"0.{new string('0', -point)}{digits}";
        }

        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return string.Create(CultureInfo.InvariantCulture, $"{mantissa}e{point - 1}");
    }

    private static string Digits(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
        {
            at++;
        }

        return text[start..at];
    }
}

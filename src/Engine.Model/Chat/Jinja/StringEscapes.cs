using System.Globalization;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>The escapes of a string literal, which are Python's.</summary>
internal static class StringEscapes
{
    /// <exception cref="JinjaException">An escape is cut short.</exception>
    public static string Decode(string literal, int line)
    {
        if (!literal.Contains('\\', StringComparison.Ordinal))
        {
            return literal;
        }

        StringBuilder text = new();
        for (int i = 0; i < literal.Length; i++)
        {
            if (literal[i] != '\\')
            {
                text.Append(literal[i]);
                continue;
            }

            char sign = literal[++i];
            int digits = sign switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (digits > 0)
            {
                text.Append(Character(literal, i + 1, digits, line));
                i += digits;
            }
            else if (sign is >= '0' and <= '7')
            {
                int value = 0, end = Math.Min(i + 3, literal.Length);
                for (; i < end && literal[i] is >= '0' and <= '7'; i++)
                {
                    value = (value * 8) + literal[i] - '0';
                }

                i--;
                text.Append((char)value);
            }
            else
            {
                text.Append(Simple(sign));
            }
        }

        return text.ToString();
    }

    private static string Simple(char sign) => sign switch
    {
        '\n' => "",
        '\\' => "\\",
        '\'' => "'",
        '"' => "\"",
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'a' => "\a",
        'b' => "\b",
        'f' => "\f",
        'v' => "\v",
        _ => $"\\{sign}",
    };

    private static string Character(string literal, int start, int digits, int line)
    {
        bool isNumber = start + digits <= literal.Length
            & int.TryParse(
                literal.AsSpan(start, Math.Min(digits, literal.Length - start)), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out int value);
        if (!isNumber || value is < 0 or > 0x10FFFF)
        {
            throw new JinjaException(
                JinjaErrorKind.Syntax, $"The escape \\{literal[start - 1]} needs {digits} hexadecimal digits of a character.", line);
        }

        return value is > 0xFFFF ? char.ConvertFromUtf32(value) : ((char)value).ToString();
    }
}

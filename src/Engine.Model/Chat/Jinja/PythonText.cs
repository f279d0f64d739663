using System.Globalization;
using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Values as Python prints them, and texts as Python counts them: in code points.</summary>
internal static class PythonText
{
    /// <summary>What <c>strip</c> takes away.</summary>
    public static readonly char[] Whitespace =
        [.. Enumerable.Range(0, 0x10000).Select(value => (char)value)
            .Where(sign => char.IsWhiteSpace(sign) || sign is >= '\x1c' and <= '\x1f')];

    /// <summary>The text of a string, escaped or not; null for any other value.</summary>
    public static string? AsString(object? value) => value as string ?? (value as JinjaMarkup)?.Text;

    /// <summary>As <c>str</c> has it.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        JinjaMarkup markup => markup.Text,
        JinjaUndefined => "",
        _ => Repr(value),
    };

    /// <summary>As <c>repr</c> has it.</summary>
    public static string Repr(object? value)
    {
        switch (value)
        {
            case null:
                return "None";
            case bool flag:
                return flag ? "True" : "False";
            case BigInteger number:
                return number.ToString(CultureInfo.InvariantCulture);
            case double number:
                return Number(number);
            case JinjaUndefined:
                return "Undefined";
        }

        StringBuilder result = new();
        AppendRepr(result, value);
        return result.ToString();
    }

    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        BigInteger => "int",
        double => "float",
        string => "str",
        JinjaMarkup => "Markup",
        List<object?> => "list",
        JinjaTuple => "tuple",
        JinjaDict => "dict",
        JinjaRange => "range",
        JinjaView view => view.Name,
        JinjaBytes => "bytes",
        JinjaUndefined => "Undefined",
        JinjaIterator => "generator",
        IJinjaObject thing => thing.TypeName,
        _ => "function",
    };

    /// <summary>The shortest digits that read back as the same number, in Python's form.</summary>
    public static string Number(double number)
    {
        if (!double.IsFinite(number))
        {
            return double.IsNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        }

        string shortest = number.ToString("E16", CultureInfo.InvariantCulture);
        string general = number.ToString("R", CultureInfo.InvariantCulture);
        string sign = general.StartsWith('-') ? "-" : "";
        string mantissa = general.TrimStart('-').Split('E')[0];
        string digits = mantissa.Replace(".", "", StringComparison.Ordinal).TrimStart('0').TrimEnd('0');
        if (digits.Length == 0)
        {
            return $"{sign}0.0";
        }

        int exponent = general.Contains('E', StringComparison.Ordinal)
            ? int.Parse(general.Split('E')[1], CultureInfo.InvariantCulture)
            : number == 0 ? 0 : int.Parse(shortest.Split('E')[1], CultureInfo.InvariantCulture);
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? $".{digits[1..]}" : "";
            return $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }

        return exponent < 0 ? $"{sign}0.{new string('0', -exponent - 1)}{digits}"
            : digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }

    public static int Length(string text)
    {
        int count = text.Length;
        for (int i = 1; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i - 1], text[i]))
            {
                count--;
                i++;
            }
        }

        return count;
    }

    public static IEnumerable<string> Characters(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            int length = i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]) ? 2 : 1;
            yield return text.Substring(i, length);
            i += length - 1;
        }
    }

    private static void AppendRepr(StringBuilder result, object? value)
    {
        Limits.Step();
        Limits.CheckLength(result.Length);
        switch (value)
        {
            case string text:
                PythonQuotes.Append(result, text);
                break;
            case JinjaMarkup markup:
                result.Append("Markup(");
                PythonQuotes.Append(result, markup.Text);
                result.Append(')');
                break;
            case List<object?> list:
                AppendItems(result, "[", list, "]");
                break;
            case JinjaTuple tuple:
                AppendItems(result, "(", tuple.Items, tuple.Items.Count == 1 ? ",)" : ")");
                break;
            case JinjaDict dict:
                for (int i = 0; i < dict.Count; i++)
                {
                    result.Append(i == 0 ? "{" : ", ");
                    AppendRepr(result, dict.Keys[i]);
                    result.Append(": ");
                    AppendRepr(result, dict.Values[i]);
                }

                result.Append(dict.Count == 0 ? "{}" : "}");
                break;
            case JinjaView view:
                AppendItems(result, $"{view.Name}([", view.Items, "])");
                break;
            case JinjaRange range:
                result.Append(
                    CultureInfo.InvariantCulture, $"range({range.Start}, {range.Stop}{(range.Step.IsOne ? "" : $", {range.Step}")})");
                break;
            case JinjaBytes bytes:
                result.Append('b').Append(PythonQuotes.OfBytes(bytes.Bytes));
                break;
            case JinjaIterator iterator:
                result.Append(iterator.Description);
                break;
            case IJinjaObject thing:
                result.Append(thing.Description);
                break;
            case JinjaFunction function:
                result.Append(function.Description);
                break;
            default:
                result.Append(Repr(value));
                break;
        }
    }

    private static void AppendItems(StringBuilder result, string open, IReadOnlyList<object?> items, string close)
    {
        result.Append(open);
        for (int i = 0; i < items.Count; i++)
        {
            result.Append(i == 0 ? "" : ", ");
            AppendRepr(result, items[i]);
        }

        result.Append(close);
    }
}

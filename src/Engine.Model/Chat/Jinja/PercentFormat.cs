using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat.Jinja;

/// <summary>The operator <c>%</c> of a text: <c>'%s: %5.1f' % (name, number)</c>.</summary>
internal static partial class PercentFormat
{
    public static string Apply(string format, object? arguments)
    {
        IReadOnlyList<object?> values = arguments is JinjaTuple tuple ? tuple.Items : [arguments];
        StringBuilder result = new();
        int next = 0, position = 0;
        object? Next() => next < values.Count ? values[next++] : throw JinjaException.Type("not enough arguments for format string");
        while (position < format.Length)
        {
            Limits.CheckLength(result.Length);
            int percent = format.IndexOf('%', position);
            result.Append(format, position, (percent < 0 ? format.Length : percent) - position);
            if (percent < 0)
            {
                break;
            }

            Match match = Directive().Match(format, percent);
            if (!match.Success)
            {
                throw JinjaException.Value($"unsupported format character at index {percent + 1}");
            }

            position = percent + match.Length;
            char code = match.Groups["code"].Value[0];
            if (code == '%')
            {
                result.Append('%');
                continue;
            }

            int? width = Count(match.Groups["width"], Next), precision = Count(match.Groups["precision"], Next);
            object? value = match.Groups["key"].Success ? Keyed(arguments, match.Groups["key"].Value, ref next) : Next();
            result.Append(One(value, match.Groups["flags"].Value, width ?? 0, precision, code));
        }

        bool isLeft = next < values.Count
            && (arguments is JinjaTuple || arguments is not (JinjaDict or List<object?> or JinjaRange or JinjaUndefined));
        return isLeft ? throw JinjaException.Type("not all arguments converted during string formatting") : result.ToString();
    }

    private static int? Count(Group group, Func<object?> next) =>
        !group.Success ? null
        : group.Value == "*" ? PythonValues.Index(next())
        : int.TryParse(group.Length == 0 ? "0" : group.Value, CultureInfo.InvariantCulture, out int count)
            ? count
            : throw JinjaException.Value("width too big");

    private static object? Keyed(object? arguments, string key, ref int next)
    {
        next = 1;
        return arguments is not JinjaDict dict ? throw JinjaException.Type("format requires a mapping")
            : dict.TryGet(key, out object? value) ? value : throw JinjaException.Value($"{PythonText.Repr(key)} is not a key");
    }

    private static string One(object? value, string flags, int width, int? precision, char code)
    {
        bool isLeft = flags.Contains('-', StringComparison.Ordinal) || width < 0;
        bool isNumber = code is not ('s' or 'r' or 'a' or 'c');
        bool padsZeros = isNumber && !isLeft && flags.Contains('0', StringComparison.Ordinal);
        FormatSpecification layout = new(
            padsZeros ? '0' : ' ',
            isLeft ? '<' : padsZeros ? '=' : '>',
            flags.Contains('+', StringComparison.Ordinal) ? '+' : flags.Contains(' ', StringComparison.Ordinal) ? ' ' : '-',
            flags.Contains('#', StringComparison.Ordinal),
            Math.Abs(width),
            '\0',
            precision,
            code is 'i' or 'u' ? 'd' : code);
        if (code is 's' or 'r' or 'a')
        {
            string text = code == 's' ? PythonText.Text(value) : PythonText.Repr(value);
            return layout.Pad(precision is { } most ? PythonSlices.Slice(text, 0, most) : text, '>');
        }

        if (code == 'c')
        {
            return PythonText.AsString(value) is { } text ? layout.Pad(text, '>') : layout.Number(Integer(value, code));
        }

        return code is 'e' or 'E' or 'f' or 'F' or 'g' or 'G'
            ? layout.Number(
                PythonValues.AsDouble(value) ?? throw JinjaException.Type($"must be real number, not {PythonText.TypeName(value)}"))
            : layout.Number(Integer(value, code));
    }

    private static BigInteger Integer(object? value, char code) =>
        value is double number && double.IsFinite(number) && (code is 'd' or 'i' or 'u')
            ? new BigInteger(Math.Truncate(number))
            : PythonValues.AsInteger(value)
                ?? throw JinjaException.Type($"%{code} format: a real number is required, not {PythonText.TypeName(value)}");

    [GeneratedRegex(
        @"\G%(?:\((?<key>[^)]*)\))?(?<flags>[-+ #0]*)(?<width>\*|[0-9]+)?(?:\.(?<precision>\*|[0-9]*))?[hlL]?(?<code>[diouxXeEfFgGcrsa%])")]
    private static partial Regex Directive();
}

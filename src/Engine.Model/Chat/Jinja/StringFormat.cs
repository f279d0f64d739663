using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat.Jinja;

/// <summary>The method <c>format</c> of a text: <c>'{} {name[0]!r:>8}'.format(1, name=list)</c>.</summary>
internal sealed partial class StringFormat
{
    private readonly Interpreter interpreter;
    private readonly IReadOnlyList<object?> positional;
    private readonly Func<string, object?> named;
    private int next;
    private bool? numbersItself;

    private StringFormat(Interpreter interpreter, IReadOnlyList<object?> positional, Func<string, object?> named) =>
        (this.interpreter, this.positional, this.named) = (interpreter, positional, named);

    public static string Apply(string format, Interpreter interpreter, Arguments arguments) =>
        new StringFormat(interpreter, arguments.Positional, name =>
            arguments.Keyword.Any(pair => pair.Key == name)
                ? arguments.Keyword.First(pair => pair.Key == name).Value
                : throw NoKey(name)).Format(format, 2);

    public static string ApplyMap(string format, Interpreter interpreter, object? mapping) =>
        new StringFormat(
            interpreter, [], name => mapping is JinjaDict dict && dict.TryGet(name, out object? value) ? value : throw NoKey(name)).Format(
                format, 2);

    private static JinjaException NoKey(string name) => new(JinjaErrorKind.Other, $"'{name}'");

    private string Format(string format, int depth)
    {
        if (depth == 0)
        {
            throw JinjaException.Value("Max string recursion exceeded");
        }

        StringBuilder result = new();
        for (int i = 0; i < format.Length; i++)
        {
            Limits.CheckLength(result.Length);
            char sign = format[i];
            bool isDoubled = sign is '{' or '}' && i + 1 < format.Length && format[i + 1] == sign;
            if (sign == '}' && !isDoubled)
            {
                throw JinjaException.Value("Single '}' encountered in format string");
            }

            if (sign != '{' || isDoubled)
            {
                result.Append(sign);
                i += isDoubled ? 1 : 0;
                continue;
            }

            int end = FieldEnd(format, i + 1);
            result.Append(Field(format[(i + 1)..end], depth));
            i = end;
        }

        return result.ToString();
    }

    private static int FieldEnd(string format, int start)
    {
        int open = 1;
        for (int i = start; i < format.Length; i++)
        {
            open += format[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (open == 0)
            {
                return i;
            }
        }

        throw JinjaException.Value(start < format.Length ? "expected '}' before end of string" : "Single '{' encountered in format string");
    }

    private string Field(string field, int depth)
    {
        Match parts = Parts().Match(field);
        object? value = parts.Success
            ? Value(parts.Groups["name"].Value)
            : throw JinjaException.Value("expected ':' after conversion specifier");
        bool isConverted = parts.Groups["conversion"].Success;
        string conversion = parts.Groups["conversion"].Value, specification = parts.Groups["specification"].Value;
        value = conversion switch
        {
            "" when !isConverted => value,
            "s" => PythonText.Text(value),
            "r" or "a" => PythonText.Repr(value),
            _ => throw JinjaException.Value($"Unknown conversion specifier '{conversion}'"),
        };
        return specification.Length == 0
            ? PythonText.Text(value)
            : FormatSpecification.Parse(Format(specification, depth - 1)).Apply(value);
    }

    private object? Value(string field)
    {
        int end = field.AsSpan().IndexOfAny('.', '[');
        string name = end < 0 ? field : field[..end];
        object? value = name.Length == 0 ? At(next++, isNumbered: false)
            : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int place) ? At(place, isNumbered: true)
            : named(name);
        for (int i = end; i >= 0 && i < field.Length;)
        {
            int close = field[i] == '['
                ? field.IndexOf(']', i)
                : field.AsSpan(i + 1).IndexOfAny('.', '[') is var found && found < 0 ? field.Length : i + 1 + found;
            if (close < 0)
            {
                throw JinjaException.Value("Missing ']' in format string");
            }

            string part = field[(i + 1)..close];
            value = field[i] == '.' ? interpreter.Attribute(value, part)
                : interpreter.Item(value, BigInteger.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out BigInteger number)
                    ? number
                    : part);
            i = field[i] == '[' ? close + 1 : close;
        }

        return value;
    }

    private object? At(int place, bool isNumbered)
    {
        if (numbersItself == isNumbered)
        {
            throw JinjaException.Value("cannot switch between manual field specification and automatic field numbering");
        }

        numbersItself = !isNumbered;
        return place < positional.Count ? positional[place]
            : throw new JinjaException(JinjaErrorKind.Other, $"Replacement index {place} out of range for positional args tuple");
    }

    [GeneratedRegex(@"^(?<name>(?:\[[^\]]*\]|[^\[:!])*)(?:!(?<conversion>[^:]*))?(?::(?<specification>[\s\S]*))?\z")]
    private static partial Regex Parts();
}

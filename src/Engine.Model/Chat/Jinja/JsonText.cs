using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Writes JSON as Python's <c>json.dumps</c> does.</summary>
internal sealed class JsonText
{
    private readonly StringBuilder result = new();
    private readonly bool isAscii, sortsKeys;
    private readonly string? indent;
    private readonly string itemSeparator, keySeparator;

    private JsonText(bool isAscii, bool sortsKeys, string? indent, string itemSeparator, string keySeparator) =>
        (this.isAscii, this.sortsKeys, this.indent, this.itemSeparator, this.keySeparator) =
            (isAscii, sortsKeys, indent, itemSeparator, keySeparator);

    /// <summary>The filter <c>tojson</c> as Transformers has it.</summary>
    public static string Of(object? value, Arguments arguments)
    {
        BoundArguments bound = arguments.Bind("tojson", "ensure_ascii?", "indent?", "separators?", "sort_keys?");
        object? depth = bound.Or(1, null), separators = bound.Or(2, null);
        string? indent = depth is null
            ? null
            : PythonText.AsString(depth) ?? new string(' ', Math.Clamp(PythonValues.Index(depth), 0, 1000));
        string item = indent is null ? ", " : ",", key = ": ";
        if (separators is not null)
        {
            List<object?> pair = [.. PythonValues.Items(separators)];
            (item, key) = pair.Count == 2
                ? (PythonText.Text(pair[0]), PythonText.Text(pair[1]))
                : throw JinjaException.Value("separators must be a pair");
        }

        JsonText json = new(bound.Flag(0), bound.Flag(3), indent, item, key);
        json.Write(value, 1);
        return json.result.ToString();
    }

    private void Write(object? value, int depth)
    {
        Limits.Step();
        Limits.CheckLength(result.Length);
        switch (value)
        {
            case null:
                result.Append("null");
                break;
            case bool flag:
                result.Append(flag ? "true" : "false");
                break;
            case BigInteger:
                result.Append(PythonText.Repr(value));
                break;
            case double number:
                result.Append(Number(number));
                break;
            case string or JinjaMarkup:
                WriteText(PythonText.AsString(value)!);
                break;
            case List<object?> or JinjaTuple:
                IReadOnlyList<object?> items = value as List<object?> ?? ((JinjaTuple)value).Items;
                WriteAll('[', ']', items.Count, depth, i => Write(items[i], depth + 1));
                break;
            case JinjaDict dict:
                WriteDict(dict, depth);
                break;
            default:
                throw JinjaException.Type($"Object of type {PythonText.TypeName(value)} is not JSON serializable");
        }
    }

    private void WriteDict(JinjaDict dict, int depth)
    {
        List<object?> keys = sortsKeys ? PythonValues.Sorted(dict.Keys, key => key, isReversed: false) : [.. dict.Keys];
        WriteAll('{', '}', keys.Count, depth, i =>
        {
            dict.TryGet(keys[i], out object? value);
            WriteText(Key(keys[i]));
            result.Append(keySeparator);
            Write(value, depth + 1);
        });
    }

    private void WriteAll(char open, char close, int count, int depth, Action<int> write)
    {
        result.Append(open);
        for (int i = 0; i < count; i++)
        {
            result.Append(i == 0 ? "" : itemSeparator);
            NewLine(depth);
            write(i);
        }

        if (count > 0)
        {
            NewLine(depth - 1);
        }

        result.Append(close);
    }

    private void NewLine(int depth)
    {
        if (indent is not null)
        {
            Limits.CheckLength(result.Length + ((long)indent.Length * depth));
            result.Append('\n').Insert(result.Length, indent, depth);
        }
    }

    private static string Key(object? key) => key switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        double number => Number(number),
        BigInteger => PythonText.Repr(key),
        string or JinjaMarkup => PythonText.AsString(key)!,
        _ => throw JinjaException.Type($"keys must be str, int, float, bool or None, not {PythonText.TypeName(key)}"),
    };

    private static string Number(double number) =>
        double.IsFinite(number) ? PythonText.Number(number) : double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";

    private void WriteText(string text)
    {
        result.Append('"');
        foreach (char sign in text)
        {
            string? escape = sign switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' => $"\\u{(int)sign:x4}",
                > '~' when isAscii => $"\\u{(int)sign:x4}",
                _ => null,
            };
            if (escape is null)
            {
                result.Append(sign);
            }
            else
            {
                result.Append(escape);
            }
        }

        result.Append('"');
    }
}

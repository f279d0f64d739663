using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Model.Chat.Jinja;

/// <summary>Filters of texts.</summary>
internal static partial class TextFilters
{
    public static void AddTo(Dictionary<string, Filters.Function> table)
    {
        Add(table, "capitalize", (text, _) => PythonCase.Capitalize(text));
        Add(table, "center", (text, arguments) =>
            StringMethods.Table["center"](text, null!, Arguments.Of(arguments.Bind("center", "width?").Or(0, (BigInteger)80))));
        Add(table, "lower", (text, _) => PythonCase.Lower(text));
        Add(table, "title", (text, _) => Title(text));
        Add(table, "trim", (text, arguments) => StringMethods.Strip(text, arguments.Bind("trim", "chars?").StrictTextOrNone(0)));
        Add(table, "upper", (text, _) => PythonCase.Upper(text));
        table["e"] = table["escape"] = (_, value, _) => new JinjaMarkup(HtmlEscape.Of(value));
        table["forceescape"] = (_, value, _) => new JinjaMarkup(HtmlEscape.OfText(PythonText.Text(value)));
        table["format"] = (_, value, arguments) => PercentFormat.Apply(PythonText.Text(value), Values(arguments));
        table["indent"] = (_, value, arguments) => arguments.Bind("indent", "width?", "first?", "blank?") is var bound
            && value is JinjaMarkup markup
            ? new JinjaMarkup(Indent(markup.Text, bound)) : Indent((string)PythonOperators.Apply("+", value, "")!, bound);
        table["truncate"] =
            (_, value, arguments) => Truncate(value, arguments.Bind("truncate", "length?", "killwords?", "end?", "leeway?"));
        table["replace"] = (_, value, arguments) => arguments.Bind("replace", "old", "new", "count?") is var bound
            ? StringMethods.Replace(PythonText.Text(value), bound.Text(0), bound.Text(1), bound.Or(2, null) is null ? -1 : bound.Integer(2))
                : null;
        table["safe"] = (_, value, _) => value is JinjaMarkup ? value : new JinjaMarkup(PythonText.Text(value));
        table["string"] = (_, value, _) => value is JinjaMarkup ? value : PythonText.Text(value);
        table["striptags"] =
            (_, value, _) => Unescaped(Blanks().Replace(Tag().Replace(PythonText.Text(value), ""), " ").Trim(PythonText.Whitespace));
        table["urlencode"] = (_, value, _) => UrlEncode(value);
        table["wordcount"] = (_, value, _) => (BigInteger)Word().Count(PythonText.Text(value));
    }

    /// <summary>A filter of a text to a text; what counts as escaped still does.</summary>
    private static void Add(Dictionary<string, Filters.Function> table, string name, Func<string, Arguments, object?> filter) =>
        table[name] = (_, value, arguments) =>
        {
            object? result = filter(PythonText.Text(value), arguments);
            return value is JinjaMarkup && result is string text ? new JinjaMarkup(text) : result;
        };

    private static object? Values(Arguments arguments)
    {
        if (arguments.Keyword.Count == 0)
        {
            return new JinjaTuple(arguments.Positional);
        }

        if (arguments.Positional.Count > 0)
        {
            throw new JinjaException(JinjaErrorKind.Template, "can't handle positional and keyword arguments at the same time");
        }

        JinjaDict values = new();
        foreach ((string name, object? value) in arguments.Keyword)
        {
            values.Set(name, value);
        }

        return values;
    }

    private static string Indent(string text, BoundArguments arguments)
    {
        object? width = arguments.Or(0, (BigInteger)4);
        string indent = PythonText.AsString(width) ?? new string(' ', Math.Clamp(PythonValues.Index(width), 0, Limits.MaxLength));
        List<object?> lines = (List<object?>)StringMethods.Table["splitlines"](text + "\n", null!, Arguments.None)!;
        Limits.CheckLength(text.Length + ((long)indent.Length * lines.Count));
        StringBuilder result = new(arguments.Flag(1) ? indent : "");
        for (int i = 0; i < lines.Count; i++)
        {
            string line = (string)lines[i]!;
            result.Append(i == 0 ? "" : "\n").Append(i > 0 && (line.Length > 0 || arguments.Flag(2)) ? indent : "").Append(line);
        }

        return result.ToString();
    }

    private static string Title(string text) => string.Concat(WordStart().Split(text).Where(part => part.Length > 0).Select(part =>
        PythonSlices.Utf16Place(part, 1) is var first ? PythonCase.Upper(part[..first]) + PythonCase.Lower(part[first..]) : part));

    private static object? Truncate(object? value, BoundArguments arguments)
    {
        int measured = PythonValues.Length(value)
            ?? throw JinjaException.Type($"object of type '{PythonText.TypeName(value)}' has no len()");
        int length = arguments.Integer(0, 255), leeway = arguments.Or(3, null) is null ? 5 : arguments.Integer(3);
        string end = arguments.Text(2, "...");
        if (length < PythonText.Length(end) || leeway < 0)
        {
            throw new JinjaException(JinjaErrorKind.Other, $"expected length >= {PythonText.Length(end)}, got {length}");
        }

        if (measured <= (long)length + leeway)
        {
            return value;
        }

        string text = PythonText.AsString(value) ?? throw JinjaException.Type("can only concatenate list (not \"str\") to list");
        string kept = PythonSlices.Slice(text, 0, length - PythonText.Length(end));
        int space = arguments.Flag(1) ? -1 : kept.LastIndexOf(' ');
        return (space < 0 ? kept : kept[..space]) + end;
    }

    private static string Unescaped(string text) => text
        .Replace("&lt;", "<", StringComparison.Ordinal)
        .Replace("&gt;", ">", StringComparison.Ordinal)
        .Replace("&#34;", "\"", StringComparison.Ordinal)
        .Replace("&#39;", "'", StringComparison.Ordinal)
        .Replace("&amp;", "&", StringComparison.Ordinal);

    private static string UrlEncode(object? value)
    {
        if (PythonText.AsString(value) is not null || PythonValues.TryItems(value) is null)
        {
            return Quoted(value, isQuery: false);
        }

        IEnumerable<object?> pairs = value is JinjaDict dict ? dict.Pairs() : PythonValues.Items(value);
        return string.Join('&', pairs.Select(pair => PythonValues.Items(pair).ToList() is { Count: 2 } two
            ? $"{Quoted(two[0], isQuery: true)}={Quoted(two[1], isQuery: true)}"
                : throw JinjaException.Value("not enough values to unpack (expected 2)")));
    }

    private static string Quoted(object? value, bool isQuery)
    {
        StringBuilder result = new();
        foreach (byte one in Encoding.UTF8.GetBytes(PythonText.Text(value)))
        {
            bool isPlain = char.IsAsciiLetterOrDigit((char)one) || one is (byte)'_' or (byte)'.' or (byte)'-' or (byte)'~'
                || (one == '/' && !isQuery);
            result.Append(
                isPlain ? ((char)one).ToString() : one == ' ' && isQuery ? "+" : string.Create(CultureInfo.InvariantCulture, $"%{one:X2}"));
        }

        return result.ToString();
    }

    [GeneratedRegex(@"([-\s({\[<]+)")]
    private static partial Regex WordStart();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"<!--.*?-->|<[^>]*>", RegexOptions.Singleline)]
    private static partial Regex Tag();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}

using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>The methods of a text.</summary>
internal static class StringMethods
{
    public static readonly Dictionary<string, Func<string, Interpreter, Arguments, object?>> Table = new()
    {
        ["capitalize"] = (text, _, _) => PythonCase.Capitalize(text),
        ["casefold"] = (text, _, _) => PythonCase.Lower(text).Replace("ß", "ss", StringComparison.Ordinal).Replace('ς', 'σ'),
        ["center"] = (text, _, arguments) => Padded(text, arguments, '^'),
        ["count"] = (text, _, arguments) => Count(text, arguments.Bind("count", "sub", "start?", "end?")),
        ["encode"] = (text, _, arguments) => Encode(text, arguments.Bind("encode", "encoding?", "errors?")),
        ["endswith"] = (text, _, arguments) =>
            StartsOrEnds(
                text, arguments.Bind("endswith", "suffix", "start?", "end?"), (part, end) => part.EndsWith(end, StringComparison.Ordinal)),
        ["expandtabs"] = (text, _, arguments) => ExpandTabs(text, arguments.Bind("expandtabs", "tabsize?").Integer(0, 8)),
        ["find"] = (text, _, arguments) => Find("find", text, arguments, isLast: false) ?? BigInteger.MinusOne,
        ["format"] = (text, interpreter, arguments) => StringFormat.Apply(text, interpreter, arguments),
        ["format_map"] = (text, interpreter, arguments) =>
            StringFormat.ApplyMap(text, interpreter, arguments.Bind("format_map", "mapping")[0]),
        ["index"] = (text, _, arguments) => Find("index", text, arguments, isLast: false)
            ?? throw JinjaException.Value("substring not found"),
        ["isalnum"] = (text, _, _) => Every(text, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune)),
        ["isalpha"] = (text, _, _) => Every(text, Rune.IsLetter),
        ["isascii"] = (text, _, _) => text.All(char.IsAscii),
        ["isdecimal"] = (text, _, _) => Every(text, Rune.IsDigit),
        ["isdigit"] = (text, _, _) => Every(text, IsDigit),
        ["islower"] = (text, _, _) => PythonCase.IsAll(text, isUpper: false),
        ["isnumeric"] = (text, _, _) => Every(text, Rune.IsNumber),
        ["isspace"] = (text, _, _) => text.Length > 0 && text.All(sign => PythonText.Whitespace.Contains(sign)),
        ["istitle"] = (text, _, _) => PythonCase.Title(text) == text && text.Any(char.IsLetter),
        ["isupper"] = (text, _, _) => PythonCase.IsAll(text, isUpper: true),
        ["join"] = (text, _, arguments) => Join(text, arguments.Bind("join", "iterable")[0]),
        ["ljust"] = (text, _, arguments) => Padded(text, arguments, '<'),
        ["lower"] = (text, _, _) => PythonCase.Lower(text),
        ["lstrip"] = (text, _, arguments) =>
            Strip(text, arguments.Bind("lstrip", "chars?").StrictTextOrNone(0), atStart: true, atEnd: false),
        ["partition"] = (text, _, arguments) => Partition(text, arguments.Bind("partition", "sep").StrictText(0), isLast: false),
        ["removeprefix"] = (text, _, arguments) =>
            arguments.Bind("removeprefix", "prefix").StrictText(0) is var prefix && text.StartsWith(prefix, StringComparison.Ordinal)
                ? text[prefix.Length..] : text,
        ["removesuffix"] = (text, _, arguments) =>
            arguments.Bind("removesuffix", "suffix").StrictText(0) is var suffix && text.EndsWith(suffix, StringComparison.Ordinal)
                ? text[..^suffix.Length] : text,
        ["replace"] = (text, _, arguments) =>
            arguments.Bind("replace", "old", "new", "count?") is var bound
                ? Replace(text, bound.StrictText(0), bound.StrictText(1), bound.Integer(2, -1)) : null,
        ["rfind"] = (text, _, arguments) => Find("rfind", text, arguments, isLast: true) ?? BigInteger.MinusOne,
        ["rindex"] = (text, _, arguments) => Find("rindex", text, arguments, isLast: true)
            ?? throw JinjaException.Value("substring not found"),
        ["rjust"] = (text, _, arguments) => Padded(text, arguments, '>'),
        ["rpartition"] = (text, _, arguments) => Partition(text, arguments.Bind("rpartition", "sep").StrictText(0), isLast: true),
        ["rsplit"] = (text, _, arguments) => Split(text, arguments.Bind("rsplit", "sep?", "maxsplit?"), fromEnd: true),
        ["rstrip"] = (text, _, arguments) =>
            Strip(text, arguments.Bind("rstrip", "chars?").StrictTextOrNone(0), atStart: false, atEnd: true),
        ["split"] = (text, _, arguments) => Split(text, arguments.Bind("split", "sep?", "maxsplit?"), fromEnd: false),
        ["splitlines"] = (text, _, arguments) => SplitLines(text, arguments.Bind("splitlines", "keepends?").Flag(0)),
        ["startswith"] = (text, _, arguments) =>
            StartsOrEnds(
                text, arguments.Bind("startswith", "prefix", "start?", "end?"),
                (part, start) => part.StartsWith(start, StringComparison.Ordinal)),
        ["strip"] = (text, _, arguments) => Strip(text, arguments.Bind("strip", "chars?").StrictTextOrNone(0)),
        ["swapcase"] = (text, _, _) => PythonCase.SwapCase(text),
        ["title"] = (text, _, _) => PythonCase.Title(text),
        ["upper"] = (text, _, _) => PythonCase.Upper(text),
        ["zfill"] = (text, _, arguments) => ZeroFill(text, arguments.Bind("zfill", "width").Integer(0)),
    };

    /// <summary>Without the characters, or white space, at its ends.</summary>
    public static string Strip(string text, string? characters, bool atStart = true, bool atEnd = true)
    {
        if (characters is null || !characters.Any(char.IsSurrogate))
        {
            char[] signs = characters?.ToCharArray() ?? PythonText.Whitespace;
            text = atStart && signs.Length > 0 ? text.TrimStart(signs) : text;
            return atEnd && signs.Length > 0 ? text.TrimEnd(signs) : text;
        }

        HashSet<string> set = [.. PythonText.Characters(characters)];
        List<string> rest = [.. PythonText.Characters(text)];
        int start = atStart ? rest.TakeWhile(set.Contains).Count() : 0;
        int end = atEnd ? rest.Count - rest.Skip(start).Reverse().TakeWhile(set.Contains).Count() : rest.Count;
        return string.Concat(rest[start..end]);
    }

    /// <summary>With the first so many places replaced; all where the count is negative.</summary>
    public static string Replace(string text, string old, string replacement, int count)
    {
        // Between any two characters, and at both ends, stands the empty text.
        IEnumerable<string> parts = old.Length == 0
            ? ["", .. PythonText.Characters(text), ""]
            : count < 0 ? text.Split(old) : SplitBy(text, old, count);
        List<string> pieces = [.. parts];
        int places = old.Length == 0 && text.Length == 0 ? 1 : pieces.Count - 1;
        places = count < 0 ? places : Math.Min(places, count);
        if (old.Length == 0)
        {
            pieces = text.Length == 0 ? ["", ""] : pieces;
            pieces = places == pieces.Count - 1 ? pieces : [.. pieces[..places], string.Concat(pieces[places..])];
        }

        Limits.CheckLength(text.Length + ((long)places * replacement.Length));
        return places <= 0 ? text : string.Join(replacement, pieces);
    }

    private static string Join(string separator, object? items)
    {
        List<string> texts = [];
        long length = 0;
        foreach (object? item in PythonValues.TryItems(items) ?? throw JinjaException.Type("can only join an iterable"))
        {
            string text = PythonText.AsString(item)
                ?? throw JinjaException.Type($"sequence item {texts.Count}: expected str instance, {PythonText.TypeName(item)} found");
            Limits.CheckLength(length += text.Length + separator.Length);
            texts.Add(text);
        }

        return string.Join(separator, texts);
    }

    private static object? Encode(
        string text, BoundArguments arguments) => arguments.Text(0, "utf-8").ToLowerInvariant().Replace('_', '-') switch
        {
            "utf-8" or "utf8" => new JinjaBytes(Encoding.UTF8.GetBytes(text)),
            "ascii" or "us-ascii" or "latin-1" when text.All(char.IsAscii) => new JinjaBytes(Encoding.ASCII.GetBytes(text)),
            var name => throw JinjaException.Value($"'{name}' cannot encode this text, or is not supported"),
        };

    /// <summary>Digits and what is written as one, as superscripts are.</summary>
    private static bool IsDigit(Rune rune) =>
        Rune.IsDigit(rune) || (Rune.IsNumber(rune) && Rune.GetNumericValue(rune) is >= 0 and < 10 and var value
            && value == Math.Floor(value));

    private static bool Every(string text, Func<Rune, bool> holds) => text.Length > 0 && text.EnumerateRunes().All(holds);

    private static string Padded(string text, Arguments arguments, char align)
    {
        BoundArguments bound = arguments.Bind("justify", "width", "fillchar?");
        string fill = bound.Has(1) ? bound.StrictText(1) : " ";
        int missing = bound.Integer(0) - PythonText.Length(text);
        if (PythonText.Length(fill) != 1)
        {
            throw JinjaException.Type("The fill character must be exactly one character long");
        }

        if (missing <= 0)
        {
            return text;
        }

        Limits.CheckLength(missing);
        int left = align switch { '<' => 0, '>' => missing, _ => (missing / 2) + (missing & bound.Integer(0) & 1) };
        string Filled(int count) => new StringBuilder().Insert(0, fill, count).ToString();
        return Filled(left) + text + Filled(missing - left);
    }

    private static string ZeroFill(string text, int width)
    {
        Limits.CheckLength(width);
        int missing = Math.Max(0, width - PythonText.Length(text)), sign = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        return text.Insert(sign, new string('0', missing));
    }

    private static string ExpandTabs(string text, int size)
    {
        StringBuilder result = new();
        int column = 0;
        foreach (string sign in PythonText.Characters(text))
        {
            int blanks = sign != "\t" ? 0 : size > 0 ? size - (column % size) : 0;
            Limits.CheckLength((long)result.Length + blanks);
            result.Append(sign == "\t" ? new string(' ', blanks) : sign);
            column = sign is "\n" or "\r" ? 0 : column + (sign == "\t" ? blanks : 1);
        }

        return result.ToString();
    }

    /// <summary>The part between optional ends, and where it starts; null where the start lies past the end.</summary>
    private static (string Part, int Start)? Part(string text, BoundArguments arguments)
    {
        int length = PythonText.Length(text);
        int End(int place, int otherwise) => arguments.Or(place, null) is null ? otherwise
            : arguments.Integer(place) is var end && end < 0 ? Math.Max(0, end + length) : end;
        int start = End(1, 0), stop = Math.Min(length, End(2, length));
        return start > length || start > stop ? null : (PythonSlices.Slice(text, start, stop), start);
    }

    private static object? Find(string name, string text, Arguments arguments, bool isLast)
    {
        BoundArguments bound = arguments.Bind(name, "sub", "start?", "end?");
        string sought = bound.StrictText(0);
        if (Part(text, bound) is not { } part)
        {
            return null;
        }

        int place = isLast ? part.Part.LastIndexOf(sought, StringComparison.Ordinal) : part.Part.IndexOf(sought, StringComparison.Ordinal);
        return place < 0 ? null : (BigInteger)(part.Start + PythonText.Length(part.Part[..place]));
    }

    private static object? Count(string text, BoundArguments arguments)
    {
        string sought = arguments.StrictText(0);
        return (BigInteger)(Part(text, arguments) is not { } part ? 0
            : sought.Length == 0 ? PythonText.Length(part.Part) + 1 : part.Part.AsSpan().Count(sought));
    }

    private static object? StartsOrEnds(string text, BoundArguments arguments, Func<string, string, bool> holds)
    {
        IReadOnlyList<object?> sought = arguments[0] is JinjaTuple tuple ? tuple.Items : [arguments[0]];
        (string Part, int Start)? part = Part(text, arguments);
        return sought.Any(one => (PythonText.AsString(one) ?? throw JinjaException.Type(
            $"first arg must be str or a tuple of str, not {PythonText.TypeName(one)}")) is var end && part is not null
                && holds(part.Value.Part, end));
    }

    private static JinjaTuple Partition(string text, string separator, bool isLast)
    {
        if (separator.Length == 0)
        {
            throw JinjaException.Value("empty separator");
        }

        int place = isLast ? text.LastIndexOf(separator, StringComparison.Ordinal) : text.IndexOf(separator, StringComparison.Ordinal);
        return place >= 0 ? new([text[..place], separator, text[(place + separator.Length)..]])
            : new(isLast ? ["", "", text] : [text, "", ""]);
    }

    private static List<object?> Split(string text, BoundArguments arguments, bool fromEnd)
    {
        int most = arguments.Integer(1, -1);
        if (arguments.StrictTextOrNone(0) is not { } separator)
        {
            return SplitByBlanks(text, most < 0 ? int.MaxValue : most, fromEnd);
        }

        return separator.Length == 0 ? throw JinjaException.Value("empty separator")
            : most < 0 ? [.. text.Split(separator)]
            : fromEnd ? SplitByFromEnd(text, separator, most) : [.. SplitBy(text, separator, most)];
    }

    private static string[] SplitBy(string text, string separator, int most) =>
        most == int.MaxValue ? text.Split(separator) : text.Split(separator, most + 1);

    private static List<object?> SplitByFromEnd(string text, string separator, int most)
    {
        List<object?> parts = [];
        int end = text.Length;
        for (int place;
            parts.Count < most && end >= separator.Length && (place = text.LastIndexOf(separator, end - 1, StringComparison.Ordinal)) >= 0;
            end = place)
        {
            parts.Insert(0, text[(place + separator.Length)..end]);
        }

        return [text[..end], .. parts];
    }

    private static List<object?> SplitByBlanks(string text, int most, bool fromEnd)
    {
        List<(int Start, int End)> words = [];
        for (int i = 0; i < text.Length; i++)
        {
            bool isBlank = PythonText.Whitespace.AsSpan().Contains(text[i]);
            if (!isBlank && words.Count > 0 && words[^1].End == i)
            {
                words[^1] = (words[^1].Start, i + 1);
            }
            else if (!isBlank)
            {
                words.Add((i, i + 1));
            }
        }

        int rest = words.Count - most;
        IEnumerable<object?> Texts(IEnumerable<(int Start, int End)> some) => some.Select(word => (object?)text[word.Start..word.End]);
        return rest <= 0 ? [.. Texts(words)]
            : fromEnd ? [text[words[0].Start..words[rest - 1].End].TrimStart(PythonText.Whitespace), .. Texts(words.Skip(rest))]
            : [.. Texts(words.Take(most)), text[words[most].Start..]];
    }

    private static List<object?> SplitLines(string text, bool keepsEnds)
    {
        List<object?> lines = [];
        for (int start = 0; start < text.Length;)
        {
            int end = text.AsSpan(start).IndexOfAny("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029");
            int stop = end < 0 ? text.Length : start + end;
            int next = end < 0 ? stop : stop + (text.AsSpan(stop).StartsWith("\r\n") ? 2 : 1);
            lines.Add(text[start..(keepsEnds ? next : stop)]);
            start = next;
        }

        return lines;
    }
}

using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>Filters of lists and other values with items.</summary>
internal static class SequenceFilters
{
    public static void AddTo(Dictionary<string, Filters.Function> table)
    {
        table["batch"] = (_, value, arguments) =>
            new JinjaIterator("<generator object do_batch>", Batch(value, arguments.Bind("batch", "linecount", "fill_with?")));
        table["count"] = table["length"] = (_, value, _) =>
            (BigInteger)(PythonValues.Length(value)
                ?? throw JinjaException.Type($"object of type '{PythonText.TypeName(value)}' has no len()"));
        table["dictsort"] = (_, value, arguments) => DictSort(value, arguments.Bind("dictsort", "case_sensitive?", "by?", "reverse?"));
        table["first"] = (_, value, _) => First(PythonValues.Items(value), "No first item, sequence was empty.");
        table["groupby"] = (interpreter, value, arguments) =>
            GroupBy(interpreter, value, arguments.Bind("groupby", "attribute", "default?", "case_sensitive?"));
        table["items"] = (_, value, _) => value is JinjaUndefined ? new JinjaIterator("<generator object do_items>", [])
            : value is JinjaDict dict ? new JinjaIterator("<generator object do_items>", dict.Pairs())
            : throw JinjaException.Type("Can only get item pairs from a mapping.");
        table["join"] = (interpreter, value, arguments) => Join(interpreter, value, arguments.Bind("join", "d?", "attribute?"));
        table["last"] = (_, value, _) => First(Reversed(value), "No last item, sequence was empty.");
        table["list"] = (_, value, _) => (List<object?>)[.. PythonValues.Items(value)];
        table["max"] = (interpreter, value, arguments) =>
            Extreme(interpreter, value, arguments.Bind("max", "case_sensitive?", "attribute?"), ">");
        table["min"] = (interpreter, value, arguments) =>
            Extreme(interpreter, value, arguments.Bind("min", "case_sensitive?", "attribute?"), "<");
        table["reverse"] = (_, value, _) => value switch
        {
            string text => string.Concat(PythonText.Characters(text).Reverse()),
            JinjaMarkup markup => new JinjaMarkup(string.Concat(PythonText.Characters(markup.Text).Reverse())),
            JinjaIterator => (List<object?>)[.. PythonValues.Items(value).Reverse()],
            _ => new JinjaIterator(
                "<reversed object>",
                PythonValues.TryItems(value)?.Reverse() ?? throw new JinjaException(JinjaErrorKind.Template, "argument must be iterable")),
        };
        table["slice"] = (_, value, arguments) =>
            new JinjaIterator("<generator object do_slice>", Slices(value, arguments.Bind("slice", "slices", "fill_with?")));
        table["sort"] = (interpreter, value, arguments) =>
            Sort(interpreter, value, arguments.Bind("sort", "reverse?", "case_sensitive?", "attribute?"));
        table["sum"] = (interpreter, value, arguments) => Sum(interpreter, value, arguments.Bind("sum", "attribute?", "start?"));
        table["unique"] = (interpreter, value, arguments) =>
            new JinjaIterator(
                "<generator object do_unique>", Unique(interpreter, value, arguments.Bind("unique", "case_sensitive?", "attribute?")));
    }

    /// <summary>What reads an attribute as <c>a.b.0</c> of an item; the item itself where none is asked for.</summary>
    public static Func<object?, object?> Getter(
        Interpreter interpreter, object? attribute, bool ignoresCase = false, object? otherwise = null)
    {
        object?[] parts = attribute is null ? []
            : PythonText.AsString(attribute) is { } path
                ? [.. path.Split('.')
                    .Select(part => part.All(char.IsAsciiDigit) && part.Length > 0 ? PythonNumbers.ParseInteger(part) : (object?)part)]
            : [attribute];
        return item =>
        {
            foreach (object? part in parts)
            {
                item = interpreter.Item(item, part);
                item = item is JinjaUndefined && otherwise is not null ? otherwise : item;
            }

            return ignoresCase && PythonText.AsString(item) is { } text ? PythonCase.Lower(text) : item;
        };
    }

    private static object? First(IEnumerable<object?> items, string message)
    {
        foreach (object? item in items)
        {
            return item;
        }

        return new JinjaUndefined(message);
    }

    private static IEnumerable<object?> Reversed(object? value) =>
        value is JinjaIterator ? throw JinjaException.Type("'generator' object is not reversible") : PythonValues.Items(value).Reverse();

    private static IEnumerable<object?> Batch(object? value, BoundArguments arguments)
    {
        int count = arguments.Integer(0);
        Limits.CheckLength(count);
        List<object?> batch = [];
        foreach (object? item in PythonValues.Items(value))
        {
            if (batch.Count == count)
            {
                yield return batch;
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count > 0)
        {
            object? fill = arguments.Or(1, null);
            yield return fill is null ? batch : (List<object?>)[.. batch, .. Enumerable.Repeat(fill, Math.Max(0, count - batch.Count))];
        }
    }

    private static IEnumerable<object?> Slices(object? value, BoundArguments arguments)
    {
        List<object?> items = [.. PythonValues.Items(value)];
        int slices = arguments.Integer(0);
        if (slices == 0)
        {
            throw new JinjaException(JinjaErrorKind.ZeroDivision, "integer division or modulo by zero");
        }

        Limits.Work(slices);
        int length = items.Count / slices, longer = items.Count % slices, start = 0;
        object? fill = arguments.Or(1, null);
        for (int i = 0; i < slices; i++)
        {
            int end = start + length + (i < longer ? 1 : 0);
            List<object?> slice = items[start..end];
            if (fill is not null && i >= longer)
            {
                slice.Add(fill);
            }

            yield return slice;
            start = end;
        }
    }

    private static List<object?> DictSort(object? value, BoundArguments arguments)
    {
        JinjaDict dict = value as JinjaDict ?? throw (value is JinjaUndefined undefined ? undefined.Error()
            : new JinjaException(JinjaErrorKind.Other, $"'{PythonText.TypeName(value)}' object has no attribute 'items'"));
        int place = arguments.Text(1, "key") switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw new JinjaException(JinjaErrorKind.Template, "You can only sort by either \"key\" or \"value\""),
        };
        bool isSensitive = arguments.Flag(0);
        return PythonValues.Sorted(dict.Pairs(), pair => Folded(((JinjaTuple)pair!).Items[place], isSensitive), arguments.Flag(2));
    }

    private static object? Folded(object? value, bool isSensitive) =>
        !isSensitive && PythonText.AsString(value) is { } text ? PythonCase.Lower(text) : value;

    private static List<object?> GroupBy(Interpreter interpreter, object? value, BoundArguments arguments)
    {
        object? otherwise = arguments.Or(1, null);
        Func<object?, object?> key = Getter(interpreter, arguments[0], !arguments.Flag(2), otherwise),
            shown = Getter(interpreter, arguments[0], otherwise: otherwise);
        List<object?> groups = [];
        List<object?> group = [];
        foreach (object? item in PythonValues.Sorted(PythonValues.Items(value), key, isReversed: false))
        {
            if (group.Count == 0 || !PythonValues.AreEqual(key(group[0]), key(item)))
            {
                group = [];
                groups.Add(new JinjaTuple([shown(item), group], ["grouper", "list"]));
            }

            group.Add(item);
        }

        return groups;
    }

    private static string Join(Interpreter interpreter, object? value, BoundArguments arguments)
    {
        Func<object?, object?> getter = Getter(interpreter, arguments.Or(1, null));
        string separator = arguments.Text(0);
        StringBuilder result = new();
        bool isFirst = true;
        foreach (object? item in PythonValues.Items(value))
        {
            string text = PythonText.Text(getter(item));
            Limits.CheckLength((long)result.Length + separator.Length + text.Length);
            result.Append(isFirst ? "" : separator).Append(text);
            isFirst = false;
        }

        return result.ToString();
    }

    private static object? Extreme(Interpreter interpreter, object? value, BoundArguments arguments, string sign)
    {
        Func<object?, object?> key = Getter(interpreter, arguments.Or(1, null), !arguments.Flag(0));
        bool isFirst = true;
        object? best = new JinjaUndefined("No aggregated item, sequence was empty.");
        foreach (object? item in PythonValues.Items(value))
        {
            best = isFirst || PythonValues.Compares(sign, key(item), key(best)) ? item : best;
            isFirst = false;
        }

        return best;
    }

    private static List<object?> Sort(Interpreter interpreter, object? value, BoundArguments arguments)
    {
        object? attribute = arguments.Or(2, null);
        bool ignoresCase = !arguments.Flag(1);
        List<Func<object?, object?>> getters = PythonText.AsString(attribute) is { } names
            ? [.. names.Split(',').Select(name => Getter(interpreter, name, ignoresCase))]
            : [Getter(interpreter, attribute, ignoresCase)];
        return PythonValues.Sorted(PythonValues.Items(value), item => getters.ConvertAll(getter => getter(item)), arguments.Flag(0));
    }

    private static object? Sum(Interpreter interpreter, object? value, BoundArguments arguments)
    {
        Func<object?, object?> getter = Getter(interpreter, arguments.Or(0, null));
        object? total = arguments.Or(1, BigInteger.Zero);
        if (PythonText.AsString(total) is not null)
        {
            throw JinjaException.Type("sum() can't sum strings [use ''.join(seq) instead]");
        }

        foreach (object? item in PythonValues.Items(value))
        {
            total = PythonOperators.Apply("+", total, getter(item));
            Limits.Work(PythonValues.Size(total));
        }

        return total;
    }

    private static IEnumerable<object?> Unique(Interpreter interpreter, object? value, BoundArguments arguments)
    {
        Func<object?, object?> key = Getter(interpreter, arguments.Or(1, null), !arguments.Flag(0));
        JinjaDict seen = new();
        foreach (object? item in PythonValues.Items(value))
        {
            object? one = key(item);
            if (!seen.TryGet(one, out _))
            {
                seen.Set(one, null);
                yield return item;
            }
        }
    }
}

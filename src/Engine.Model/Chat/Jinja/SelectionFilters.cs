namespace Engine.Model.Chat.Jinja;

/// <summary>
/// The filters <c>map</c>, <c>select</c>, <c>reject</c> and those by an attribute. They work while their items are taken.
/// </summary>
internal static class SelectionFilters
{
    public static void AddTo(Dictionary<string, Filters.Function> table)
    {
        table["map"] = (interpreter, value, arguments) =>
            new JinjaIterator("<generator object sync_do_map>", Map(interpreter, value, arguments));
        Add(table, "select", hasAttribute: false, keeps: true);
        Add(table, "reject", hasAttribute: false, keeps: false);
        Add(table, "selectattr", hasAttribute: true, keeps: true);
        Add(table, "rejectattr", hasAttribute: true, keeps: false);
    }

    private static void Add(Dictionary<string, Filters.Function> table, string name, bool hasAttribute, bool keeps) =>
        table[name] = (interpreter, value, arguments) =>
            new JinjaIterator($"<generator object sync_do_{name}>", Select(interpreter, value, arguments, hasAttribute, keeps));

    private static IEnumerable<object?> Map(Interpreter interpreter, object? value, Arguments arguments)
    {
        if (value is not JinjaIterator && !PythonValues.IsTrue(value))
        {
            yield break;
        }

        Func<object?, object?> map = Mapping(interpreter, arguments);
        foreach (object? item in PythonValues.Items(value))
        {
            Limits.Step();
            yield return map(item);
        }
    }

    private static Func<object?, object?> Mapping(Interpreter interpreter, Arguments arguments)
    {
        bool byAttribute = arguments.Positional.Count == 0 && arguments.Keyword.Any(pair => pair.Key == "attribute");
        if (byAttribute)
        {
            BoundArguments bound = new Arguments([], arguments.Keyword).Bind("map", "attribute", "default?");
            return SequenceFilters.Getter(interpreter, bound[0], otherwise: bound.Or(1, null));
        }

        string name = arguments.Positional.Count > 0 ? PythonText.Text(arguments.Positional[0])
            : throw new JinjaException(JinjaErrorKind.Template, "map requires a filter argument");
        Arguments rest = new([.. arguments.Positional.Skip(1)], arguments.Keyword);
        return item => interpreter.Filter(name, item, rest);
    }

    private static IEnumerable<object?> Select(Interpreter interpreter, object? value, Arguments arguments, bool hasAttribute, bool keeps)
    {
        if (value is not JinjaIterator && !PythonValues.IsTrue(value))
        {
            yield break;
        }

        int testPlace = hasAttribute ? 1 : 0;
        if (arguments.Positional.Count < testPlace)
        {
            throw new JinjaException(JinjaErrorKind.Template, "Missing parameter for attribute name");
        }

        Func<object?, object?> getter = SequenceFilters.Getter(interpreter, hasAttribute ? arguments.Positional[0] : null);
        string? test = arguments.Positional.Count > testPlace ? PythonText.Text(arguments.Positional[testPlace]) : null;
        Arguments rest = new([.. arguments.Positional.Skip(testPlace + 1)], arguments.Keyword);
        foreach (object? item in PythonValues.Items(value))
        {
            Limits.Step();
            object? tested = getter(item);
            if ((test is null ? PythonValues.IsTrue(tested) : interpreter.Test(test, tested, rest)) == keeps)
            {
                yield return item;
            }
        }
    }
}

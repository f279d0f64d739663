using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>The functions that every template has.</summary>
internal static class Globals
{
    public static Dictionary<string, object?> Of(JinjaOptions options) => new()
    {
        ["range"] = new JinjaFunction("<function safe_range>", (_, arguments) => Range(arguments)),
        ["dict"] = new JinjaFunction("<class 'dict'>", (_, arguments) => Dict(arguments)),
        ["namespace"] = new JinjaFunction("<class 'jinja2.utils.Namespace'>", (_, arguments) => new Namespace(Dict(arguments))),
        ["cycler"] = new JinjaFunction("<class 'jinja2.utils.Cycler'>", (_, arguments) => new Cycler(arguments.Positional)),
        ["joiner"] = new JinjaFunction(
            "<class 'jinja2.utils.Joiner'>", (_, arguments) => new Joiner(arguments.Bind("joiner", "sep?").Or(0, ", "))),
        ["raise_exception"] = new JinjaFunction("<function raise_exception>", (_, arguments) =>
            throw new JinjaException(JinjaErrorKind.RaiseException, arguments.Bind("raise_exception", "message").Text(0))),
        ["strftime_now"] = new JinjaFunction(
            "<function strftime_now>",
            (_, arguments) => TimeFormat.Apply(arguments.Bind("strftime_now", "format").StrictText(0), options.Now)),
    };

    private static JinjaRange Range(Arguments arguments)
    {
        BigInteger[] values = [.. arguments.Positional.Select(value => value is JinjaUndefined undefined ? throw undefined.Error()
            : PythonValues.AsInteger(value)
                ?? throw JinjaException.Type($"'{PythonText.TypeName(value)}' object cannot be interpreted as an integer"))];
        return values.Length switch
        {
            _ when arguments.Keyword.Count > 0 => throw JinjaException.Type("range() takes no keyword arguments"),
            1 => new(0, values[0], 1),
            2 => new(values[0], values[1], 1),
            3 => new(values[0], values[1], values[2]),
            _ => throw JinjaException.Type($"range expected 1 to 3 arguments, got {values.Length}"),
        };
    }

    private static JinjaDict Dict(Arguments arguments)
    {
        JinjaDict result = new();
        if (arguments.Positional.Count > 1)
        {
            throw JinjaException.Type($"dict expected at most 1 argument, got {arguments.Positional.Count}");
        }

        object? source = arguments.Positional.Count == 0 ? null : arguments.Positional[0];
        IEnumerable<object?> pairs = arguments.Positional.Count == 0
            ? []
            : source is JinjaDict dict ? dict.Pairs() : PythonValues.Items(source);
        foreach (object? pair in pairs)
        {
            List<object?> items = [.. PythonValues.TryItems(pair)
                ?? throw JinjaException.Type("cannot convert dictionary update sequence element to a sequence")];
            if (items.Count != 2)
            {
                throw JinjaException.Value($"dictionary update sequence element has length {items.Count}; 2 is required");
            }

            result.Set(items[0], items[1]);
        }

        foreach ((string name, object? value) in arguments.Keyword)
        {
            result.Set(name, value);
        }

        return result;
    }
}

/// <summary>What <c>namespace()</c> makes: the one value whose attributes a template may set.</summary>
internal sealed class Namespace : IJinjaObject
{
    public Namespace(JinjaDict values)
    {
        for (int i = 0; i < values.Count; i++)
        {
            Values[PythonText.Text(values.Keys[i])] = values.Values[i];
        }
    }

    public string TypeName => "Namespace";

    public string Module => "jinja2.utils";

    public Dictionary<string, object?> Values { get; } = [];

    public string Description =>
        $"<Namespace {{{string.Join(", ", Values.Select(pair => $"{PythonText.Repr(pair.Key)}: {PythonText.Repr(pair.Value)}"))}}}>";

    public bool TryGetMember(string name, out object? value) => Values.TryGetValue(name, out value);
}

/// <summary>What <c>cycler()</c> makes.</summary>
internal sealed class Cycler : IJinjaObject
{
    private readonly IReadOnlyList<object?> items;
    private int place;

    public Cycler(IReadOnlyList<object?> items) =>
        this.items = items.Count > 0 ? items : throw new JinjaException(JinjaErrorKind.Other, "at least one item has to be provided");

    public string TypeName => "Cycler";

    public string Module => "jinja2.utils";

    public bool TryGetMember(string name, out object? value)
    {
        value = name switch
        {
            "current" => items[place],
            "next" => new JinjaFunction("<bound method Cycler.next>", (_, _) => Next()),
            "reset" => new JinjaFunction("<bound method Cycler.reset>", (_, _) => Reset()),
            _ => null,
        };
        return value is not null || name == "current";
    }

    private object? Next()
    {
        object? item = items[place];
        place = (place + 1) % items.Count;
        return item;
    }

    private object? Reset()
    {
        place = 0;
        return null;
    }
}

/// <summary>What <c>joiner()</c> makes: nothing at the first call, then the separator.</summary>
internal sealed class Joiner(object? separator) : IJinjaObject, IJinjaCallable
{
    private bool isUsed;

    public string TypeName => "Joiner";

    public string Module => "jinja2.utils";

    public bool TryGetMember(string name, out object? value)
    {
        value = name switch { "sep" => separator, "used" => isUsed, _ => null };
        return name is "sep" or "used";
    }

    public object? Call(Interpreter interpreter, Arguments arguments)
    {
        object? result = isUsed ? separator : "";
        isUsed = true;
        return result;
    }
}

/// <summary>The variable <c>self</c>: the template's blocks by name.</summary>
internal sealed class TemplateReference(Func<string, object?> block) : IJinjaObject
{
    public string TypeName => "TemplateReference";

    public string Description => "<TemplateReference None>";

    public bool TryGetMember(string name, out object? value) => (value = block(name)) is not null;
}

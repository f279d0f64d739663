using System.Numerics;
using System.Text;

namespace Engine.Model.Chat.Jinja;

/// <summary>The attributes of values, of which the sandbox gives out those that change nothing and have no underscore.</summary>
internal static class Members
{
    private static readonly HashSet<string> Internals =
    [
        "__class__", "__doc__", "__init__", "__new__", "__dir__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__",
        "__str__", "__hash__", "__format__",
        "__getattribute__", "__setattr__", "__delattr__", "__reduce__", "__reduce_ex__", "__sizeof__", "__init_subclass__",
        "__subclasshook__",
    ];

    private static readonly HashSet<string> ListChanges = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
    private static readonly HashSet<string> DictChanges = ["clear", "pop", "popitem", "setdefault", "update"];

    /// <summary>The attribute, or what an unsafe one is: undefined, and an error when it is used.</summary>
    public static bool TryGet(object? owner, string name, out object? value)
    {
        bool isUnsafe = Internals.Contains(name) || (owner is List<object?> && ListChanges.Contains(name))
            || (owner is JinjaDict && DictChanges.Contains(name));
        value = isUnsafe ? JinjaUndefined.Unsafe(owner, name) : null;
        return isUnsafe || owner switch
        {
            string text => TryMethod(text, name, isMarkup: false, out value),
            JinjaMarkup markup => TryMethod(markup.Text, name, isMarkup: true, out value),
            IJinjaObject thing => thing.TryGetMember(name, out value),
            _ => (value = Of(owner, name)) is not null,
        };
    }

    private static bool TryMethod(string text, string name, bool isMarkup, out object? value)
    {
        bool isThere = StringMethods.Table.TryGetValue(name, out Func<string, Interpreter, Arguments, object?>? method);
        value = isThere ? Method(name, "str", (interpreter, arguments) =>
        {
            Limits.Work(text.Length / 8);
            object? result = method!(text, interpreter, arguments);
            return isMarkup ? Marked(result) : result;
        }) : null;
        return isThere;
    }

    private static object? Marked(object? value) => value switch
    {
        string text => new JinjaMarkup(text),
        List<object?> list => list.ConvertAll(Marked),
        JinjaTuple tuple => new JinjaTuple([.. tuple.Items.Select(Marked)]),
        _ => value,
    };

    private static object? Of(object? owner, string name) => (owner, name) switch
    {
        (JinjaDict dict, "get") => Method(name, "dict", (_, arguments) =>
            arguments.Bind("get", "key", "default?") is var bound && dict.TryGet(bound[0], out object? value) ? value : bound.Or(1, null)),
        (JinjaDict dict, "items") =>
            Method(name, "dict", (_, arguments) => new JinjaView("dict_items", None(arguments, name, dict).Pairs())),
        (JinjaDict dict, "keys") => Method(name, "dict", (_, arguments) => new JinjaView("dict_keys", None(arguments, name, dict).Keys)),
        (JinjaDict dict, "values") =>
            Method(name, "dict", (_, arguments) => new JinjaView("dict_values", None(arguments, name, dict).Values)),
        (JinjaDict dict, "copy") => Method(name, "dict", (_, arguments) => None(arguments, name, dict).Copy()),
        (List<object?> list, "copy") => Method(name, "list", (_, arguments) => None(arguments, name, list)),
        (List<object?> or JinjaTuple or JinjaRange, "count") => Method(name, PythonText.TypeName(owner), (_, arguments) =>
            (BigInteger)PythonValues.Items(owner).Count(item => PythonValues.AreEqual(item, arguments.Bind("count", "value")[0]))),
        (List<object?> or JinjaTuple or JinjaRange, "index") =>
            Method(name, PythonText.TypeName(owner), (_, arguments) => IndexOf(owner, arguments.Bind("index", "value")[0])),
        (JinjaTuple { Names: { } names } tuple, _) when names.Contains(name) => tuple.Items[Array.IndexOf(names, name)],
        (JinjaRange range, "start") => range.Start,
        (JinjaRange range, "stop") => range.Stop,
        (JinjaRange range, "step") => range.Step,
        (BigInteger or bool, "real" or "numerator") => PythonValues.AsInteger(owner),
        (BigInteger or bool, "imag") => BigInteger.Zero,
        (BigInteger or bool, "denominator") => BigInteger.One,
        (BigInteger or bool, "bit_length") =>
            Method(name, "int", (_, _) => (BigInteger)BigInteger.Abs(PythonValues.AsInteger(owner)!.Value).GetBitLength()),
        (double, "real") => owner,
        (double, "imag") => 0.0,
        (double number, "is_integer") => Method(name, "float", (_, _) => Math.Floor(number) == number && double.IsFinite(number)),
        (JinjaBytes bytes, "decode") => Method(name, "bytes", (_, _) => Encoding.UTF8.GetString(bytes.Bytes)),
        _ => null,
    };

    private static T None<T>(Arguments arguments, string name, T owner)
    {
        arguments.Bind(name);
        return owner;
    }

    private static object? IndexOf(object? owner, object? value)
    {
        int place = 0;
        foreach (object? item in PythonValues.Items(owner))
        {
            if (PythonValues.AreEqual(item, value))
            {
                return (BigInteger)place;
            }

            place++;
        }

        throw JinjaException.Value($"{PythonText.Repr(value)} is not in {PythonText.TypeName(owner)}");
    }

    private static JinjaFunction Method(string name, string type, Func<Interpreter, Arguments, object?> call) =>
        new($"<built-in method {name} of {type} object>", call);
}

using System.Numerics;

namespace Engine.Model.Chat.Jinja;

// A value is null, a bool, a BigInteger, a double, a string, a List<object?>, a JinjaDict, or one of the types below. Nothing changes a
// value once it is made.

internal sealed class JinjaTuple(IReadOnlyList<object?> items, string[]? names = null)
{
    /// <summary>Names by which the items may be asked for too.</summary>
    public string[]? Names => names;

    public IReadOnlyList<object?> Items => items;
}

/// <summary>A dictionary in the order of its keys, which are equal as Python's are: 1, 1.0 and true are one key.</summary>
internal sealed class JinjaDict
{
    private static readonly object NoneKey = new();

    private readonly Dictionary<object, int> places = new(PythonEquality.Instance);
    private readonly List<object?> keys = [], values = [];

    public int Count => keys.Count;

    public IReadOnlyList<object?> Keys => keys;

    public IReadOnlyList<object?> Values => values;

    public void Set(object? key, object? value)
    {
        if (places.TryGetValue(key ?? NoneKey, out int place))
        {
            values[place] = value;
            return;
        }

        places.Add(key ?? NoneKey, keys.Count);
        keys.Add(key);
        values.Add(value);
    }

    public bool TryGet(object? key, out object? value)
    {
        bool isThere = places.TryGetValue(key ?? NoneKey, out int place);
        value = isThere ? values[place] : null;
        return isThere;
    }

    public List<object?> Pairs() => [.. keys.Zip(values, (key, value) => (object?)new JinjaTuple([key, value]))];

    public JinjaDict Copy()
    {
        JinjaDict copy = new();
        for (int i = 0; i < Count; i++)
        {
            copy.Set(keys[i], values[i]);
        }

        return copy;
    }
}

internal sealed record JinjaRange(BigInteger Start, BigInteger Stop, BigInteger Step)
{
    /// <summary>As Jinja's sandbox has it.</summary>
    public const int MaxCount = 100_000;

    public int Count { get; } = CountOf(Start, Stop, Step);

    public object? this[int index] => Start + (Step * index);

    private static int CountOf(BigInteger start, BigInteger stop, BigInteger step)
    {
        if (step.IsZero)
        {
            throw JinjaException.Value("range() arg 3 must not be zero");
        }

        BigInteger count = BigInteger.Max(0, step.Sign > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step);
        return count <= MaxCount
            ? (int)count
            : throw new JinjaException(
                JinjaErrorKind.Overflow, $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxCount}).");
    }
}

/// <summary>What <c>items()</c>, <c>keys()</c> and <c>values()</c> of a dictionary are.</summary>
internal sealed record JinjaView(string Name, IReadOnlyList<object?> Items);

/// <summary>Items that come one by one and only once, as those of <c>map</c> and <c>select</c>.</summary>
internal sealed class JinjaIterator(string description, IEnumerable<object?> source)
{
    private readonly IEnumerator<object?> items = source.GetEnumerator();

    public string Description => description;

    public IEnumerable<object?> Rest()
    {
        while (items.MoveNext())
        {
            yield return items.Current;
        }
    }
}

/// <summary>A text that counts as escaped for HTML.</summary>
internal sealed record JinjaMarkup(string Text);

internal sealed record JinjaBytes(byte[] Bytes);

/// <summary>A value that is not there: prints as nothing, and fails with this message in nearly every other use.</summary>
internal sealed class JinjaUndefined(string message, JinjaErrorKind kind = JinjaErrorKind.Undefined)
{
    public static JinjaUndefined OfName(string name) => new($"'{name}' is undefined");

    /// <summary>No such attribute or item.</summary>
    public static JinjaUndefined OfMember(object? owner, object? member)
    {
        string type = owner switch
        {
            null => "None",
            JinjaMarkup => "markupsafe.Markup object",
            IJinjaObject thing => $"{thing.Module}.{thing.TypeName} object",
            _ => $"{PythonText.TypeName(owner)} object",
        };
        return new(member is string name
            ? $"'{type}' has no attribute {PythonText.Repr(name)}"
            : $"{type} has no element {PythonText.Repr(member)}");
    }

    public static JinjaUndefined Unsafe(object? owner, string name) =>
        new($"access to attribute '{name}' of '{PythonText.TypeName(owner)}' object is unsafe.", JinjaErrorKind.Security);

    public JinjaException Error() => new(kind, message);
}

/// <summary>What can be called.</summary>
internal interface IJinjaCallable
{
    object? Call(Interpreter interpreter, Arguments arguments);
}

/// <summary>A value of Jinja's own with members: <c>loop</c>, a namespace, a macro.</summary>
internal interface IJinjaObject
{
    string TypeName { get; }

    string Module => "jinja2.runtime";

    string Description => $"<{Module}.{TypeName} object>";

    bool TryGetMember(string name, out object? value);
}

/// <summary>A function or a method.</summary>
internal sealed class JinjaFunction(string description, Func<Interpreter, Arguments, object?> call) : IJinjaCallable
{
    public string Description => description;

    public object? Call(Interpreter interpreter, Arguments arguments) => call(interpreter, arguments);
}

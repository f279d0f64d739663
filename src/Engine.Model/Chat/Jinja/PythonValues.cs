using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>What Python asks of any value: its truth, length, items, order.</summary>
internal static class PythonValues
{
    public static bool IsTrue(object? value) => value switch
    {
        null or JinjaUndefined => false,
        bool flag => flag,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        string text => text.Length > 0,
        _ => Length(value) is not 0,
    };

    /// <summary>The length; null where a value has none.</summary>
    public static int? Length(object? value) => value switch
    {
        string text => PythonText.Length(text),
        JinjaMarkup markup => PythonText.Length(markup.Text),
        List<object?> list => list.Count,
        JinjaTuple tuple => tuple.Items.Count,
        JinjaDict dict => dict.Count,
        JinjaView view => view.Items.Count,
        JinjaRange range => range.Count,
        JinjaBytes bytes => bytes.Bytes.Length,
        LoopContext loop => loop.Length,
        JinjaUndefined => 0,
        _ => null,
    };

    /// <summary>The items; null where a value has none.</summary>
    public static IEnumerable<object?>? TryItems(object? value)
    {
        Limits.Work(Size(value));
        return value switch
        {
            string text => PythonText.Characters(text),
            JinjaMarkup markup => PythonText.Characters(markup.Text),
            List<object?> list => list,
            JinjaTuple tuple => tuple.Items,
            JinjaDict dict => dict.Keys,
            JinjaView view => view.Items,
            JinjaRange range => Enumerable.Range(0, range.Count).Select(i => range[i]),
            JinjaIterator iterator => iterator.Rest(),
            JinjaBytes bytes => bytes.Bytes.Select(one => (object?)(BigInteger)one),
            JinjaUndefined => [],
            _ => null,
        };
    }

    /// <summary>A measure of the work that a pass over a value takes.</summary>
    public static int Size(object? value) => value switch
    {
        string text => text.Length,
        List<object?> list => list.Count,
        JinjaDict dict => dict.Count,
        JinjaTuple tuple => tuple.Items.Count,
        JinjaRange range => range.Count,
        JinjaMarkup markup => markup.Text.Length,
        _ => 0,
    };

    public static IEnumerable<object?> Items(object? value) =>
        TryItems(value) ?? throw JinjaException.Type($"'{PythonText.TypeName(value)}' object is not iterable");

    /// <summary>A value that counts: an integer or a truth value.</summary>
    public static BigInteger? AsInteger(object? value) =>
        value switch { BigInteger number => number, bool flag => flag ? 1 : 0, _ => null };

    public static double? AsDouble(object? value) => value is double number ? number : (double?)AsInteger(value);

    /// <summary>An integer that a length or a place can be; larger ones are cut, which is past every end.</summary>
    public static int Index(object? value) => value is JinjaUndefined undefined ? throw undefined.Error()
        : AsInteger(value) is { } number ? (int)BigInteger.Min(int.MaxValue, BigInteger.Max(-int.MaxValue, number))
        : throw JinjaException.Type($"'{PythonText.TypeName(value)}' object cannot be interpreted as an integer");

    public static bool AreEqual(object? left, object? right) => PythonEquality.Instance.Equals(left, right);

    public static bool AreSame(object? left, object? right) =>
        ReferenceEquals(left, right) || (left is bool or BigInteger or string && left.GetType() == right?.GetType() && left.Equals(right));

    /// <summary>The order of two values; null where one is not a number, which no order holds for.</summary>
    public static int? Compare(object? left, object? right, string sign)
    {
        Limits.Step();
        if (left is JinjaUndefined || right is JinjaUndefined)
        {
            throw (left as JinjaUndefined ?? (JinjaUndefined)right!).Error();
        }

        if (AsInteger(left) is { } a && AsInteger(right) is { } b)
        {
            return a.CompareTo(b);
        }

        if (AsDouble(left) is { } x && AsDouble(right) is { } y)
        {
            return double.IsNaN(x) || double.IsNaN(y) ? null : x.CompareTo(y);
        }

        if (PythonText.AsString(left) is { } first && PythonText.AsString(right) is { } second)
        {
            return CompareTexts(first, second);
        }

        (IReadOnlyList<object?>? ours, IReadOnlyList<object?>? theirs) = (left, right) switch
        {
            (List<object?> one, List<object?> other) => (one, other),
            (JinjaTuple one, JinjaTuple other) => (one.Items, other.Items),
            _ => (null, (IReadOnlyList<object?>?)null),
        };
        if (ours is null || theirs is null)
        {
            throw JinjaException.Type(
                $"'{sign}' not supported between instances of '{PythonText.TypeName(left)}' and '{PythonText.TypeName(right)}'");
        }

        for (int i = 0; i < Math.Min(ours.Count, theirs.Count); i++)
        {
            if (!AreEqual(ours[i], theirs[i]))
            {
                return Compare(ours[i], theirs[i], sign);
            }
        }

        return ours.Count.CompareTo(theirs.Count);
    }

    public static bool Compares(string sign, object? left, object? right) => sign switch
    {
        "==" => AreEqual(left, right),
        "!=" => !AreEqual(left, right),
        "<" => Compare(left, right, sign) < 0,
        "<=" => Compare(left, right, sign) <= 0,
        ">" => Compare(left, right, sign) > 0,
        ">=" => Compare(left, right, sign) >= 0,
        "in" => Contains(right, left),
        _ => !Contains(right, left),
    };

    /// <summary>Sorts as Python does: stable, and by "less than" alone.</summary>
    public static List<object?> Sorted(IEnumerable<object?> items, Func<object?, object?> key, bool isReversed)
    {
        Comparer<object?> order = Comparer<object?>.Create((left, right) => Compare(left, right, "<") ?? 0);
        try
        {
            return [.. isReversed ? items.OrderByDescending(key, order) : items.OrderBy(key, order)];
        }
        catch (InvalidOperationException error) when (error.InnerException is JinjaException inner)
        {
            throw inner;
        }
    }

    private static bool Contains(object? container, object? value)
    {
        if (PythonText.AsString(container) is { } text)
        {
            string part = PythonText.AsString(value)
                ?? throw JinjaException.Type($"'in <string>' requires string as left operand, not {PythonText.TypeName(value)}");
            return text.Contains(part, StringComparison.Ordinal);
        }

        if (container is JinjaDict dict)
        {
            return value is List<object?> or JinjaDict or JinjaView
                ? throw JinjaException.Type($"unhashable type: '{PythonText.TypeName(value)}'")
                : dict.TryGet(value, out _);
        }

        IEnumerable<object?> items = TryItems(container)
            ?? throw JinjaException.Type($"argument of type '{PythonText.TypeName(container)}' is not iterable");
        return items.Any(item => AreSame(item, value) || AreEqual(item, value));
    }

    /// <summary>By code points: surrogates stand below some characters of the basic plane.</summary>
    private static int CompareTexts(string left, string right)
    {
        int same = left.AsSpan().CommonPrefixLength(right);
        if (same == left.Length || same == right.Length)
        {
            return left.Length.CompareTo(right.Length);
        }

        bool isHigh = char.IsSurrogate(left[same]), isOtherHigh = char.IsSurrogate(right[same]);
        return isHigh == isOtherHigh ? left[same].CompareTo(right[same]) : isHigh.CompareTo(isOtherHigh);
    }
}

/// <summary>Equality and hashes of values as Python has them.</summary>
internal sealed class PythonEquality : IEqualityComparer<object?>
{
    public static readonly PythonEquality Instance = new();

    public new bool Equals(object? left, object? right)
    {
        Limits.Step();
        if (PythonValues.AsInteger(left) is { } a && PythonValues.AsInteger(right) is { } b)
        {
            return a == b;
        }

        if (PythonValues.AsDouble(left) is { } x && PythonValues.AsDouble(right) is { } y)
        {
            return x == y;
        }

        if (PythonText.AsString(left) is { } text)
        {
            return PythonText.AsString(right) is { } other && text == other;
        }

        return (left, right) switch
        {
            (List<object?> one, List<object?> other) => AreEqual(one, other),
            (JinjaTuple one, JinjaTuple other) => AreEqual(one.Items, other.Items),
            (JinjaDict one, JinjaDict other) => one.Count == other.Count
                && one.Keys.All(key => other.TryGet(key, out object? value) && one.TryGet(key, out object? own) && Equals(own, value)),
            (JinjaRange one, JinjaRange other) => AreEqual([.. PythonValues.Items(one)], [.. PythonValues.Items(other)]),
            (JinjaView { Name: not "dict_values" } one, JinjaView other) =>
                one.Items.Count == other.Items.Count && one.Items.All(item => other.Items.Contains(item, this)),
            (JinjaUndefined, JinjaUndefined) => true,
            _ => ReferenceEquals(left, right),
        };
    }

    public int GetHashCode(object? value)
    {
        Limits.Step();
        if (PythonValues.AsDouble(value) is { } number)
        {
            return number.GetHashCode();
        }

        return value switch
        {
            string text => text.GetHashCode(StringComparison.Ordinal),
            JinjaMarkup markup => markup.Text.GetHashCode(StringComparison.Ordinal),
            JinjaTuple tuple => tuple.Items.Aggregate(17, (hash, item) => HashCode.Combine(hash, item is null ? 0 : GetHashCode(item))),
            List<object?> or JinjaDict or JinjaView => throw JinjaException.Type($"unhashable type: '{PythonText.TypeName(value)}'"),
            JinjaUndefined => 0,
            _ => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(value),
        };
    }

    private bool AreEqual(IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        for (int i = 0; i < left.Count; i++)
        {
            if (!Equals(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }
}

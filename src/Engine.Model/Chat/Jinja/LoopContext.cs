using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>
/// The variable <c>loop</c>. Items are taken one by one, and looked at early only where the template asks for the next one or for the
/// length.
/// </summary>
internal sealed class LoopContext(IEnumerable<object?> source, int depth0, Func<object?, int, string>? recurse)
    : IJinjaObject, IJinjaCallable
{
    private readonly IEnumerator<object?> items = source.GetEnumerator();
    private readonly Queue<object?> ahead = [];
    private int index0 = -1;
    private object? previous, current;
    private object? changedBefore;
    private bool hasChangedBefore;

    public string TypeName => "LoopContext";

    public string Description => $"<LoopContext {index0 + 1}/{Length}>";

    public int Length
    {
        get
        {
            while (items.MoveNext())
            {
                ahead.Enqueue(items.Current);
            }

            return index0 + 1 + ahead.Count;
        }
    }

    public bool MoveNext(out object? item)
    {
        item = null;
        if (!HasNext())
        {
            return false;
        }

        (previous, current) = (current, ahead.Dequeue());
        item = current;
        index0++;
        return true;
    }

    public bool TryGetMember(string name, out object? value)
    {
        value = name switch
        {
            "index0" => (BigInteger)index0,
            "index" => (BigInteger)(index0 + 1),
            "depth0" => (BigInteger)depth0,
            "depth" => (BigInteger)(depth0 + 1),
            "length" => (BigInteger)Length,
            "revindex0" => (BigInteger)(Length - index0 - 1),
            "revindex" => (BigInteger)(Length - index0),
            "first" => index0 == 0,
            "last" => !HasNext(),
            "previtem" => index0 == 0 ? new JinjaUndefined("there is no previous item") : previous,
            "nextitem" => HasNext() ? ahead.Peek() : new JinjaUndefined("there is no next item"),
            "cycle" => new JinjaFunction("<bound method LoopContext.cycle>", (_, arguments) => Cycle(arguments.Positional)),
            "changed" =>
                new JinjaFunction("<bound method LoopContext.changed>", (_, arguments) => HasChanged(new JinjaTuple(arguments.Positional))),
            _ => null,
        };
        return value is not null || name is "previtem" or "nextitem";
    }

    public object? Call(Interpreter interpreter, Arguments arguments) => recurse is null
        ? throw JinjaException.Type("The loop must have the 'recursive' marker to be called recursively.")
        : recurse(arguments.Bind("loop", "iterable")[0], depth0 + 1);

    private bool HasNext()
    {
        if (ahead.Count == 0 && items.MoveNext())
        {
            ahead.Enqueue(items.Current);
        }

        return ahead.Count > 0;
    }

    private object? Cycle(IReadOnlyList<object?> values) =>
        values.Count == 0 ? throw JinjaException.Type("no items for cycling given") : values[index0 % values.Count];

    private bool HasChanged(JinjaTuple values)
    {
        bool isSame = hasChangedBefore && PythonValues.AreEqual(changedBefore, values);
        (changedBefore, hasChangedBefore) = (values, true);
        return !isSame;
    }
}

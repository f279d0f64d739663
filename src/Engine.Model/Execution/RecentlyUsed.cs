using System.Diagnostics.CodeAnalysis;

namespace Engine.Model.Execution;

/// <summary>
/// Keeps the values used last, of so many bytes in all: one more disposes those unused for longest. Finding a value allocates nothing.
/// </summary>
/// <param name="capacity">Bytes kept at most; the value added last is kept whatever it takes.</param>
/// <param name="bytesOf">A value's bytes, which stay the same.</param>
internal sealed class RecentlyUsed<TKey, TValue>(long capacity, Func<TValue, long> bytesOf) : IDisposable
    where TKey : notnull
    where TValue : IDisposable
{
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> nodes = [];
    private readonly LinkedList<(TKey Key, TValue Value)> byUse = [];
    private long bytes;

    public int Count => nodes.Count;

    /// <summary>A value that is kept; it counts as used now.</summary>
    public bool TryGet(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        if (!nodes.TryGetValue(key, out LinkedListNode<(TKey Key, TValue Value)>? node))
        {
            value = default;
            return false;
        }

        byUse.Remove(node);
        byUse.AddFirst(node);
        value = node.Value.Value;
        return true;
    }

    public void Add(TKey key, TValue value)
    {
        bytes += bytesOf(value);
        while (bytes > capacity && byUse.Last is { Value: (TKey oldest, TValue unused) })
        {
            byUse.RemoveLast();
            nodes.Remove(oldest);
            bytes -= bytesOf(unused);
            unused.Dispose();
        }

        nodes.Add(key, byUse.AddFirst((key, value)));
    }

    /// <summary>Disposes the values of some keys.</summary>
    public void Remove(Predicate<TKey> matches)
    {
        foreach (LinkedListNode<(TKey Key, TValue Value)> node in nodes.Values.Where(node => matches(node.Value.Key)).ToArray())
        {
            byUse.Remove(node);
            nodes.Remove(node.Value.Key);
            node.Value.Value.Dispose();
        }
    }

    public void Dispose()
    {
        foreach ((_, TValue value) in byUse)
        {
            value.Dispose();
        }
    }
}

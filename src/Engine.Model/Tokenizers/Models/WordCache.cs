using System.Runtime.InteropServices;

namespace Engine.Model.Tokenizers;

/// <summary>Ids of words met before. Emptied when it is full, so that it follows the text.</summary>
internal sealed class WordCache
{
    private const int MaxWords = 1 << 16, MaxWordLength = 64;

    private readonly Dictionary<string, Entry> _entries;
    private readonly Dictionary<string, Entry>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly List<int> _ids = [];

    public WordCache()
    {
        _entries = new(StringComparer.Ordinal);
        _lookup = _entries.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Appends the ids of <paramref name="word"/> if it was met before.</summary>
    public bool TryAppend(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > MaxWordLength || !_lookup.TryGetValue(word, out Entry entry))
        {
            return false;
        }

        if (entry.Count == 1)
        {
            ids.Add(_ids[entry.Start]);
        }
        else
        {
            ids.AddRange(CollectionsMarshal.AsSpan(_ids).Slice(entry.Start, entry.Count));
        }

        return true;
    }

    public void Add(ReadOnlySpan<char> word, ReadOnlySpan<int> ids)
    {
        if (word.Length > MaxWordLength)
        {
            return;
        }

        if (_entries.Count == MaxWords)
        {
            _entries.Clear();
            _ids.Clear();
        }

        _lookup[word] = new Entry(_ids.Count, ids.Length);
        _ids.AddRange(ids);
    }

    private readonly record struct Entry(int Start, int Count);
}

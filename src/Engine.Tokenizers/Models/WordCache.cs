using System.Runtime.InteropServices;

namespace Engine.Tokenizers;

/// <summary>Ids of words met before. Emptied when it is full, so that it follows the text.</summary>
internal sealed class WordCache
{
    private const int MaxWords = 1 << 16, MaxWordLength = 64;

    private readonly Dictionary<string, Entry> entries;
    private readonly Dictionary<string, Entry>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private readonly List<int> ids = [];

    public WordCache()
    {
        entries = new(StringComparer.Ordinal);
        lookup = entries.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Appends the ids of <paramref name="word"/> if it was met before.</summary>
    public bool TryAppend(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > MaxWordLength || !lookup.TryGetValue(word, out Entry entry))
        {
            return false;
        }

        if (entry.Count == 1)
        {
            ids.Add(this.ids[entry.Start]);
        }
        else
        {
            ids.AddRange(CollectionsMarshal.AsSpan(this.ids).Slice(entry.Start, entry.Count));
        }

        return true;
    }

    public void Add(ReadOnlySpan<char> word, ReadOnlySpan<int> ids)
    {
        if (word.Length > MaxWordLength)
        {
            return;
        }

        if (entries.Count == MaxWords)
        {
            entries.Clear();
            this.ids.Clear();
        }

        lookup[word] = new Entry(this.ids.Count, ids.Length);
        this.ids.AddRange(ids);
    }

    private readonly record struct Entry(int Start, int Count);
}

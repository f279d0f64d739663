using System.Runtime.InteropServices;

namespace Engine.Tokenizers;

/// <summary>Tokens of words met before. Emptied when it is full, so that it follows the text.</summary>
internal sealed class WordCache
{
    private const int MaxWords = 1 << 16, MaxWordLength = 64;

    private readonly Dictionary<string, Entry> entries;
    private readonly Dictionary<string, Entry>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private readonly List<Token> tokens = [];

    public WordCache()
    {
        entries = new(StringComparer.Ordinal);
        lookup = entries.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>
    /// Appends the tokens of <paramref name="word"/>, which begins at <paramref name="start"/> of its piece, if it was met before.
    /// </summary>
    public bool TryAppend(ReadOnlySpan<char> word, int start, List<Token> tokens)
    {
        if (word.Length > MaxWordLength || !lookup.TryGetValue(word, out Entry entry))
        {
            return false;
        }

        foreach (Token token in CollectionsMarshal.AsSpan(this.tokens).Slice(entry.Start, entry.Count))
        {
            tokens.Add(new Token(token.Id, start + token.Start, start + token.End));
        }

        return true;
    }

    public void Add(ReadOnlySpan<char> word, int start, ReadOnlySpan<Token> tokens)
    {
        if (word.Length > MaxWordLength)
        {
            return;
        }

        if (entries.Count == MaxWords)
        {
            entries.Clear();
            this.tokens.Clear();
        }

        lookup[word] = new Entry(this.tokens.Count, tokens.Length);
        foreach (Token token in tokens)
        {
            this.tokens.Add(new Token(token.Id, token.Start - start, token.End - start));
        }
    }

    private readonly record struct Entry(int Start, int Count);
}

namespace Engine.Tokenizers;

/// <summary>A word of the training text as symbols, and how often it came.</summary>
internal sealed class TrainingWord(int[] symbols, long count)
{
    public int[] Symbols { get; } = symbols;

    /// <summary>How many of <see cref="Symbols"/> are in use; merges shorten the word.</summary>
    public int Length { get; set; } = symbols.Length;

    public long Count { get; } = count;
}

/// <summary>How often each pair of neighbouring symbols comes, kept up to date while pairs are merged.</summary>
internal sealed class PairCounts
{
    private readonly IReadOnlyList<TrainingWord> words;
    private readonly Dictionary<(int Left, int Right), Occurrences> pairs = [];

    /// <summary>
    /// Most frequent first, then by ids. A pair lies here with a count that may since have fallen; it is put right when it comes up.
    /// </summary>
    private readonly PriorityQueue<(int Left, int Right, long Count), (long Negative, int Left, int Right)> queue = new();

    public PairCounts(IReadOnlyList<TrainingWord> words)
    {
        this.words = words;
        for (int word = 0; word < words.Count; word++)
        {
            ReadOnlySpan<int> symbols = words[word].Symbols;
            for (int i = 0; i + 1 < symbols.Length; i++)
            {
                Change(symbols[i], symbols[i + 1], words[word].Count, word);
            }
        }

        foreach ((int left, int right) in pairs.Keys)
        {
            Enqueue(left, right);
        }
    }

    /// <summary>Takes the most frequent pair out.</summary>
    public bool TryTake(long minFrequency, out int left, out int right)
    {
        while (queue.TryDequeue(out (int Left, int Right, long Count) top, out _))
        {
            (left, right) = (top.Left, top.Right);
            long count = pairs[(left, right)].Count;
            if (count < Math.Max(1, minFrequency))
            {
                continue;
            }

            if (count == top.Count)
            {
                return true;
            }

            Enqueue(left, right);
        }

        (left, right) = (-1, -1);
        return false;
    }

    /// <summary>Replaces a pair by one symbol everywhere, from left to right in each word.</summary>
    public void Merge(int left, int right, int merged)
    {
        HashSet<(int Left, int Right)> risen = [];
        foreach (int index in pairs[(left, right)].Words)
        {
            MergeWord(index, left, right, merged, risen);
        }

        pairs[(left, right)].Words.Clear();
        foreach ((int risenLeft, int risenRight) in risen)
        {
            Enqueue(risenLeft, risenRight);
        }
    }

    private void MergeWord(int index, int left, int right, int merged, HashSet<(int Left, int Right)> risen)
    {
        TrainingWord word = words[index];
        int[] symbols = word.Symbols;
        int written = 0;
        for (int read = 0; read < word.Length; read++)
        {
            if (symbols[read] != left || read + 1 == word.Length || symbols[read + 1] != right)
            {
                symbols[written++] = symbols[read];
                continue;
            }

            Change(left, right, -word.Count, index);
            if (written > 0)
            {
                Change(symbols[written - 1], left, -word.Count, index);
                Raise(symbols[written - 1], merged);
            }

            if (read + 2 < word.Length)
            {
                Change(right, symbols[read + 2], -word.Count, index);
                Raise(merged, symbols[read + 2]);
            }

            symbols[written++] = merged;
            read++;
        }

        word.Length = written;

        void Raise(int raisedLeft, int raisedRight)
        {
            Change(raisedLeft, raisedRight, word.Count, index);
            risen.Add((raisedLeft, raisedRight));
        }
    }

    private void Change(int left, int right, long change, int word)
    {
        if (!pairs.TryGetValue((left, right), out Occurrences? occurrences))
        {
            pairs.Add((left, right), occurrences = new Occurrences());
        }

        occurrences.Count += change;
        if (change > 0 && (occurrences.Words.Count == 0 || occurrences.Words[^1] != word))
        {
            occurrences.Words.Add(word);
        }
    }

    private void Enqueue(int left, int right)
    {
        long count = pairs[(left, right)].Count;
        if (count > 0)
        {
            queue.Enqueue((left, right, count), (-count, left, right));
        }
    }

    /// <summary>How often a pair comes, and the words in which it was seen; it may since be gone from some of them.</summary>
    private sealed class Occurrences
    {
        public long Count { get; set; }

        public List<int> Words { get; } = [];
    }
}

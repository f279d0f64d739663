namespace Engine.Tokenizers;

/// <summary>
/// Applies merges to the symbols of one word: lowest rank first, leftmost first among equal ranks, by a queue over a linked list. What lies
/// in the queue may be out of date; it is applied when its place still merges to the same id, exactly as in Hugging Face's tokenizers.
/// </summary>
internal sealed class MergeQueue
{
    private const int Gone = -1;

    private readonly MergeHeap queue = new();
    private int[] symbols = new int[64];
    private int[] previous = new int[64];
    private int[] next = new int[64];
    private int[] starts = new int[64];
    private int[] ends = new int[64];
    private int count;

    public void Clear() => count = 0;

    /// <param name="id">A symbol.</param>
    /// <param name="start">Where the character begins that it is, or is a part of.</param>
    /// <param name="end">Where that character ends.</param>
    public void Add(int id, int start, int end)
    {
        if (count == symbols.Length)
        {
            Array.Resize(ref symbols, count * 2);
            Array.Resize(ref previous, count * 2);
            Array.Resize(ref next, count * 2);
            Array.Resize(ref starts, count * 2);
            Array.Resize(ref ends, count * 2);
        }

        symbols[count] = id;
        starts[count] = start;
        ends[count] = end;
        previous[count] = count - 1;
        next[count] = ++count;
    }

    /// <summary>Merges what was added and appends the resulting tokens.</summary>
    public void Run(MergeTable merges, List<Token> tokens)
    {
        queue.Clear();
        for (int position = 0; position + 1 < count; position++)
        {
            Enqueue(merges, position, position + 1);
        }

        while (queue.TryPop(out ulong entry))
        {
            int position = (int)(uint)entry;
            int next = this.next[position];
            if (symbols[position] == Gone || next == count)
            {
                continue;
            }

            int rank = merges.Rank(symbols[position], symbols[next]);
            int merged = merges.Merged((int)(entry >> 32));
            if (rank < 0 || merges.Merged(rank) != merged)
            {
                continue;
            }

            symbols[position] = merged;
            ends[position] = ends[next];
            symbols[next] = Gone;
            this.next[position] = this.next[next];
            if (this.next[position] < count)
            {
                previous[this.next[position]] = position;
                Enqueue(merges, position, this.next[position]);
            }

            if (previous[position] >= 0)
            {
                Enqueue(merges, previous[position], position);
            }
        }

        for (int position = 0; position < count; position = this.next[position])
        {
            tokens.Add(new Token(symbols[position], starts[position], ends[position]));
        }
    }

    private void Enqueue(MergeTable merges, int left, int right)
    {
        int rank = merges.Rank(symbols[left], symbols[right]);
        if (rank >= 0)
        {
            queue.Push(((ulong)(uint)rank << 32) | (uint)left);
        }
    }
}

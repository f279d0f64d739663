namespace Engine.Model.Tokenizers;

/// <summary>
/// Applies merges to the symbols of one word: lowest rank first, leftmost first among equal ranks, by a queue over a linked list. What lies in
/// the queue may be out of date; it is applied when its place still merges to the same id, exactly as in Hugging Face's tokenizers.
/// </summary>
internal sealed class MergeQueue
{
    private const int Gone = -1;

    private readonly PriorityQueue<ulong, ulong> _queue = new();
    private int[] _symbols = new int[64];
    private int[] _previous = new int[64];
    private int[] _next = new int[64];
    private int _count;

    public void Clear() => _count = 0;

    public void Add(int id)
    {
        if (_count == _symbols.Length)
        {
            Array.Resize(ref _symbols, _count * 2);
            Array.Resize(ref _previous, _count * 2);
            Array.Resize(ref _next, _count * 2);
        }

        _symbols[_count] = id;
        _previous[_count] = _count - 1;
        _next[_count] = ++_count;
    }

    /// <summary>Merges what was added and appends the resulting ids.</summary>
    public void Run(MergeTable merges, List<int> ids)
    {
        _queue.Clear();
        for (int position = 0; position + 1 < _count; position++)
        {
            Enqueue(merges, position, position + 1);
        }

        while (_queue.TryDequeue(out ulong entry, out _))
        {
            int position = (int)(uint)entry;
            int next = _next[position];
            if (_symbols[position] == Gone || next == _count)
            {
                continue;
            }

            int rank = merges.Rank(_symbols[position], _symbols[next]);
            int merged = merges.Merged((int)(entry >> 32));
            if (rank < 0 || merges.Merged(rank) != merged)
            {
                continue;
            }

            _symbols[position] = merged;
            _symbols[next] = Gone;
            _next[position] = _next[next];
            if (_next[position] < _count)
            {
                _previous[_next[position]] = position;
                Enqueue(merges, position, _next[position]);
            }

            if (_previous[position] >= 0)
            {
                Enqueue(merges, _previous[position], position);
            }
        }

        for (int position = 0; position < _count; position = _next[position])
        {
            ids.Add(_symbols[position]);
        }
    }

    private void Enqueue(MergeTable merges, int left, int right)
    {
        int rank = merges.Rank(_symbols[left], _symbols[right]);
        if (rank >= 0)
        {
            ulong entry = ((ulong)(uint)rank << 32) | (uint)left;
            _queue.Enqueue(entry, entry);
        }
    }
}

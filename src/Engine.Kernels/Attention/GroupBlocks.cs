namespace Engine.Kernels;

/// <summary>
/// What a group of the forms for GPUs works on: a block of queries (group x) of a head (group y) of a segment (group z), and the segment's
/// keys. The items of a group agree on all of it, so that all of them reach a kernel's barriers or none does. The last z is the dead tail,
/// which has neither.
/// </summary>
internal struct GroupQueries
{
    public int Head;

    /// <summary>Elements from one token's queries to the next one's.</summary>
    public long Stride;

    /// <summary>Elements from one token's keys to the next one's.</summary>
    public long KeyStride;

    /// <summary>The first query's token.</summary>
    public int First;

    /// <summary>Queries of the block, up to its size; none or fewer where the segment ends before it.</summary>
    public int Count;

    /// <summary>The element at which the first query's head starts.</summary>
    public long At;

    /// <summary>The element at which the first key's head starts.</summary>
    public long KeyAt;

    /// <summary>Keys of the segment.</summary>
    public int Keys;

    /// <summary>The end of the keys of the segment that any of the queries sees.</summary>
    public int Visible;

    /// <summary>The first of them.</summary>
    public int FirstKey;

    public static GroupQueries Of(
        AttentionInputs of, int size, [Specialize] int headSize, [Specialize] bool causal, [Specialize] int window)
    {
        int row = Grid.IdxZ;
        GroupQueries block = default;
        block.Head = Grid.IdxY;
        block.Stride = (long)Grid.DimY * headSize;
        block.KeyStride = (long)of.KeyValueHeads * headSize;
        block.First = of.QueryStart[row] + (Grid.IdxX * size);
        block.Count = row == of.Rows ? 0 : Math.Min(size, of.QueryStart[row + 1] - block.First);
        block.At = (block.First * block.Stride) + (block.Head * headSize);
        block.KeyAt = (of.KeyStart[row] * block.KeyStride) + (block.Head / (Grid.DimY / of.KeyValueHeads) * headSize);
        block.Keys = row == of.Rows ? 0 : of.KeyStart[row + 1] - of.KeyStart[row];
        block.Visible = block.Count > 0
            ? AttentionMask.VisibleKeys(of.QueryPosition, block.First, block.Count, block.Keys, causal, window)
            : 0;
        if (window > 0 && block.Count > 0)
        {
            block.FirstKey = AttentionMask.FirstKey(of.QueryPosition, block.First, window);
        }

        return block;
    }
}

/// <summary>
/// The same of the gradients of keys and values: a block of keys (group x) of a key/value head (group y) of a segment (group z), and the
/// blocks of queries that see any of them.
/// </summary>
internal struct GroupKeys
{
    public int Head;

    /// <summary>Heads of queries that share this head of keys.</summary>
    public int QueryHeads;

    /// <summary>Elements from one token's keys to the next one's.</summary>
    public long Stride;

    /// <summary>Elements from one token's queries to the next one's.</summary>
    public long QueryStride;

    /// <summary>The first key, counted in its segment.</summary>
    public int First;

    /// <summary>Keys of the block, up to its size; none or fewer where the segment ends before it.</summary>
    public int Count;

    /// <summary>The element at which the first key's head starts.</summary>
    public long At;

    /// <summary>Keys of the segment.</summary>
    public int Keys;

    /// <summary>The token with which the first block of queries that sees any of the keys begins.</summary>
    public int FirstQuery;

    /// <summary>The token behind the last query that sees any of the keys, or the segment's last.</summary>
    public int QueryEnd;

    /// <summary>Blocks of queries from the first on, for every head alike.</summary>
    public int QueryBlocks;

    public static GroupKeys Of(
        AttentionInputs of, int size, [Specialize] int headSize, [Specialize] bool causal, [Specialize] int window)
    {
        int row = Grid.IdxZ;
        GroupKeys block = default;
        block.Head = Grid.IdxY;
        block.QueryHeads = of.Heads / Grid.DimY;
        block.Stride = (long)Grid.DimY * headSize;
        block.QueryStride = (long)of.Heads * headSize;
        block.First = Grid.IdxX * size;
        block.Keys = row == of.Rows ? 0 : of.KeyStart[row + 1] - of.KeyStart[row];
        block.Count = Math.Min(size, block.Keys - block.First);
        block.At = ((of.KeyStart[row] + block.First) * block.Stride) + (block.Head * headSize);
        int query = of.QueryStart[row];
        int end = row == of.Rows || block.Count <= 0 ? query : of.QueryStart[row + 1];
        while (query < end && AttentionMask.VisibleKeys(of.QueryPosition, query, Math.Min(size, end - query), block.Keys, causal, window)
            <= block.First)
        {
            query += size;
        }

        if (window > 0)
        {
            // Queries in order see keys in order: behind the first block that sees only later keys, none sees any of these.
            int seeing = query;
            while (seeing < end && AttentionMask.FirstKey(of.QueryPosition, seeing, window) < block.First + block.Count)
            {
                seeing += size;
            }

            end = Math.Min(seeing, end);
        }

        block.FirstQuery = query;
        block.QueryEnd = end;
        block.QueryBlocks = Math.Max(0, (end - query + size - 1) / size);
        return block;
    }
}

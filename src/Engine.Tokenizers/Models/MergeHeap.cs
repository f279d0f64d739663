namespace Engine.Tokenizers;

/// <summary>
/// A binary heap of numbers, the smallest on top: what merging spends its time in, so without a comparer or separate priorities.
/// </summary>
internal sealed class MergeHeap
{
    private ulong[] entries = new ulong[64];
    private int count;

    public void Clear() => count = 0;

    public void Push(ulong entry)
    {
        if (count == entries.Length)
        {
            Array.Resize(ref entries, count * 2);
        }

        int place = count++;
        while (place > 0 && entries[(place - 1) / 2] > entry)
        {
            entries[place] = entries[(place - 1) / 2];
            place = (place - 1) / 2;
        }

        entries[place] = entry;
    }

    public bool TryPop(out ulong entry)
    {
        if (count == 0)
        {
            entry = 0;
            return false;
        }

        entry = entries[0];
        ulong last = entries[--count];
        int place = 0;
        for (int child = 1; child < count; child = (2 * place) + 1)
        {
            child += child + 1 < count && entries[child + 1] < entries[child] ? 1 : 0;
            if (entries[child] >= last)
            {
                break;
            }

            entries[place] = entries[child];
            place = child;
        }

        entries[place] = last;
        return true;
    }
}

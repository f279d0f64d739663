using System.Numerics;

namespace Engine.Tokenizers;

/// <summary>
/// The merges of a byte-pair encoding: pair of ids to rank and merged id. Open addressing, because this is asked for every pair of every
/// new word.
/// </summary>
internal sealed class MergeTable
{
    private const ulong Empty = ulong.MaxValue;

    private readonly ulong[] keys;
    private readonly int[] ranks;
    private readonly int[] merged;
    private readonly int shift;

    /// <param name="merges">Left id, right id and merged id, by rank. A pair that comes again takes the later rank, as in Hugging Face's
    /// tokenizers.</param>
    public MergeTable(IReadOnlyList<(int Left, int Right, int Merged)> merges)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, merges.Count * 2));
        shift = 64 - BitOperations.Log2((uint)size);
        keys = new ulong[size];
        Array.Fill(keys, Empty);
        ranks = new int[size];
        merged = new int[merges.Count];
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (int left, int right, merged[rank]) = merges[rank];
            int slot = Slot(Key(left, right));
            keys[slot] = Key(left, right);
            ranks[slot] = rank;
        }
    }

    /// <summary>The rank of a pair, or -1.</summary>
    public int Rank(int left, int right)
    {
        ulong key = Key(left, right);
        int slot = Slot(key);
        return keys[slot] == key ? ranks[slot] : -1;
    }

    /// <summary>The id that the merge of a rank makes.</summary>
    public int Merged(int rank) => merged[rank];

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Slot(ulong key)
    {
        int slot = (int)((key * 0x9E3779B97F4A7C15) >> shift);
        while (keys[slot] != key && keys[slot] != Empty)
        {
            slot = (slot + 1) & (keys.Length - 1);
        }

        return slot;
    }
}

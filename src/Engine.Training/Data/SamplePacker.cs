using System.Numerics;

namespace Engine.Training.Data;

/// <summary>
/// Puts samples together into packs of at most so many tokens, by best-fit decreasing: the longest samples first, each into the fullest
/// pack that has room for it, of equally full ones the first. The result depends on the lengths alone.
/// </summary>
internal static class SamplePacker
{
    /// <summary>The indices of each pack's samples.</summary>
    /// <param name="lengths">Tokens of each sample.</param>
    /// <param name="maxLength">The most tokens of a pack.</param>
    /// <exception cref="ArgumentException">A sample is longer than a pack.</exception>
    public static IReadOnlyList<int[]> Pack(IReadOnlyList<int> lengths, int maxLength)
    {
        List<List<int>> packs = [];
        var open = new PriorityQueue<int, int>?[maxLength + 1];
        var rooms = new NumberSet(maxLength + 1);
        foreach (int sample in Enumerable.Range(0, lengths.Count).OrderByDescending(index => lengths[index]))
        {
            int length = lengths[sample];
            if (length > maxLength)
            {
                throw new ArgumentException($"Sample {sample} has {length} tokens; a pack has at most {maxLength}.", nameof(lengths));
            }

            int room = rooms.LeastFrom(length), pack;
            if (room < 0)
            {
                (room, pack) = (maxLength, packs.Count);
                packs.Add([]);
            }
            else
            {
                pack = open[room]!.Dequeue();
                if (open[room]!.Count == 0)
                {
                    rooms.Remove(room);
                }
            }

            packs[pack].Add(sample);
            room -= length;
            (open[room] ??= new PriorityQueue<int, int>()).Enqueue(pack, pack);
            rooms.Add(room);
        }

        return [.. packs.Select(pack => pack.ToArray())];
    }

    /// <summary>A set of numbers from 0 on, a bit for each.</summary>
    private readonly struct NumberSet(int count)
    {
        private readonly ulong[] words = new ulong[(count + 63) / 64];

        public void Add(int number) => words[number / 64] |= 1ul << (number % 64);

        public void Remove(int number) => words[number / 64] &= ~(1ul << (number % 64));

        /// <summary>The least of them that is no less than this; -1 where there is none.</summary>
        public int LeastFrom(int number)
        {
            int word = number / 64;
            ulong bits = words[word] & (ulong.MaxValue << (number % 64));
            while (bits == 0 && ++word < words.Length)
            {
                bits = words[word];
            }

            return bits == 0 ? -1 : (word * 64) + BitOperations.TrailingZeroCount(bits);
        }
    }
}

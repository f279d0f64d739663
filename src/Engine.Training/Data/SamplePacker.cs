namespace Engine.Training.Data;

/// <summary>
/// Puts samples together into packs of at most so many tokens, by best-fit decreasing: the longest samples first, each into the fullest pack that has room for
/// it. The result depends on the lengths alone.
/// </summary>
public static class SamplePacker
{
    /// <summary>The indices of each pack's samples.</summary>
    /// <param name="lengths">Tokens of each sample.</param>
    /// <param name="maxLength">The most tokens of a pack.</param>
    /// <exception cref="ArgumentException">A sample is longer than a pack.</exception>
    public static IReadOnlyList<int[]> Pack(IReadOnlyList<int> lengths, int maxLength)
    {
        List<List<int>> packs = [];
        SortedSet<(int Room, int Pack)> open = [];
        foreach (int sample in Enumerable.Range(0, lengths.Count).OrderByDescending(index => lengths[index]))
        {
            int length = lengths[sample];
            if (length > maxLength)
            {
                throw new ArgumentException($"Sample {sample} has {length} tokens; a pack has at most {maxLength}.", nameof(lengths));
            }

            (int Room, int Pack) place = (maxLength, packs.Count);
            if (open.Count > 0 && open.Max.Room >= length)
            {
                place = open.GetViewBetween((length, 0), (maxLength, int.MaxValue)).Min;
                open.Remove(place);
            }
            else
            {
                packs.Add([]);
            }

            packs[place.Pack].Add(sample);
            if (place.Room > length)
            {
                open.Add((place.Room - length, place.Pack));
            }
        }

        return [.. packs.Select(pack => pack.ToArray())];
    }
}

using System.Numerics;

namespace Engine.Tokenizers;

/// <summary>
/// Tokens by their UTF-16 units, to find all that a text begins with. Steps from node to node are kept in one table with open addressing.
/// </summary>
internal sealed class TokenTrie
{
    /// <summary>Where every search begins.</summary>
    public const int Root = 0;

    private const int None = -1;

    /// <summary>A step's node and unit, plus one; 0 for a free place.</summary>
    private ulong[] steps = new ulong[1024];
    private int[] targets = new int[1024];
    private int[] ids = new int[1024];
    private int count = 1;

    public TokenTrie(Vocabulary vocabulary)
    {
        Array.Fill(ids, None);
        foreach ((string token, int id) in vocabulary.Entries)
        {
            int node = Root;
            foreach (char unit in token)
            {
                node = Grow(node, unit);
            }

            ids[node] = id;
        }
    }

    /// <summary>Goes on from a node by a unit.</summary>
    /// <returns>Whether a token goes on so.</returns>
    public bool TryStep(int node, char unit, out int next)
    {
        next = targets[Find(Key(node, unit))];
        return next != Root;
    }

    /// <summary>Whether the units up to a node are a token.</summary>
    public bool TryGetId(int node, out int id)
    {
        id = ids[node];
        return id != None;
    }

    private static ulong Key(int node, char unit) => (((ulong)(uint)node << 16) | unit) + 1;

    /// <summary>The place of a step, or the free one where it would stand.</summary>
    private int Find(ulong key)
    {
        int mask = steps.Length - 1;
        int place = (int)((key * 0x9E3779B97F4A7C15) >> (64 - BitOperations.Log2((uint)steps.Length)));
        while (steps[place] != 0 && steps[place] != key)
        {
            place = (place + 1) & mask;
        }

        return place;
    }

    private int Grow(int node, char unit)
    {
        int place = Find(Key(node, unit));
        if (steps[place] != 0)
        {
            return targets[place];
        }

        (steps[place], targets[place]) = (Key(node, unit), count);
        if (count == ids.Length)
        {
            Array.Resize(ref ids, 2 * count);
            Array.Fill(ids, None, count, count);
        }

        if (2 * ++count > steps.Length)
        {
            Spread();
        }

        return count - 1;
    }

    private void Spread()
    {
        (ulong[] oldSteps, int[] oldTargets) = (steps, targets);
        steps = new ulong[2 * oldSteps.Length];
        targets = new int[2 * oldSteps.Length];
        for (int i = 0; i < oldSteps.Length; i++)
        {
            if (oldSteps[i] != 0)
            {
                int place = Find(oldSteps[i]);
                (steps[place], targets[place]) = (oldSteps[i], oldTargets[i]);
            }
        }
    }
}

namespace Engine.Common;

/// <summary>Finds what a mistyped name was probably meant to be.</summary>
internal static class NearestName
{
    /// <summary>Shorter names say too little of what was meant.</summary>
    private const int ShortestWords = 3;

    /// <summary>Characters of a name for each of its edits: with more edits another name was meant.</summary>
    private const int LengthPerEdit = 3;

    private static readonly char[] Dividers = ['-', '_'];

    /// <summary>
    /// The known name with the smallest edit distance (insertion, deletion, substitution, swapped neighbours), where that is at most a
    /// third of the longer name; of more than one edit, rather the first that holds all words of the given one (<c>batch_size</c>); null
    /// where there is none either. Case, hyphens and underscores count for nothing: <c>FlatLoRA</c> is <c>flat-lora</c>.
    /// </summary>
    public static string? Find(string given, IEnumerable<string> known)
    {
        string plain = Plain(given);
        string? best = null;
        int bestDistance = int.MaxValue;
        foreach (string name in known)
        {
            string other = Plain(name);
            int distance = Distance(plain, other);
            if (distance < bestDistance && distance * LengthPerEdit <= Math.Max(plain.Length, other.Length))
            {
                (best, bestDistance) = (name, distance);
            }
        }

        return bestDistance > 1 && plain.Length >= ShortestWords
            ? known.FirstOrDefault(name => !Words(given).Except(Words(name)).Any()) ?? best
            : best;
    }

    /// <summary>
    /// The end of an error about an unknown name, without the last full stop: the nearest known one where there is one, then all of them.
    /// Names with blanks or commas stand in quotes.
    /// </summary>
    /// <param name="most">Of more names, so many are listed and the others counted.</param>
    public static string Hint(string given, IReadOnlyCollection<string> known, int most = int.MaxValue)
    {
        string rest = known.Count > most ? $" and {known.Count - most} more" : "";
        string all = $"nown are {string.Join(", ", known.Take(most).Select(Shown))}{rest}";
        return known.Count == 0 ? "there are none" : Find(given, known) is string nearest ? $"did you mean '{nearest}'? K{all}" : $"k{all}";
    }

    private static string[] Words(string name) => name.ToLowerInvariant().Split(Dividers);

    private static string Plain(string name) => string.Concat(Words(name));

    private static string Shown(string name) =>
        name.Length == 0 || name.Any(character => char.IsWhiteSpace(character) || character == ',') ? $"'{name}'" : name;

    private static int Distance(string a, string b)
    {
        const int longest = 200;
        if (a.Length > longest || b.Length > longest)
        {
            return a == b ? 0 : Math.Max(a.Length, b.Length);
        }

        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                int substitution = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(substitution, 1 + Math.Min(cost[i - 1, j], cost[i, j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    cost[i, j] = Math.Min(cost[i, j], 1 + cost[i - 2, j - 2]);
                }
            }
        }

        return cost[a.Length, b.Length];
    }
}

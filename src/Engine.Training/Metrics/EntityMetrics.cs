namespace Engine.Training.Metrics;

/// <summary>An entity of a text.</summary>
/// <param name="Type">What stands behind the dash of its labels, such as PER; "_" where nothing does.</param>
/// <param name="First">Its first word.</param>
/// <param name="Last">Its last word.</param>
internal readonly record struct Entity(string Type, int First, int Last);

/// <summary>
/// Precision, recall and F1 of entities as seqeval computes them by default, which is how the CoNLL-2000 script reads labels: B and S begin
/// an entity, I and E go on with it, and one that begins with I where none of its type is open is taken as begun there.
/// </summary>
internal static class EntityMetrics
{
    private const char Outside = 'O';

    /// <summary>Over all texts together; 0 where a formula divides by zero.</summary>
    /// <param name="labels">Each text's labels, as numbers of the names.</param>
    /// <param name="predictions">Likewise.</param>
    /// <param name="names">Labels such as O, B-PER, I-PER.</param>
    public static (double Precision, double Recall, double F1) Measure(
        IReadOnlyList<int[]> labels, IReadOnlyList<int[]> predictions, IReadOnlyList<string> names)
    {
        double right = 0, expected = 0, found = 0;
        for (int row = 0; row < labels.Count; row++)
        {
            HashSet<Entity> given = [.. Find([.. labels[row].Select(label => names[label])])];
            List<Entity> predicted = Find([.. predictions[row].Select(label => names[label])]);
            right += predicted.Count(given.Contains);
            expected += given.Count;
            found += predicted.Count;
        }

        return (found == 0 ? 0 : right / found, expected == 0 ? 0 : right / expected, right == 0 ? 0 : 2 * right / (found + expected));
    }

    /// <summary>The entities of a text by its words' labels, in their order.</summary>
    public static List<Entity> Find(IReadOnlyList<string> labels)
    {
        List<Entity> entities = [];
        (char Tag, string Type) before = (Outside, "");
        int first = 0;
        for (int i = 0; i <= labels.Count; i++)
        {
            (char Tag, string Type) now = i == labels.Count ? (Outside, "_") : Parse(labels[i]);
            if (Ends(before, now))
            {
                entities.Add(new Entity(before.Type, first, i - 1));
            }

            first = Begins(before, now) ? i : first;
            before = now;
        }

        return entities;
    }

    private static (char Tag, string Type) Parse(string label)
    {
        int dash = label.IndexOf('-', Math.Min(1, label.Length));
        string type = dash < 0 ? label[Math.Min(1, label.Length)..] : label[(dash + 1)..];
        return (label.Length == 0 ? Outside : label[0], type.Length == 0 ? "_" : type);
    }

    private static bool Ends((char Tag, string Type) before, (char Tag, string Type) now) => before.Tag is 'E' or 'S'
        || (before.Tag is 'B' or 'I' && now.Tag is 'B' or 'S' or Outside)
        || (before.Tag is not (Outside or '.') && before.Type != now.Type);

    private static bool Begins((char Tag, string Type) before, (char Tag, string Type) now) => now.Tag is 'B' or 'S'
        || (before.Tag is 'E' or 'S' or Outside && now.Tag is 'E' or 'I')
        || (now.Tag is not (Outside or '.') && before.Type != now.Type);
}

using System.Globalization;
using Engine.Devices;

namespace Engine.Bench;

/// <summary>
/// Writes a harder file from a tab-separated one with a header: some of its rows, some labels replaced by others of the file, or texts
/// without some of their words. What is drawn depends on the seed alone, so that the file is the same wherever it is made.
/// </summary>
internal static class DegradedData
{
    /// <summary>Streams of the draws; the seed belongs to this tool alone.</summary>
    private const uint Rows = 1, Flips = 2, Labels = 3, Words = 4;

    /// <param name="arguments">IN OUT, then --label COLUMN, --limit ROWS (the first of the file; all), --keep SHARE (1), --flip SHARE (0),
    /// --drop SHARE (0) of the words of --text COLUMN,COLUMN, --seed SEED (1).</param>
    /// <exception cref="ArgumentException">An option is missing, unknown or out of range, or there is no such column.</exception>
    public static void Run(string source, string target, IReadOnlyList<string> arguments)
    {
        Dictionary<string, string> options = arguments.Chunk(2).ToDictionary(
            pair => pair[0], pair => pair.Length == 2 ? pair[1] : throw new ArgumentException($"{pair[0]} has no value."));
        if (options.Keys.FirstOrDefault(
            name => name is not ("--label" or "--limit" or "--keep" or "--flip" or "--drop" or "--text" or "--seed")) is { } unknown)
        {
            throw new ArgumentException(
                $"There is no option {unknown}; the options are --label, --limit, --keep, --flip, --drop, --text and --seed.");
        }

        double keep = Share("--keep", 1), flip = Share("--flip", 0), drop = Share("--drop", 0);
        ulong seed = ulong.Parse(options.GetValueOrDefault("--seed", "1"), CultureInfo.InvariantCulture);
        int limit = int.Parse(options.GetValueOrDefault("--limit", $"{int.MaxValue}"), CultureInfo.InvariantCulture);
        string[] lines = File.ReadAllLines(source);
        string column = options.GetValueOrDefault("--label") ?? throw new ArgumentException("--label says which column holds the label.");
        int label = Column(column);
        int[] texts = [.. options.GetValueOrDefault("--text")?.Split(',').Select(Column) ?? []];
        if (drop > 0 && texts.Length == 0)
        {
            throw new ArgumentException("--drop takes words out of the columns that --text names; it names none.");
        }

        string[] rows = lines[1..Math.Min(lines.Length, limit < int.MaxValue ? limit + 1 : lines.Length)];
        rows = [.. Chosen(Rows, rows.Length, keep).Select(row => rows[row])];
        string[] labels = [.. rows.Select(row => row.Split('\t')[label])];
        object[] meanings =
            [.. labels.Select(text => double.TryParse(text, CultureInfo.InvariantCulture, out double number) ? (object)number : text)];
        if (meanings.Distinct().Count() < 2)
        {
            throw new ArgumentException($"{source}: every row has the label '{labels[0]}', so that there is none to flip to.");
        }

        foreach (int row in Chosen(Flips, rows.Length, flip))
        {
            string[] cells = rows[row].Split('\t');
            cells[label] = Other(row);
            rows[row] = string.Join('\t', cells);
        }

        for (int row = 0; row < rows.Length && drop > 0; row++)
        {
            string[] cells = rows[row].Split('\t');
            foreach (int text in texts)
            {
                cells[text] = WithoutWords(cells[text], (uint)((row * cells.Length) + text));
            }

            rows[row] = string.Join('\t', cells);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
        File.WriteAllLines(target, [lines[0], .. rows]);

        int Column(string name) => Array.IndexOf(lines[0].TrimStart('\uFEFF').Split('\t'), name) is >= 0 and var place
            ? place
            : throw new ArgumentException($"{source}: the header has no column '{name}'.");

        // As many words as the share says, rounded, drawn anew for each text; never the last one that is left.
        string WithoutWords(string text, uint place)
        {
            string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            int[] order = new PhiloxGenerator(seed, Words, place).Permutation(words.Length);
            int kept = Math.Max(1, words.Length - (int)Math.Round(drop * words.Length));
            return string.Join(' ', order.Take(kept).Order().Select(word => words[word]));
        }

        double Share(string name, double absent) =>
            options.TryGetValue(name, out string? text) && double.Parse(text, CultureInfo.InvariantCulture) is var value
                ? value is >= 0 and <= 1 ? value : throw new ArgumentException($"{name} is {text}; a share from 0 to 1 was expected.")
                : absent;

        // In the file's order.
        IEnumerable<int> Chosen(uint stream, int count, double share) =>
            new PhiloxGenerator(seed, stream, 0).Permutation(count).Take((int)Math.Round(share * count)).Order();

        // The label of a random row that has another: as likely as it is frequent.
        string Other(int row)
        {
            var random = new PhiloxGenerator(seed, Labels, (uint)row);
            for (ulong draw = 0; ; draw++)
            {
                int drawn = random.Below(draw, labels.Length);
                if (!meanings[drawn].Equals(meanings[row]))
                {
                    return labels[drawn];
                }
            }
        }
    }
}

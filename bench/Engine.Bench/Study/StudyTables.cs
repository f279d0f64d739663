using System.Globalization;
using Engine.Optim.Sharpness;

namespace Engine.Bench.Study;

/// <summary>
/// The study's lines as Markdown: of each part what became of the metric, what the perturbations came to, and how flat the minima are. A
/// difference is a method's less LoRA's of the same seed, mean and 95 percent interval by Student's t; in bold where the interval leaves
/// out 0.
/// </summary>
internal static class StudyTables
{
    /// <summary>Writes the tables of every part that has lines.</summary>
    public static void Write(IReadOnlyList<StudyLine> lines, TextWriter target)
    {
        foreach (StudyPart part in StudyPart.All)
        {
            IReadOnlyList<Row> rows = RowsOf(part, lines);
            if (rows.Count == 0)
            {
                continue;
            }

            target.WriteLine($"\n### {part.Name}\n");
            WriteTable(target, rows,
            [
                ("accuracy", row => Value(row, line => line.Metrics["accuracy"], 3)),
                ("to lora", row => Difference(row, line => line.Metrics["accuracy"], 3)),
                ("loss", row => Value(row, line => line.Metrics["loss"], 3)),
                ("to lora", row => Difference(row, line => line.Metrics["loss"], 3)),
                ("train loss", row => Value(row, line => line.TrainLoss, 3)),
            ]);
            if (rows.Any(row => row.Lines.Any(line => line.Rise is not null)))
            {
                target.WriteLine();
                WriteTable(target, [.. rows.Where(row => row.Lines.Any(line => line.Rise is not null))],
                [
                    ("realised rise", row => Value(row, line => line.Rise?.Mean, 4)),
                    ("of the loss", row => Value(row, line => line.Rise?.Share, 3)),
                    ("batch to batch", row => Value(row, line => line.Rise?.BatchDeviation, 3)),
                    ("radius", row => Value(row, line => line.Rise?.Radius, 4)),
                    ("largest", row => Value(row, line => line.Rise?.LargestRadius, 4)),
                    ("c / rho", row => Value(row, line => line.Rise?.Reached, 2)),
                ]);
            }

            foreach ((string title, Func<StudyLine, IReadOnlyDictionary<string, double?>?> figures) in Figures)
            {
                string[] names = [.. rows.SelectMany(row => row.Lines).SelectMany(line => figures(line)?.Keys ?? []).Distinct()];
                if (names.Length > 0)
                {
                    target.WriteLine($"\n{title}\n");
                    WriteTable(target, rows, [.. names.SelectMany(name => new (string, Func<Row, string>)[]
                    {
                        (name, row => Value(row, line => figures(line)?.GetValueOrDefault(name), 3)),
                        ("to lora", row => Difference(row, line => figures(line)?.GetValueOrDefault(name), 3)),
                    })]);
                }
            }
        }
    }

    private static (string Title, Func<StudyLine, IReadOnlyDictionary<string, double?>?> Figures)[] Figures { get; } =
    [
        ("Accuracy on shifted test sets:", line => line.Shifted?.ToDictionary(pair => pair.Key, pair => (double?)pair.Value)),
        ("Rises of the loss around the final weights:", line => line.Sharpness),
    ];

    private static IReadOnlyList<Row> RowsOf(StudyPart part, IReadOnlyList<StudyLine> lines)
    {
        StudyLine[] own = [.. lines.Where(line => line.Part == part.Name)];
        StudyLine[] reference = [.. own.Where(line => line.Method == StudyMethod.Reference)];
        return [.. from method in StudyMethod.All
                   from setting in method.Settings
                   let found = own.Where(line => (line.Method, line.Setting) == (method.Name, setting)).ToArray()
                   where found.Length > 0
                   select new Row(method.Text(setting), found, reference)];
    }

    private static void WriteTable(
        TextWriter target, IReadOnlyList<Row> rows, IReadOnlyList<(string Title, Func<Row, string> Text)> columns)
    {
        target.WriteLine($"| | runs | {string.Join(" | ", columns.Select(column => column.Title))} |");
        target.WriteLine($"|---|---|{string.Concat(Enumerable.Repeat("---|", columns.Count))}");
        foreach (Row row in rows)
        {
            target.WriteLine($"| {row.Name} | {row.Lines.Count} | {string.Join(" | ", columns.Select(column => column.Text(row)))} |");
        }
    }

    private static string Value(Row row, Func<StudyLine, double?> figure, int digits)
    {
        double[] values = [.. row.Lines.Select(figure).OfType<double>()];
        return values switch
        {
            [] => string.Empty,
            [var one] => Text(one, digits),
            _ => SampleMean.Of(values) is var mean ? $"{Text(mean.Value, digits)} ± {Text(mean.Deviation, digits)}" : string.Empty,
        };
    }

    private static string Difference(Row row, Func<StudyLine, double?> figure, int digits)
    {
        if (ReferenceEquals(row.Lines[0], row.Reference.FirstOrDefault())
            || PairedDifference.Of(BySeed(row.Lines), BySeed(row.Reference)) is not { } difference)
        {
            return string.Empty;
        }

        // One that rounds to 0 from below would have both signs.
        string zeros = new('0', digits);
        double rounded = Math.Round(difference.Mean, digits) + 0.0;
        string mean = rounded.ToString($"+0.{zeros};-0.{zeros}", CultureInfo.InvariantCulture);
        return difference.Pairs == 1 ? $"{mean} (one pair)"
            : difference.IsShown ? $"**{mean} ± {Text(difference.HalfWidth, digits)}**"
            : $"{mean} ± {Text(difference.HalfWidth, digits)}";

        Dictionary<ulong, double> BySeed(IReadOnlyList<StudyLine> lines) => lines
            .Where(line => figure(line) is not null)
            .ToDictionary(line => line.Seed, line => figure(line)!.Value);
    }

    private static string Text(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);

    /// <param name="Lines">Its runs.</param>
    /// <param name="Reference">LoRA's runs in the same part.</param>
    private sealed record Row(string Name, IReadOnlyList<StudyLine> Lines, IReadOnlyList<StudyLine> Reference);
}

using System.Text.Json.Nodes;
using Engine.Bench.Study;
using Engine.Tests;

namespace Engine.Bench.Tests;

/// <summary>What the study runs, goes on with, and says.</summary>
public sealed class StudyTests
{
    private static readonly StudyPart Search = StudyPart.All.Single(part => part.Name == StudyPart.SearchName);
    private static readonly StudyPart Main = StudyPart.All.Single(part => part.Name == "mrpc");
    private static readonly StudyMethod Sam = StudyMethod.All.Single(method => method.Name == "lora-sam");

    [Fact]
    public void Lines_are_read_as_they_were_written()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("lines.jsonl");
        StudyLine line = Line("mrpc", "lora-sam", "rho={rise: 0.05}", 3, 0.75) with
        {
            Rise = new RealisedRise(5, 0.01, 0.02, 0.5, 0.1, 0.03),
            Shifted = new Dictionary<string, double> { ["sts-b"] = 0.25 },
            Sharpness = new Dictionary<string, double?> { ["noise-1x"] = 0.125, ["line+1.00"] = null },
        };
        line.Append(path);
        Line("search", "lora", string.Empty, 0, 0.5).Append(path);
        IReadOnlyList<StudyLine> read = StudyLine.Read(path);
        Assert.Equal(2, read.Count);
        Assert.Equal((line.Rise, 3ul, "rho={rise: 0.05}"), (read[0].Rise, read[0].Seed, read[0].Setting));
        Assert.Equal(line.Shifted, read[0].Shifted);
        Assert.Equal(0.125, read[0].Sharpness!["noise-1x"]);
        Assert.Null(read[1].Rise);
        Assert.Empty(StudyLine.Read(folder.File("absent.jsonl")));
    }

    [Fact]
    public void Line_that_was_cut_off_is_named()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("lines.jsonl");
        Line("search", "lora", string.Empty, 0, 0.5).Append(path);
        File.AppendAllText(path, "{\"part\":\"sea");
        Assert.Contains("line 2", Assert.Throws<InvalidDataException>(() => StudyLine.Read(path)).Message);
    }

    /// <summary>Seed 0 of every method before seed 1 of any, LoRA first; every run once.</summary>
    [Fact]
    public void Search_runs_all_settings_seed_by_seed()
    {
        IReadOnlyList<StudyRun> runs = Search.Runs([], out IReadOnlyList<string> waiting);
        Assert.Empty(waiting);
        Assert.Equal(2 * StudyMethod.All.Sum(method => method.Settings.Count), runs.Count);
        Assert.Equal(runs.Count, runs.Select(run => (run.Method.Name, run.Setting, run.Seed)).Distinct().Count());
        Assert.Equal(("lora", 0ul), (runs[0].Method.Name, runs[0].Seed));
        Assert.Equal(runs.OrderBy(run => run.Seed), runs);
        Assert.Equal(StudyMethod.All.Select(method => method.Name), runs.Take(StudyMethod.All.Count).Select(run => run.Method.Name));
    }

    [Fact]
    public void Later_parts_wait_for_the_search_of_each_method_by_itself()
    {
        IReadOnlyList<StudyRun> runs = Main.Runs([], out IReadOnlyList<string> waiting);
        Assert.Equal(StudyMethod.All.Skip(1).Select(method => method.Name), waiting);
        Assert.All(runs, run => Assert.Equal("lora", run.Method.Name));
        Assert.Equal(Main.Seeds, runs.Count);

        runs = Main.Runs(Searched(), out waiting);
        Assert.DoesNotContain("lora-sam", waiting);
        Assert.Equal(2 * Main.Seeds, runs.Count(run => run.Method == Sam));

        runs = Main.Runs([.. Searched().Where(line => (line.Setting, line.Seed) != (Sam.Settings[2], 1ul))], out waiting);
        Assert.Contains("lora-sam", waiting);
    }

    /// <summary>Means over both seeds: 0.80, 0.83, 0.83 and 0.79, the tie decided by the smaller loss.</summary>
    [Fact]
    public void Best_settings_are_those_of_the_highest_mean_accuracy_ties_by_the_loss()
    {
        Assert.Equal([Sam.Settings[2], Sam.Settings[1]], StudySelection.Best(Sam, Searched(), 2, 2));
        Assert.Equal([Sam.Settings[2]], StudySelection.Best(Sam, Searched(), 1, 2));
        Assert.Equal([Sam.Settings[2],
            Sam.Settings[1]], StudySelection.Best(Sam, [.. Searched(), Line("mrpc", Sam.Name, Sam.Settings[3], 0, 1)], 2, 2));
    }

    [Fact]
    public void Part_runs_its_own_methods_alone_and_every_name_of_it_is_known()
    {
        StudyPart part = StudyPart.All.Single(part => part.Name == "query-value");
        Assert.Equal(["lora"], part.Runs([], out _).Select(run => run.Method.Name).Distinct());
        Assert.Contains("lora-sam", part.Runs(Searched(), out _).Select(run => run.Method.Name));
        part.Runs([], out IReadOnlyList<string> waiting);
        Assert.Equal(part.Methods.Skip(1), waiting);
        Assert.All(StudyPart.All, any => Assert.Empty(any.Methods.Except(StudyMethod.All.Select(method => method.Name))));
    }

    [Fact]
    public void Run_is_known_by_part_method_setting_and_seed()
    {
        var run = new StudyRun(Main, Sam, Sam.Settings[1], 2);
        Assert.True(run.Is(Line("mrpc", Sam.Name, Sam.Settings[1], 2, 0)));
        Assert.False(run.Is(Line("search", Sam.Name, Sam.Settings[1], 2, 0)));
        Assert.False(run.Is(Line("mrpc", "fm-lora", Sam.Settings[1], 2, 0)));
        Assert.False(run.Is(Line("mrpc", Sam.Name, Sam.Settings[2], 2, 0)));
        Assert.False(run.Is(Line("mrpc", Sam.Name, Sam.Settings[1], 1, 0)));
    }

    /// <summary>By hand: of eight steps the last four count, two of which know their rise.</summary>
    [Theory]
    [InlineData(true, 0.5, 0.06)]
    [InlineData(false, 0.47, 0.0638)]
    public void Realised_rise_is_over_the_steps_of_the_second_half_that_know_it(bool twoPasses, double loss, double share)
    {
        JsonObject[] steps = [.. Enumerable.Range(0, 8).Select(i => new JsonObject
        {
            ["loss"] = i < 4 ? 9.0 : 0.4 + (0.1 * (i - 4)),
            ["loss_rise"] = i is 4 or 6 ? 0.02 * (i - 3) / (i == 4 ? 1 : 1.5) : i < 4 ? 5.0 : null,
            ["rho"] = i < 4 ? 1.0 : 0.25,
        })];
        RealisedRise rise = StudyRise.Of(steps, twoPasses)!;
        Assert.Equal(2, rise.Known);
        Assert.Equal(0.03, rise.Mean, 1e-12);
        Assert.Equal(loss, rise.Loss, 1e-12);
        Assert.Equal(share, rise.Share, 1e-4);
        Assert.Equal(0.1 / Math.Sqrt(2), rise.BatchDeviation, 1e-12);
        Assert.Equal((0.25, 1.0, null), (rise.Radius, rise.LargestRadius, rise.Reached));
        Assert.Equal(0.7, StudyRise.TrainLoss(steps), 1e-12);
    }

    [Fact]
    public void Method_that_does_not_perturb_has_no_rise() =>
        Assert.Null(
            StudyRise.Of([new JsonObject { ["loss"] = 1.0 }, new JsonObject { ["loss"] = 1.0, ["loss_rise"] = null }], twoPasses: false));

    /// <summary>Differences 0.01 and 0.03: mean 0.02, half width 12.706 x 0.01.</summary>
    [Fact]
    public void Tables_give_paired_differences_with_their_intervals()
    {
        StudyLine[] lines =
        [
            Line("mrpc", "lora", string.Empty, 0, 0.70), Line("mrpc", "lora", string.Empty, 1, 0.80),
            Line("mrpc", "lora", string.Empty, 2, 0.10),
                Line("mrpc", Sam.Name, Sam.Settings[1], 0, 0.71), Line("mrpc", Sam.Name, Sam.Settings[1], 1, 0.83),
            ];
        using var text = new StringWriter();
        StudyTables.Write(lines, text);
        string[] row = text.ToString().Split('\n').Single(line => line.StartsWith("| lora-sam", StringComparison.Ordinal)).Split(" | ");
        Assert.Equal(("2", "0.770 ± 0.085", "+0.020 ± 0.127"), (row[1], row[2], row[3]));
        string[] reference = text.ToString().Split('\n').Single(line => line.StartsWith("| lora |", StringComparison.Ordinal)).Split(" | ");
        Assert.Equal(("3", string.Empty), (reference[1], reference[3]));
    }

    [Fact]
    public void Pairs_of_another_set_are_paraphrases_by_their_score()
    {
        string[] lines =
        [
            "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
            "0\tg\tMSRvid\ty\t0\tn\tn\tone\tother\t4.000", "1\tg\tMSRvid\ty\t0\tn\tn\tthree\tfour\t3.5",
            "2\tg\theadlines\ty\t0\tn\tn\tfive\tsix\t2.999", "3\tg\tMSRpar\ty\t0\tn\tn\tseven\teight\t5",
        ];
        Assert.Equal(["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "1\t0\t0\tone\tother",
            "0\t0\t0\tfive\tsix"], StudyData.Paraphrases(lines));
    }

    /// <summary>A third of nine words is three; order and other columns stay.</summary>
    [Fact]
    public void Dropped_words_are_a_share_of_each_text_and_the_rest_keeps_its_order()
    {
        using var folder = new TemporaryFolder();
        string source = folder.File("in.tsv"), target = folder.File("out.tsv");
        string[] rows = [.. Enumerable.Range(0, 8).Select(i => $"{i % 2}\ta b c d e f g h i\tkept as it is")];
        File.WriteAllLines(source, ["label\ttext\tother", .. rows]);
        DegradedData.Run(source, target, ["--label", "label", "--drop", "0.3333", "--text", "text"]);
        string[][] written = [.. File.ReadAllLines(target).Skip(1).Select(line => line.Split('\t'))];
        Assert.Equal(8, written.Length);
        Assert.All(written, cells => Assert.Equal((6, "kept as it is"), (cells[1].Split(' ').Length, cells[2])));
        Assert.All(written, cells => Assert.Equal(cells[1].Split(' ').Order(StringComparer.Ordinal), cells[1].Split(' ')));
        Assert.True(written.Select(cells => cells[1]).Distinct().Count() > 1);
    }

    private static IReadOnlyList<StudyLine> Searched() =>
    [
        .. from setting in Enumerable.Range(0, 4)
           from seed in Enumerable.Range(0, 2)
           let accuracy = new[] { 0.80, 0.83, 0.83, 0.79 }[setting] + (seed == 0 ? 0.02 : -0.02)
           let line = Line(StudyPart.SearchName, Sam.Name, Sam.Settings[setting], (ulong)seed, accuracy)
           select line with { Metrics = new Dictionary<string, double?> { ["accuracy"] = accuracy, ["loss"] = setting == 2 ? 0.4 : 0.5 } },
    ];

    private static StudyLine Line(string part, string method, string setting, ulong seed, double accuracy) => new(
        part, method, setting, seed, "commit", "cpu", 10, 1,
        0.1, new Dictionary<string, double?> { ["accuracy"] = accuracy, ["loss"] = 0.5 });
}

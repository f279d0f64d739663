using Engine.Bench.Study;
using Engine.Devices.Cpu;
using Engine.Tests;

namespace Engine.Bench.Tests;

/// <summary>The runs of the study, on a small model and a few rows.</summary>
[Trait("Category", "Long")]
public sealed class StudyRunnerTests
{
    private static readonly string[] Figures =
        ["noise-1x", "noise-2x", "noise-4x", "loss", "line+0.00", "ascent-weights", "ascent-adapter"];

    private static StudyPart Part(int lookedSeeds) => new(
        "small", "MRPC.yaml", 2, 0, $"model={Repository.Path("models/tiny-roberta")}", "max_steps=3", "data.limit=48",
        "data.validation_limit=8")
    {
        LookedSeeds = lookedSeeds,
        Methods = ["lora", "lora-sam"],
    };

    /// <summary>
    /// Three runs, then the other seven; the first's folder is gone by then, and its line stays the one it was.
    /// </summary>
    [SharedFact]
    public void Study_goes_on_from_its_lines_and_makes_no_run_twice()
    {
        using var folder = new TemporaryFolder();
        string results = folder.File("lines.jsonl");
        Assert.False(Make(folder, Part(0), most: 3));
        IReadOnlyList<StudyLine> first = StudyLine.Read(results);
        Assert.Equal(["lora", "lora-sam", "lora-sam"], first.Select(line => line.Method));
        Assert.Equal([0ul, 0ul, 0ul], first.Select(line => line.Seed));
        Assert.All(first, line => Assert.Equal((3L, true), (line.Steps, line.ProcessorSeconds > 0)));
        Assert.Null(first[0].Rise);
        Assert.Equal(2, first[1].Rise!.Known);
        Assert.NotEqual(first[1].Metrics["loss"], first[0].Metrics["loss"]);

        Directory.Delete(folder.File("runs/small"), recursive: true);
        Assert.True(Make(folder, Part(0), most: int.MaxValue));
        IReadOnlyList<StudyLine> all = StudyLine.Read(results);
        Assert.Equal(2 * (1 + 4), all.Select(line => (line.Method, line.Setting, line.Seed)).Distinct().Count());
        Assert.Equal(2 * (1 + 4), all.Count);
        Assert.Equal(first.Select(line => line.Seconds), all.Take(3).Select(line => line.Seconds));
        Assert.False(Directory.Exists(folder.File("runs/small/lora/seed-0")));

        string before = File.ReadAllText(results);
        Assert.True(Make(folder, Part(0), most: int.MaxValue));
        Assert.Equal(before, File.ReadAllText(results));
    }

    [SharedFact]
    public void Minima_of_the_first_seeds_are_looked_at_and_evaluated_on_other_test_sets()
    {
        using var folder = new TemporaryFolder();
        Assert.False(Make(folder, Part(1), most: 1));
        StudyLine line = Assert.Single(StudyLine.Read(folder.File("lines.jsonl")));
        Assert.Equal(["dropped-10", "dropped-30", "sts-b"], line.Shifted!.Keys.Order(StringComparer.Ordinal));
        Assert.All(line.Shifted.Values, accuracy => Assert.InRange(accuracy, 0, 1));
        Assert.Empty(Figures.Except(line.Sharpness!.Keys));
        Assert.Equal(0, line.Sharpness["line+0.00"]!.Value, 1e-6);
        Assert.NotEqual(0, line.Sharpness["noise-4x"]);
        Assert.True(line.Sharpness["ascent-weights"] > 0);
    }

    [SharedFact]
    public void Interrupted_study_adds_no_line_and_goes_on()
    {
        using var folder = new TemporaryFolder();
        Assert.False(Make(folder, Part(0), most: 1, new CancellationToken(canceled: true)));
        Assert.False(File.Exists(folder.File("lines.jsonl")));
        Assert.False(Make(folder, Part(0), most: 1));
        Assert.Single(StudyLine.Read(folder.File("lines.jsonl")));
    }

    private static bool Make(TemporaryFolder folder, StudyPart part, int most, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        var runner = new StudyRunner(device, Repository.Path("bench/glue"), folder.File("runs"), folder.File("lines.jsonl"));
        return runner.Run([part], [], most, cancellation);
    }
}

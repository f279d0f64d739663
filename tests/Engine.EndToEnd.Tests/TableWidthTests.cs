using Engine.Cli.Tables;
using Engine.Tests;
using Spectre.Console;

namespace Engine.EndToEnd.Tests;

/// <summary>Tables at the widths terminals have: no line is longer, every row keeps its name, and no figure is cut or folded.</summary>
public sealed class TableWidthTests
{
    private static readonly string[] Headings =
        ["method", ">runs", ">accuracy", ">loss", ">f1", ">f1_macro", ">matthews", ">s/step", ">time x lora", ">peak", ">peak x lora"];

    public static TheoryData<int> Widths => [40, 80, 100, 160];

    [Theory]
    [MemberData(nameof(Widths))]
    public void A_wide_table_keeps_names_and_figures_whole(int width)
    {
        string[][] rows = [.. new[] { "lora", "flat-lora{rho=0.1,noise_seed=3}", "flat-lora+nbar" }.Select((name, i) =>
            Headings.Select((_, column) => column == 0 ? name : $"{i}.{column:000} ± 0.0{column}").ToArray())];
        string[] lines = Draw(width, rows);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, width));
        foreach (string[] row in rows)
        {
            Assert.Contains(lines, line => line.TrimStart().StartsWith(row[0], StringComparison.Ordinal));
            Assert.All(row, cell => Assert.Contains(lines, line => line.Contains(cell, StringComparison.Ordinal)));
        }

        Assert.All(
            Headings[1..], heading => Assert.Contains(lines, line => line.Contains(heading.TrimStart('>'), StringComparison.Ordinal)));
    }

    /// <summary>
    /// Tables one below the other hold the first column in each; where there are many rows each stands for itself, with its name on a line.
    /// </summary>
    [Fact]
    public void A_long_table_that_is_too_wide_becomes_a_list()
    {
        string[][] rows = [.. Enumerable.Range(0, 30)
            .Select(i => Headings.Select((_, column) => column == 0 ? $"method {i}" : $"{i}.{column:000} ± 0.0{column}").ToArray())];
        string[] lines = Draw(80, rows);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        Assert.Equal(30, lines.Count(line => line.StartsWith("method ", StringComparison.Ordinal)));
        Assert.Contains(lines, line => line.StartsWith("  runs 7.001 ± 0.01   accuracy 7.002 ± 0.02", StringComparison.Ordinal));
        Assert.Equal(3, Draw(80, rows[..20]).Count(line => line.Contains("method 7 ", StringComparison.Ordinal)));
        Assert.Single(Draw(400, rows), line => line.Contains("method 7 ", StringComparison.Ordinal));
    }

    [Fact]
    public void Tables_of_every_command_fit_a_terminal()
    {
        using SmallRun run = new();
        string[] settings = ["--set", "adapter={r: 4, modules_to_save: [classifier]}", "--set", "max_steps=2", "--set", "eval_strategy=no"];
        string[] compare = ["compare", run.RunFile, "--methods", "lora,flat-lora{rho=0.1}", "--seeds", "2", "--sharpness",
            "expected,worst-case", "--sharpness-rows", "8", .. settings];
        EngineProcess.Run(compare).Succeeded();
        string made = run.File("run/lora/seed-3");
        foreach (int width in (int[])[80, 100, 160])
        {
            string comparison = Fits(width, compare);
            Assert.InRange(
                comparison.Split('\n').Count(line => line.Contains("  flat-lora{rho=0.1} ", StringComparison.Ordinal)),
                width < 160 ? 5 : 3, 9);
            Assert.Contains(
                "roberta.encoder.layer.1.attention.self.value ", Fits(width, "inspect", Path.Combine(made, "adapter")),
                StringComparison.Ordinal);
            Assert.Contains("accuracy ", Fits(width, "eval", made), StringComparison.Ordinal);
            Assert.Contains("optimizer ", Fits(width, ["estimate", run.RunFile, .. settings]), StringComparison.Ordinal);
            Assert.Contains("peak_device_bytes ", Fits(width, "inspect", made), StringComparison.Ordinal);
            Assert.Contains("cpu ", Fits(width, "devices"), StringComparison.Ordinal);
            string[] sharpness =
                ["sharpness", "--adapter", made, "--rows", "8", "--instruments", "expected,worst-case", "--output", run.File("sharpness")];
            Assert.Contains("seed-3 ", Fits(width, sharpness), StringComparison.Ordinal);
            string[] train = ["train", run.RunFile, .. settings, "--set", "eval_strategy=epoch", "--set",
                $"output={run.File($"train{width}")}", "--profile"];
            Assert.Contains("accuracy ", Fits(width, train), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_of_tensors_are_whole_at_80_columns()
    {
        string output = Fits(80, "inspect", SharedFiles.Path("goldens/models/roberta-cls/model.safetensors"));
        string[] lines = [.. output.Split('\n').Select(line => line.TrimEnd())];
        int name = Array.IndexOf(lines, "roberta.encoder.layer.1.attention.output.LayerNorm.weight");
        Assert.Equal("  type F32   shape [64]   bytes 256", lines[name + 1]);
    }

    /// <summary>Runs a command; every line fits but those that hold a path or a command to copy.</summary>
    private static string Fits(int width, params string[] arguments)
    {
        string output = EngineProcess.RunAtWidth(width, arguments).Succeeded().Output;
        string[] copied = ["written: ", "result: ", "try it: ", "device: "];
        Assert.All(
            output.Split('\n').Where(line => !copied.Any(start => line.StartsWith(start, StringComparison.Ordinal))),
            line => Assert.InRange(line.Length, 0, width));
        return output;
    }

    private static string[] Draw(int width, string[][] rows)
    {
        FittingTable table = TableStyle.Create(Headings);
        foreach (string[] row in rows)
        {
            table.Row(row);
        }

        StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        console.Profile.Width = width;
        console.Write(table);
        return [.. text.ToString().Split('\n').Select(line => line.TrimEnd())];
    }
}

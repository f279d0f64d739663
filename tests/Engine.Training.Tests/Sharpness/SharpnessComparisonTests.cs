using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Engine.Training.Sharpness;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Sharpness;

/// <summary>Adapters measured side by side, as a program asks for it.</summary>
public sealed class SharpnessComparisonTests : IDisposable
{
    private static readonly SharpnessOptions Quick = new()
    {
        Instruments = [SharpnessInstrument.WorstCase],
        Spaces = [SharpnessSpace.Adapter],
        AscentSteps = 2,
    };

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void Runs_are_measured_on_their_own_data_and_written_as_json_and_a_page()
    {
        Train("lora");
        Train("flat");
        var comparison = new SharpnessComparison([run.File("lora"), run.File("flat/adapter")], options: Quick);
        Assert.Equal(["lora", "flat"], comparison.Subjects.Select(subject => subject.Name));
        var what = new List<string>();
        using var device = new CpuDevice();
        SharpnessOutcome outcome = comparison.Measure(device, run.File("out"), new Told(what));
        Assert.False(outcome.Interrupted);
        foreach (AdapterReport report in outcome.Results.Adapters)
        {
            double trained =
                JsonNode.Parse(File.ReadAllText(run.File($"{report.Name}/summary.json")))!["metrics"]!["loss"]!.GetValue<double>();
            Assert.Equal(trained, report.Of(SharpnessSpace.Adapter)!.Loss, 2e-6);
            Assert.True(report.Of(SharpnessSpace.Adapter)!.WorstCase!.Ascent > 0);
        }

        Assert.Equal(outcome.Results.ToJson() + "\n", File.ReadAllText(outcome.JsonPath));
        Assert.Equal(outcome.Results.ToHtml(), File.ReadAllText(outcome.PagePath));
        Assert.Contains("adapter: worst-case", what);
        IEnumerable<SpaceReport> spaces = outcome.Results.Adapters.Select(report => report.Of(SharpnessSpace.Adapter)!);
        Assert.Equal(["loss", "one step", "ascent", "gradient norm"], SharpnessFigure.Of(spaces).Select(figure => figure.Heading));
    }

    [Fact]
    public void The_setup_comes_before_what_the_run_says()
    {
        Train("lora");
        run.WriteTable("other.tsv", [("a small heron", "animal"), ("a quite small saw", "tool"), ("an otter", "animal")]);
        var setup = new SharpnessSetup
        {
            Data = new DataSelection { Files = new DataFiles([run.File("other.tsv")]) },
            Rows = 2,
            BatchSize = 1,
            MaxLength = 8,
        };
        RunConfiguration measured = Assert.Single(new SharpnessComparison([run.File("lora")], setup, Quick).Subjects).Run;
        Assert.Equal([run.File("other.tsv")], measured.Data.HeldOut!.Paths);
        Assert.Equal((2, 1, 8), (measured.Data.ValidationLimit, measured.PerDeviceEvalBatchSize, measured.MaxLength));
    }

    [Fact]
    public void What_cannot_be_compared_names_the_setting_that_mends_it()
    {
        Train("lora");
        Train("flat");
        string file = run.File("flat/config.yaml");
        File.WriteAllText(file, File.ReadAllText(file).Replace("dev.tsv", "train.tsv", StringComparison.Ordinal));
        ConfigurationException several = Refused(() => new SharpnessComparison([run.File("lora"), run.File("flat")], options: Quick));
        Assert.Contains("evaluation data", several.Message, StringComparison.Ordinal);
        Assert.Equal(["Data"], several.Settings);
        ConfigurationException none = Refused(() => new SharpnessComparison([run.File("lora")], new SharpnessSetup { Rows = 0 }, Quick));
        Assert.Equal(["Rows", "BatchSize"], none.Settings);
    }

    private static ConfigurationException Refused(Func<SharpnessComparison> make) => Assert.Throws<ConfigurationException>(make);

    private void Train(string output) =>
        TrainerRuns.Train(run.WriteRun(output, extra: "max_steps: 4", method: output == "flat" ? "{name: flat-lora, rho: 0.1}" : "plain"));

    private sealed class Told(List<string> what) : IProgress<SharpnessProgress>
    {
        public void Report(SharpnessProgress value) => what.Add(value.What);
    }
}

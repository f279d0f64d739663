using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Evaluating a trained model by its path, and naming the data.</summary>
public sealed class ModelEvaluationTests : IDisposable
{
    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    [Fact]
    public void A_runs_own_data_gives_the_metrics_it_ended_with_and_other_data_gives_others()
    {
        TrainerRuns.Train(run.WriteRun("run"));
        TrainedModel trained = TrainedModel.Resolve(run.File("run"));
        using var device = new CpuDevice();
        ModelMetrics own = new ModelEvaluation(trained).Run(device);
        JsonNode summary = JsonNode.Parse(File.ReadAllText(run.File("run/summary.json")))!["metrics"]!;
        Assert.Equal((20, run.File("dev.tsv")), (own.Rows, own.Data));

        // Batches of another size sum in another order.
        Assert.Equal(summary["loss"]!.GetValue<double>(), own.Metrics["loss"], 1e-6);
        Assert.Equal(summary["accuracy"]!.GetValue<double>(), own.Metrics["accuracy"]);

        File.WriteAllText(run.File("other.csv"), "kind;words\nanimal;a small heron\ntool;the quite small saw\n");
        var selection = new DataSelection
        {
            Files = new DataFiles([run.File("other.csv")]),
            Delimiter = ';',
            Text = ColumnReference.ByName("words"),
            Label = ColumnReference.ByIndex(0),
        };
        ModelMetrics other = new ModelEvaluation(trained, new EvaluationSetup { Data = selection }).Run(device);
        Assert.Equal(2, other.Rows);
        Assert.NotEqual(own.Metrics["loss"], other.Metrics["loss"]);
    }

    [Fact]
    public void What_is_missing_is_named_as_the_settings_that_give_it()
    {
        string model = run.File("model");
        ConfigurationException none = Assert.Throws<ConfigurationException>(() => new ModelEvaluation(new TrainedModel(model, null, null)));
        Assert.Equal(["Data"], none.Settings);
        var files = new DataSelection { Files = new DataFiles([run.File("dev.tsv")]) };
        Assert.Equal(["Text", "Label"], Refused(files).Settings);
        Assert.Equal(["Format"], Refused(files with { Format = DataFormats.Text }).Settings);
        Assert.Equal(["Delimiter", "Format"], Refused(files with { Format = DataFormats.JsonLines, Delimiter = ';' }).Settings);
        Assert.Equal(["Header", "Format"], Refused(files with { Format = DataFormats.JsonLines, Header = false }).Settings);

        ConfigurationException Refused(DataSelection selection) => Assert.Throws<ConfigurationException>(
            () => new ModelEvaluation(new TrainedModel(model, null, null), new EvaluationSetup { Data = selection }));
    }
}
